// SPDX-License-Identifier: MIT OR Apache-2.0

//! Allocations of the kernel that fail on demand, counted by thread (`fail-nth` of its fault injection).

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::MountFlags;

use crate::settings;

const DEBUGFS: &str = "/sys/kernel/debug";
const KINDS: [&str; 2] = ["failslab", "fail_page_alloc"];
/// Where x86-64 puts the code of modules.
const MODULES: [&str; 2] = ["0xffffffffa0000000", "0xffffffffff000000"];

/// Whose allocations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All that the thread makes.
    All,
    /// Those made by a module or by what it calls.
    Modules,
}

/// What the kernel lacks for this.
///
/// # Errors
///
/// When it has no failslab.
pub fn available() -> Result<(), String> {
    match rustix::mount::mount("debugfs", DEBUGFS, "debugfs", MountFlags::empty(), None) {
        Ok(()) | Err(Errno::BUSY) => {}
        Err(error) => return Err(format!("debugfs cannot be mounted: {error}")),
    }
    let nth = Path::new("/proc/thread-self/fail-nth").exists();
    let kinds = KINDS
        .iter()
        .all(|kind| Path::new(DEBUGFS).join(kind).exists());
    // The debug kernel was built with it: there the tests run, and fail if it is missing.
    if nth && kinds || settings::kernel_is_slow() {
        Ok(())
    } else {
        Err("the kernel has no fault injection (CONFIG_FAILSLAB): use --kernel debug".to_owned())
    }
}

/// The allocations of the calling thread, until it is dropped.
#[derive(Debug)]
pub struct Faults {
    nth: File,
}

impl Faults {
    /// Gets ready to make allocations of the calling thread fail.
    pub fn of_this_thread(whose: Whose) -> Self {
        for kind in KINDS {
            // Those that may sleep are the module's; a failure is no news for the log.
            set(kind, "ignore-gfp-wait", "N");
            set(kind, "verbose", "0");
            let [start, end] = match whose {
                Whose::All => ["0x0", "0xffffffffffffffff"],
                Whose::Modules => MODULES,
            };
            set(kind, "require-start", start);
            set(kind, "require-end", end);
        }
        set("fail_page_alloc", "min-order", "0");
        let nth = File::options()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")
            .expect("open fail-nth of the thread");
        Self { nth }
    }

    /// Does something with the `n`th allocation on the way failing, from 1. Says whether there were so many.
    pub fn at<T>(&self, n: u32, act: impl FnOnce() -> T) -> (T, bool) {
        self.write(n);
        let result = act();
        let mut left = [0; 16];
        let len = self.nth.read_at(&mut left, 0).expect("read fail-nth");
        self.write(0);
        let left = std::str::from_utf8(&left[..len]).expect("a number");
        (result, left.trim() == "0")
    }

    fn write(&self, n: u32) {
        let written = self.nth.write_at(n.to_string().as_bytes(), 0);
        written.expect("write fail-nth");
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // The thread ends with the test, and what it counts with it.
        let _ = self.nth.write_at(b"0", 0);
    }
}

fn set(kind: &str, name: &str, value: &str) {
    let path = Path::new(DEBUGFS).join(kind).join(name);
    fs::write(&path, value).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}
