// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Debian root that holds the compilers which Debian built its kernels with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::privilege::as_root;
use super::{DOWNLOAD, Setup, mirror, stamp};
use crate::cache::Cache;
use crate::process::run_logged;

/// The Debian release whose compilers build the kernels used here.
pub(super) const SUITE: &str = "trixie";
/// Where the kernels come from.
pub(super) const BACKPORTS: &str = "trixie-backports";

/// What is installed in it: the kernel's build dependencies.
const PACKAGES: &[&str] = &[
    "bc",
    "bindgen",
    "bison",
    "build-essential",
    "ca-certificates",
    "clang",
    "cpio",
    "flex",
    "gcc-14",
    "kmod",
    "libdw-dev",
    "libelf-dev",
    "libssl-dev",
    "lld",
    "llvm",
    "pahole",
    "python3",
    "rsync",
    "rust-clippy",
    "rust-src",
    "rustc",
    "rustfmt",
    "xz-utils",
];

/// A folder of the host that a script in the root sees at a place of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bind<'a> {
    from: &'a Path,
    at: &'a str,
    /// How `mount` calls it.
    access: &'static str,
}

impl<'a> Bind<'a> {
    /// The script may read what is in it; nothing there changes.
    pub(crate) fn read(from: &'a Path, at: &'a str) -> Self {
        Self {
            from,
            at,
            access: "ro",
        }
    }

    /// The script may also write there.
    pub(crate) fn write(from: &'a Path, at: &'a str) -> Self {
        Self {
            from,
            at,
            access: "rw",
        }
    }
}

/// The Debian root, made.
#[derive(Debug, Clone)]
pub(crate) struct Chroot {
    root: PathBuf,
}

impl Chroot {
    /// The one in the cache.
    pub(crate) fn of(cache: &Cache) -> Self {
        Self {
            root: cache.chroot(),
        }
    }

    /// Whether it was made completely.
    pub(crate) fn is_made(cache: &Cache) -> bool {
        stamp::is_current(&cache.stamp("chroot"), &inputs()) && cache.chroot().is_dir()
    }

    /// A command that runs a shell script inside, as root. Each bind shows a folder of the host
    /// at a place in the root; the place is made when it is missing.
    ///
    /// The script has process and mount namespaces of its own with `/proc` mounted: however it ends,
    /// nothing stays mounted and nothing keeps running.
    pub(crate) fn command(&self, binds: &[Bind<'_>], script: &str) -> anyhow::Result<Command> {
        let mut command = as_root("unshare")?;
        command.args(unshare_args(&self.root, binds, script));
        Ok(command)
    }
}

/// Namespaces of its own for mounts and processes: when the first process in them ends, or is
/// killed, all that was mounted and all that runs there goes too.
const UNSHARE: [&str; 4] = ["--mount", "--pid", "--fork", "--kill-child"];

fn unshare_args(root: &Path, binds: &[Bind<'_>], script: &str) -> Vec<String> {
    // Positional parameters keep every path out of the reach of the shell's word splitting.
    const ENTER: &str = "set -e; root=$1; script=$2; shift 2; \
        [ ! -e /etc/resolv.conf ] || { touch \"$root/etc/resolv.conf\"; \
        mount --bind /etc/resolv.conf \"$root/etc/resolv.conf\"; }; \
        mount -t proc proc \"$root/proc\"; \
        while [ $# -gt 0 ]; do mkdir -p \"$root$2\"; mount --bind \"$1\" \"$root$2\"; \
        mount -o \"remount,bind,$3\" \"$root$2\"; shift 3; done; \
        exec chroot \"$root\" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive sh -ec \"$script\"";
    let mut args: Vec<String> = UNSHARE
        .into_iter()
        .chain(["sh", "-c", ENTER, "sh"])
        .map(str::to_owned)
        .collect();
    args.push(root.display().to_string());
    args.push(script.to_owned());
    for bind in binds {
        args.push(bind.from.display().to_string());
        args.push(bind.at.to_owned());
        args.push(bind.access.to_owned());
    }
    args
}

/// Makes the root unless it is there.
pub(super) fn make(setup: &Setup<'_>) -> anyhow::Result<()> {
    stamp::once(
        setup,
        "chroot",
        "Debian root with the kernel's compilers",
        &inputs(),
        || {
            let mirror = mirror::choose(setup.mirror)?;
            let log = setup.cache.log("chroot");
            let root = setup.cache.chroot();
            let draft = root.with_extension("draft");
            for old in [&root, &draft] {
                if old.exists() {
                    run_logged(
                        as_root("rm")?.args(["-rf", "--one-file-system"]).arg(old),
                        &log,
                        DOWNLOAD,
                    )?;
                }
            }
            fs::create_dir_all(setup.cache.root()).context("making the cache")?;
            run_logged(
                as_root("unshare")?
                    .args(UNSHARE)
                    .args(["--mount-proc", "mmdebstrap"])
                    .args(mmdebstrap_args(&mirror, &draft)),
                &log,
                DOWNLOAD,
            )?;
            run_logged(as_root("mv")?.arg(&draft).arg(&root), &log, DOWNLOAD)
        },
    )?;
    Ok(())
}

fn mmdebstrap_args(mirror: &str, target: &Path) -> Vec<String> {
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let mut args = vec![
        // Root is there anyway; the other modes need a set-up of the host.
        "--mode=root".to_owned(),
        "--variant=apt".to_owned(),
        format!("--include={}", PACKAGES.join(",")),
        SUITE.to_owned(),
        target.display().to_string(),
    ];
    args.extend(
        [SUITE, BACKPORTS].map(|suite| format!("deb [signed-by={keyring}] {mirror} {suite} main")),
    );
    args
}

fn inputs() -> String {
    format!("{SUITE} {BACKPORTS}\n{}\n", PACKAGES.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mmdebstrap_gets_both_suites_from_the_mirror() {
        let args = mmdebstrap_args("http://mirror.example/debian", Path::new("/c/chroot.draft"));
        assert_eq!(args[3..5], ["trixie", "/c/chroot.draft"]);
        assert!(args[5].ends_with("http://mirror.example/debian trixie main"));
        assert!(args[6].ends_with("http://mirror.example/debian trixie-backports main"));
    }

    #[test]
    fn paths_and_script_travel_as_parameters() {
        let args = unshare_args(
            Path::new("/a b"),
            &[Bind::read(Path::new("/x y"), "/k")],
            "make 'it'",
        );
        assert_eq!(
            args[args.len() - 5..],
            ["/a b", "make 'it'", "/x y", "/k", "ro"]
        );
    }
}
