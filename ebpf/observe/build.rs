// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the BPF object into the library, when it has been built.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Names the object; set by the workspace's cargo configuration.
const OBJECT_VARIABLE: &str = "IPCON_PROBES_OBJECT";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={OBJECT_VARIABLE}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let embedded = out.join("ipcon-probes");
    let object = env::var_os(OBJECT_VARIABLE).map(PathBuf::from);
    match object {
        Some(object) if object.is_file() => {
            println!("cargo::rerun-if-changed={}", object.display());
            fs::copy(&object, &embedded).map(drop)
        }
        Some(object) => {
            watch_folder_of(&object)?;
            fs::write(&embedded, [])
        }
        None => fs::write(&embedded, []),
    }
}

/// Lets cargo run this again as soon as the object appears. A file that is not there yet would make it
/// run, and the crate be compiled, every time.
fn watch_folder_of(object: &Path) -> io::Result<()> {
    if let Some(folder) = object.parent() {
        fs::create_dir_all(folder)?;
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    Ok(())
}
