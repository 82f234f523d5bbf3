// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the module could be loaded: whether modprobe would find it for the kernel that runs.

use std::fs;
use std::path::Path;

/// `None` where the list that modprobe goes by is not there, as in most containers.
pub(super) fn is_installed() -> Option<bool> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let folder = Path::new("/lib/modules").join(release.trim());
    let list = fs::read(folder.join("modules.dep")).ok()?;
    Some(lists_module(&list))
}

/// Whether it is in a list as depmod writes it: the path of a module, which may be compressed, a colon, and the paths of
/// those that it needs.
fn lists_module(list: &[u8]) -> bool {
    list.split(|&byte| byte == b'\n').any(|line| {
        let path = line.split(|&byte| byte == b':').next().unwrap_or_default();
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        name == b"ipcon.ko" || name.starts_with(b"ipcon.ko.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_known_by_its_file() {
        for list in [
            "kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz\nupdates/dkms/ipcon.ko.xz:\n",
            "updates/dkms/ipcon.ko: kernel/net/other.ko",
            "/lib/modules/7.3.0/extra/ipcon.ko:\n",
            "ipcon.ko.zst:\n",
        ] {
            assert!(lists_module(list.as_bytes()), "{list}");
        }
        for list in [
            "",
            "kernel/net/myipcon.ko:\n",
            "kernel/net/ipcon.koala:\n",
            "kernel/ipcon.ko/other.ko:\n",
            "kernel/net/other.ko: extra/ipcon.ko\n",
        ] {
            assert!(!lists_module(list.as_bytes()), "{list}");
        }
    }
}
