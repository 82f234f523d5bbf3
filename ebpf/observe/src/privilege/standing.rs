// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this process may do, and what it finds, as far as the kernel tells.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::bpf_call::{self, BpfCall};
use super::capabilities::Capabilities;
use super::module;
use super::status::{self, Status};
use super::tracepoints;
use crate::model::{SafeText, display_name};
use crate::probes::{self, Program};
use crate::sources::bus::BusSource;
use crate::sources::channels::ChannelSource;

/// Number of the initial user namespace, the same on every Linux.
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// What a thread may do, and what it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The file of the program. `None` when it cannot be found.
    pub binary: Option<Binary>,
    /// Effective user id.
    pub uid: u32,
    /// Capabilities that count now.
    pub effective: Capabilities,
    /// Capabilities that it may make count.
    pub permitted: Capabilities,
    /// Capabilities that a program started from here could get at all.
    pub bounding: Capabilities,
    /// Whether what is started from here gets no more than this has.
    pub no_new_privs: bool,
    /// Whether capabilities count outside of a namespace of this user's own. `None` when the kernel does not tell.
    pub initial_user_namespace: Option<bool>,
    /// What becomes of bpf(2).
    pub bpf_call: BpfCall,
    /// What the kernel hides from everybody.
    pub lockdown: Lockdown,
    /// `kernel.unprivileged_bpf_disabled`. It changes nothing for probes, which need capabilities in any case.
    pub unprivileged_bpf_disabled: Option<u8>,
    /// Whether the probes are part of the program.
    pub probes_built: bool,
    /// Whether the kernel has the tracepoints, by name. `None` when it does not tell.
    pub tracepoints: Option<BTreeMap<&'static str, bool>>,
    /// Whether modprobe would find the module. `None` when that cannot be told, as in most containers.
    pub module_installed: Option<bool>,
    /// Why the bus cannot be read. `None` when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_bus: Option<String>,
    /// Why processes cannot be looked at. `None` when they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proc: Option<String>,
    /// Whether `/proc` does not show the processes of others to those without privilege.
    pub proc_hides_processes: bool,
}

/// The file of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Binary {
    /// Where it is.
    #[serde(serialize_with = "printable")]
    pub path: PathBuf,
    /// Whether what is there now may be anything: it is another file than runs, neither of root nor of who runs it, or no file.
    pub replaced: bool,
    /// Whether it is on a file system on which capabilities of files do not count.
    pub nosuid: bool,
    /// Capabilities that the file gives.
    pub capabilities: Capabilities,
}

impl Binary {
    /// Where it is, safe to print.
    #[must_use]
    pub fn printable_path(&self) -> SafeText {
        display_name(self.path.as_os_str().as_bytes())
    }
}

/// A path may be any bytes, of which JSON can have some only.
fn printable<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    display_name(path.as_os_str().as_bytes()).serialize(serializer)
}

/// How far the kernel is locked down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lockdown {
    /// The kernel does not tell, or cannot be locked down.
    #[default]
    Unknown,
    /// Not at all.
    None,
    /// Nobody may change it.
    Integrity,
    /// Nobody may look into it either.
    Confidentiality,
}

impl Standing {
    /// Asks the kernel, for the calling thread. Takes some tens of milliseconds, since the kernel's list of functions is
    /// long; attaches nothing, and does not become a peer of the bus.
    #[must_use]
    pub fn detect() -> Self {
        Self {
            unprivileged_bpf_disabled: text("/proc/sys/kernel/unprivileged_bpf_disabled")
                .trim()
                .parse()
                .ok(),
            tracepoints: tracepoints::find(&Program::ALL.map(Program::tracepoint)),
            module_installed: module::is_installed(),
            no_bus: BusSource::open().err().map(|error| error.to_string()),
            no_proc: ChannelSource::open().err().map(|error| error.to_string()),
            proc_hides_processes: status::hides_processes(&text("/proc/thread-self/mountinfo")),
            ..Self::of_thread()
        }
    }

    /// What it may do, without what it finds.
    pub(super) fn of_thread() -> Self {
        let status = Status::parse(&text("/proc/thread-self/status")).unwrap_or_default();
        let bpf_call = match status.filtered {
            true => bpf_call::find_out(),
            false => BpfCall::Allowed,
        };
        let namespace = fs::metadata("/proc/thread-self/ns/user");
        Self {
            binary: Binary::own(status.uid),
            uid: status.uid,
            effective: status.effective,
            permitted: status.permitted,
            bounding: status.bounding,
            no_new_privs: status.no_new_privs,
            initial_user_namespace: namespace.ok().map(|it| it.ino() == INITIAL_USER_NAMESPACE),
            bpf_call,
            lockdown: status::lockdown(&text("/sys/kernel/security/lockdown")),
            probes_built: probes::are_built_in(),
            ..Self::default()
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described_as_the_kernel_knows_it() {
        let standing = Standing::detect();
        let sets = rustix::thread::capabilities(None).unwrap();
        assert_eq!(standing.effective, Capabilities(sets.effective));
        assert_eq!(standing.permitted, Capabilities(sets.permitted));
        assert_eq!(standing.uid, rustix::process::geteuid().as_raw());
        assert_eq!(standing.no_proc, None);
        assert!(standing.initial_user_namespace.is_some());
        assert_eq!(
            standing.no_new_privs,
            rustix::thread::no_new_privs().unwrap()
        );
    }
}
