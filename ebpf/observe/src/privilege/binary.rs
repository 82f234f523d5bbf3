// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of the running program, which can carry capabilities.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{StatVfsMountFlags, getxattr, statvfs};
use rustix::thread::CapabilitySet;

use super::capabilities::Capabilities;
use super::standing::Binary;

impl Binary {
    /// That of this process, which runs as this user. `None` when it cannot be found.
    pub(super) fn own(uid: u32) -> Option<Self> {
        let path = without_mark(fs::read_link("/proc/self/exe").ok()?);
        // Asked through the link, which holds even if the file was replaced.
        let nosuid = statvfs("/proc/self/exe")
            .is_ok_and(|about| about.f_flag.contains(StatVfsMountFlags::NOSUID));
        let mut attribute = [0; 64];
        let length = getxattr("/proc/self/exe", "security.capability", &mut attribute);
        let capabilities = length
            .ok()
            .and_then(|length| permitted(attribute.get(..length)?));
        let found = fs::symlink_metadata(&path).ok().map(|it| File::of(&it));
        let running = fs::metadata("/proc/self/exe").ok().map(|it| File::of(&it));
        let replaced = is_replaced(found, running, uid);
        Some(Self {
            path,
            replaced,
            nosuid,
            capabilities: capabilities.unwrap_or_default(),
        })
    }
}

/// Where the file is, or was: the kernel marks the path of one that was removed or replaced, as by an upgrade.
fn without_mark(path: PathBuf) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    match bytes.strip_suffix(b" (deleted)") {
        Some(before) if !path.exists() => OsStr::from_bytes(before).into(),
        _ => path,
    }
}

/// What tells a file from others, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    is_regular: bool,
    device: u64,
    inode: u64,
    owner: u32,
}

impl File {
    fn of(metadata: &Metadata) -> Self {
        Self {
            is_regular: metadata.is_file(),
            device: metadata.dev(),
            inode: metadata.ino(),
            owner: metadata.uid(),
        }
    }
}

/// Whether what was found where the running file should be is something that this user has no reason to give capabilities to.
/// One that root or the user put there, as by an upgrade, is as good as what runs.
fn is_replaced(found: Option<File>, running: Option<File>, uid: u32) -> bool {
    let Some(found) = found.filter(|found| found.is_regular) else {
        return true;
    };
    let place = |file: File| (file.device, file.inode);
    let is_the_same = running.is_some_and(|running| place(running) == place(found));
    !is_the_same && found.owner != 0 && found.owner != uid
}

/// What a file's attribute gives, in any revision that Linux has: the revision, then the lower and upper halves of
/// the permitted and inheritable sets, in little endian.
fn permitted(attribute: &[u8]) -> Option<Capabilities> {
    let word = |at: usize| {
        let bytes = attribute.get(at * 4..at * 4 + 4)?;
        Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
    };
    let upper = match word(0)? >> 24 {
        1 => 0,
        2 | 3 => word(3)?,
        _ => return None,
    };
    let bits = word(1)? | upper << 32;
    Some(Capabilities(CapabilitySet::from_bits_retain(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_of_a_file_are_read() {
        // As `setcap cap_bpf,cap_perfmon+ep` writes it.
        let attribute = [
            1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(permitted(&attribute), Some(Capabilities::PROBES));
        let mut third = attribute.to_vec();
        third[3] = 3;
        third.extend([0xe8, 3, 0, 0]);
        assert_eq!(permitted(&third), Some(Capabilities::PROBES));
        let first = [1, 0, 0, 1, 4, 0, 8, 0, 0, 0, 0, 0];
        assert_eq!(permitted(&first), Some(Capabilities::CHANNELS));
        assert_eq!(permitted(&attribute[..10]), None);
        assert_eq!(permitted(&[0; 20]), None, "no such revision");
        assert_eq!(permitted(&[]), None);
    }

    #[test]
    fn the_path_of_a_program_that_was_replaced_is_where_the_new_one_is() {
        let path = |text: &str| without_mark(text.into()).display().to_string();
        assert_eq!(path("/nowhere/ipcon-top (deleted)"), "/nowhere/ipcon-top");
        assert_eq!(path("/nowhere/ipcon-top"), "/nowhere/ipcon-top");
    }

    #[test]
    fn a_file_of_somebody_else_in_its_place_is_not_it() {
        let running = File {
            is_regular: true,
            device: 1,
            inode: 10,
            owner: 2000,
        };
        let is_replaced = |found| is_replaced(found, Some(running), 1000);
        assert!(!is_replaced(Some(running)), "whoever owns what runs");
        assert!(is_replaced(None), "it is gone");
        for (owner, replaced) in [(0, false), (1000, false), (2000, true), (3000, true)] {
            let inode = 11;
            let device = 2;
            let owned = |other: File| Some(File { owner, ..other });
            assert_eq!(is_replaced(owned(File { inode, ..running })), replaced);
            assert_eq!(is_replaced(owned(File { device, ..running })), replaced);
            let is_regular = false;
            assert!(is_replaced(owned(File {
                is_regular,
                ..running
            })));
        }
    }

    #[test]
    fn this_test_has_a_file_without_capabilities() {
        let binary = Binary::own(rustix::process::geteuid().as_raw()).unwrap();
        assert!(binary.path.is_file());
        assert!(!binary.replaced);
        assert_eq!(binary.capabilities, Capabilities::NONE);
    }
}
