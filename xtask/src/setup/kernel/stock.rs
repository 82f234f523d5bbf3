// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's own kernels, the newest of trixie-backports: image and modules to boot from, and a source
//! tree prepared for building ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::super::chroot::{BACKPORTS, Bind, Chroot};
use super::super::privilege::as_root;
use super::super::{BUILD, DOWNLOAD, Flavour, Setup, stamp, unpack};
use super::{index_modules, kmod, series_of};
use crate::process::{capture, run_logged};

/// Modules that are loaded before the VM has a root file system, where nothing can unpack them.
const EARLY_MODULES: &[&str] = &[
    "9p",
    "9pnet_virtio",
    "atkbd",
    "i8042",
    "overlay",
    "virtio_console",
    "virtio_mmio",
    "virtio_pci",
    "virtiofs",
];

/// Makes a kernel of `flavour` ready for booting and for building modules; returns its release.
pub(super) fn prepare(setup: &Setup<'_>, flavour: Flavour, update: bool) -> anyhow::Result<String> {
    let chroot = Chroot::of(setup.cache);
    let release = match fs::read_to_string(setup.cache.flavour(flavour.name())) {
        Ok(release) if !update => release.trim().to_owned(),
        _ => newest(setup, &chroot, flavour)?,
    };
    let packages = setup
        .cache
        .root()
        .join("kernels")
        .join(format!("{release}.debs"));
    stamp::once(
        setup,
        &format!("kernel-{release}"),
        &format!("kernel {release}"),
        &format!("{release}\n{}\n", EARLY_MODULES.join("\n")),
        || {
            download(setup, &chroot, &release, &packages)?;
            unpack_kernel(setup, &release, &packages)
        },
    )?;
    stamp::once(
        setup,
        &format!("tree-{release}"),
        &format!("kernel {release}: source prepared for building modules"),
        &release,
        || {
            if !packages.is_dir() {
                download(setup, &chroot, &release, &packages)?;
            }
            prepare_tree(setup, &chroot, &release)
        },
    )?;
    if packages.is_dir() {
        fs::remove_dir_all(&packages)
            .with_context(|| format!("removing {}", packages.display()))?;
    }
    Ok(release)
}

/// Asks the package index for the newest release.
fn newest(setup: &Setup<'_>, chroot: &Chroot, flavour: Flavour) -> anyhow::Result<String> {
    let _step = setup
        .progress
        .step(format!("kernel {flavour}: looking for the newest"));
    run_logged(
        &mut chroot.command(&[], "apt-get --quiet update")?,
        &setup.cache.log("kernel"),
        DOWNLOAD,
    )?;
    let meta = format!("linux-image-{flavour}");
    let shown = capture(&mut chroot.command(&[], &format!("apt-cache show '{meta}/{BACKPORTS}'"))?)
        .or_else(|_| capture(&mut chroot.command(&[], &format!("apt-cache show '{meta}'"))?))
        .with_context(|| format!("looking for {meta} in {BACKPORTS}"))?;
    release_of(&shown, flavour.name())
        .map(str::to_owned)
        .with_context(|| format!("{meta} in {BACKPORTS} depends on no kernel image:\n{shown}"))
}

/// The release that the first (newest) version of a `linux-image-FLAVOUR` package depends on.
fn release_of<'a>(shown: &'a str, flavour: &str) -> Option<&'a str> {
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "))
        .flat_map(|depends| depends.split(", "))
        .filter_map(|depend| depend.split(' ').next())
        .filter_map(|name| name.strip_prefix("linux-image-"))
        .find(|release| {
            release.starts_with(|c: char| c.is_ascii_digit())
                && release.ends_with(&format!("-{flavour}"))
        })
}

/// Fetches image, modules, headers and source.
fn download(
    setup: &Setup<'_>,
    chroot: &Chroot,
    release: &str,
    packages: &Path,
) -> anyhow::Result<()> {
    unpack::fresh(packages)?;
    let series = series_of(release)?;
    // What the image package is made of has changed over time; its dependencies of the same
    // release name the parts (linux-binary-…, linux-modules-…).
    let script = format!(
        "cd /mnt/debs
         apt-get --quiet update
         parts=$(apt-cache depends --no-recommends --no-suggests 'linux-image-{release}' |
             sed -n 's/^ *Depends: \\(linux-.*-{release}\\)$/\\1/p')
         apt-get --quiet --option APT::Sandbox::User=root download \
             'linux-image-{release}' $parts 'linux-headers-{release}' 'linux-source-{series}'",
        release = release,
    );
    let mut command = chroot.command(&[Bind::write(packages, "/mnt/debs")], &script)?;
    run_logged(&mut command, &setup.cache.log("kernel"), DOWNLOAD)
        .with_context(|| format!("fetching the packages of kernel {release}"))
}

