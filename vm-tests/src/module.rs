// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loading and unloading the module under test.

use std::ffi::{CStr, CString};
use std::fs;
use std::sync::OnceLock;

use rustix::io::Errno;

const NAME: &CStr = c"ipcon";

/// Loads the module with parameters such as `max_msg_len=512`.
///
/// # Errors
///
/// What the kernel says.
pub fn load(parameters: &str) -> Result<(), Errno> {
    // The root of the VM is slow, and some tests load often.
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let path = std::env::var("IPCON_KO").expect("IPCON_KO names the file of the module");
        fs::read(&path).unwrap_or_else(|error| panic!("read {path}: {error}"))
    });
    let parameters = CString::new(parameters).expect("parameters without NUL");
    rustix::system::init_module(image, &parameters)
}

/// Unloads the module.
///
/// # Errors
///
/// `EAGAIN` or `EBUSY` when it is in use; it stays loaded then.
pub fn unload() -> Result<(), Errno> {
    // O_NONBLOCK: refuse instead of waiting.
    rustix::system::delete_module(NAME, libc::O_NONBLOCK)
}

/// Whether the module is loaded.
pub fn is_loaded() -> bool {
    fs::exists("/sys/module/ipcon").expect("look for the module")
}

/// The value of a parameter of the loaded module.
pub fn parameter(name: &str) -> String {
    let path = format!("/sys/module/ipcon/parameters/{name}");
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("read {path}: {error}"))
        .trim()
        .to_owned()
}

/// Parameters of the loaded module with other values, until this is dropped.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Gives a parameter another value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: u64) -> Self {
        self.0.push((name, parameter(name)));
        set_parameter(name, &value.to_string());
        self
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (name, value) in self.0.iter().rev() {
            set_parameter(name, value);
        }
    }
}

fn set_parameter(name: &str, value: &str) {
    let path = format!("/sys/module/ipcon/parameters/{name}");
    fs::write(&path, value).unwrap_or_else(|error| panic!("write {value} to {path}: {error}"));
}

/// How many hold the module: one for each socket that a peer has.
pub fn references() -> u32 {
    let text = fs::read_to_string("/sys/module/ipcon/refcnt").expect("read the reference count");
    text.trim().parse().expect("a number")
}

/// Loads the module without parameters when a test that replaces it ends, however it ends.
#[derive(Debug)]
pub struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        let loaded = if is_loaded() { unload() } else { Ok(()) }.and_then(|()| load(""));
        if let (Err(error), false) = (loaded, std::thread::panicking()) {
            panic!("load the module again: {error}");
        }
    }
}