fn unpack_kernel(setup: &Setup<'_>, release: &str, packages: &Path) -> anyhow::Result<()> {
    let log = setup.cache.log("kernel");
    let target = setup.cache.kernel(release);
    unpack::fresh(&target)?;
    unpack::all(packages, &target, &log)?;
    let modules = target.join("usr/lib/modules").join(release);
    if !modules.join("vmlinuz").is_file() {
        let boot = target.join("boot").join(format!("vmlinuz-{release}"));
        fs::copy(&boot, modules.join("vmlinuz"))
            .with_context(|| format!("looking for the kernel image in {}", boot.display()))?;
    }
    let base = target.join("usr");
    index_modules(&base, release, &log)?;
    let compressed = compressed_modules(&base, release)?;
    if !compressed.is_empty() {
        run_logged(
            Command::new("xz").arg("--decompress").args(&compressed),
            &log,
            BUILD,
        )?;
        index_modules(&base, release, &log)?;
    }
    Ok(())
}

/// The early modules, with all they depend on, that are compressed.
fn compressed_modules(base: &Path, release: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for module in EARLY_MODULES {
        let mut modprobe = Command::new(kmod("modprobe")?);
        modprobe
            .arg("-d")
            .arg(base)
            .args(["-S", release, "--show-depends", module]);
        // A module this flavour lacks, or has built in, is no error.
        if let Ok(depends) = capture(&mut modprobe) {
            found.extend(
                insmod_paths(&depends).filter(|path| path.extension().is_some_and(|e| e == "xz")),
            );
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn insmod_paths(depends: &str) -> impl Iterator<Item = PathBuf> {
    depends
        .lines()
        .filter_map(|line| line.strip_prefix("insmod "))
        .map(|path| PathBuf::from(path.trim_end()))
}

/// Unpacks the source next to the header package's configuration and prepares it.
fn prepare_tree(setup: &Setup<'_>, chroot: &Chroot, release: &str) -> anyhow::Result<()> {
    let log = setup.cache.log("tree");
    let tree = setup.cache.kernel_tree(release);
    if tree.exists() {
        // The preparation ran as root inside the Debian root.
        run_logged(
            as_root("rm")?.args(["-rf", "--one-file-system"]).arg(&tree),
            &log,
            DOWNLOAD,
        )?;
    }
    fs::create_dir_all(&tree).with_context(|| format!("making {}", tree.display()))?;
    let packages = setup.cache.kernel(release);
    let script = tree_script(release, series_of(release)?);
    let mut command = chroot.command(
        &[
            Bind::write(&tree, "/k/tree"),
            Bind::read(&packages, "/k/packages"),
        ],
        &script,
    )?;
    run_logged(&mut command, &log, BUILD)
        .with_context(|| format!("preparing the source of kernel {release}"))
}

/// What runs in the Debian root to prepare `/k/tree`.
///
/// The header package has the configuration, the symbol table and the BTF of the very kernel that
/// boots, but no Rust metadata; the source has all the rest. `kernelrelease` must match the kernel,
/// or it would refuse the modules.
fn tree_script(release: &str, series: &str) -> String {
    let make = Flavour::Amd64.compilers();
    format!(
        "headers=/k/packages/usr/src/linux-headers-{release}
         tar -C /k/tree --strip-components=1 --exclude='*/Documentation/*.rst' \
             --exclude='*/drivers/*.c' --exclude='*/sound/*.c' \
             -xf /k/packages/usr/src/linux-source-{series}.tar.xz
         cd /k/tree
         cp \"$headers/.config\" .config
         version=$(make -s kernelversion)
         release='{release}'
         scripts/config --set-str LOCALVERSION \"${{release#\"$version\"}}\"
         make {make} olddefconfig
         make {make} -j\"$(nproc)\" modules_prepare
         cp -L \"$headers/Module.symvers\" .
         cp -L \"$headers/vmlinux\" .
         built=$(make -s {make} kernelrelease)
         if [ \"$built\" != \"$release\" ]; then
             echo \"the prepared source is $built, the kernel $release\" >&2
             exit 1
         fi"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn release_comes_from_the_newest_version() {
        let shown = "Package: linux-image-amd64\nVersion: 7.3.4-1~bpo13+1\n\
            Depends: linux-base-amd64 (= 7.3.4-1~bpo13+1), linux-image-7.3.4+deb13-amd64 (= 7.3.4-1)\n\n\
            Version: 6.12.107-1\nDepends: linux-image-6.12.107+deb13-amd64 (= 6.12.107-1)\n";
        assert_eq!(release_of(shown, "amd64"), Some("7.3.4+deb13-amd64"));
        assert_eq!(release_of(shown, "cloud-amd64"), None);
        assert_eq!(release_of("Depends: libc6\n", "amd64"), None);
    }

    #[test]
    fn series_of_usual_releases() {
        assert_eq!(series_of("7.3.4+deb13-amd64").unwrap(), "7.3");
        assert_eq!(series_of("7.10.12+deb13-cloud-amd64").unwrap(), "7.10");
        assert_eq!(series_of("7.3+deb13-amd64").unwrap(), "7.3");
        assert!(series_of("amd64").is_err());
    }

    #[test]
    fn insmod_lines_of_modprobe() {
        let depends = "builtin virtio_pci\ninsmod /c/usr/lib/modules/7/kernel/fs/netfs.ko.xz \n\
                       insmod /c/usr/lib/modules/7/kernel/fs/9p.ko \n";
        let paths: Vec<_> = insmod_paths(depends).collect();
        assert_eq!(paths.len(), 2);
        assert_eq!(
            paths[0],
            Path::new("/c/usr/lib/modules/7/kernel/fs/netfs.ko.xz")
        );
    }
}
