// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packages of the host.

use std::process::Command;

use anyhow::{Context, bail};

use super::privilege::{as_root, prefix};
use super::{DOWNLOAD, Setup};
use crate::process::{capture, find_program, run_logged};

/// A package of Debian that the host must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) why: &'static str,
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why }
}

/// Everything the host needs from its distribution.
pub(crate) const NEEDED: &[Package] = &[
    package("qemu-system-x86", "runs the VM"),
    package(
        "busybox-static",
        "starts the VM when its root file system is 9p",
    ),
    package("file", "tells virtme-ng whether busybox is static"),
    package("mount", "mounts what the Debian root needs"),
    package("iproute2", "brings up the VM's loopback interface"),
    package("kmod", "indexes the modules of the VM's kernel"),
    package("xz-utils", "unpacks kernel modules"),
    package(
        "mmdebstrap",
        "makes the Debian root with the kernel's compilers",
    ),
    package(
        "debian-archive-keyring",
        "checks the signatures of Debian's archive",
    ),
    package("python3-venv", "holds virtme-ng"),
    package(
        "python3-yaml",
        "reads ipcon.yaml for the kernel's own netlink client",
    ),
    package("build-essential", "links Rust programs"),
    package("valgrind", "looks for leaks of the C library"),
    package("man-db", "judges the manual pages of the C library"),
    package("pkg-config", "finds libraries of C"),
    package("libcap-ng-dev", "builds virtiofsd"),
    package("libseccomp-dev", "builds virtiofsd"),
];

/// Which of the needed packages are not installed. `None` where there is no dpkg to ask.
pub(crate) fn missing() -> Option<Vec<Package>> {
    find_program("dpkg-query")?;
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(NEEDED.iter().map(|package| package.name))
        .output()
        .ok()?;
    // The exit status tells only that some package is unknown; the lines tell which are there.
    Some(not_installed(
        NEEDED,
        &String::from_utf8_lossy(&output.stdout),
    ))
}

fn not_installed(needed: &[Package], status: &str) -> Vec<Package> {
    needed
        .iter()
        .filter(|package| {
            let installed = format!("{} installed", package.name);
            !status.lines().any(|line| line == installed)
        })
        .copied()
        .collect()
}

/// The command that installs `packages` on this machine.
pub(crate) fn install_command(packages: &[Package]) -> String {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    format!(
        "{}apt-get install --no-install-recommends {}",
        prefix(),
        names.join(" ")
    )
}

/// Installs what is missing.
pub(super) fn install(setup: &Setup<'_>) -> anyhow::Result<()> {
    let Some(missing) = missing() else {
        bail!(
            "this machine has no dpkg; set-up works by itself on Debian 12 and 13 only.\n\
             On another system, run ipcon in a Debian machine or container, there:\n    {}",
            install_command(NEEDED)
        );
    };
    if missing.is_empty() {
        setup.progress.say("packages of the host: there already");
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let log = setup.cache.log("packages");
    {
        let _step = setup
            .progress
            .step("packages of the host: updating the index");
        update_index(setup)?;
    }
    let plan = capture(
        Command::new("apt-get")
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(&names),
    )
    .with_context(|| format!("asking apt what it would do to install {}", names.join(" ")))?;
    for line in removals(&plan) {
        setup
            .progress
            .say(format!("packages of the host: apt removes {line}"));
    }
    let _step = setup.progress.step(format!(
        "packages of the host: installing {}",
        names.join(" ")
    ));
    run_logged(
        apt_get()?
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&names),
        &log,
        DOWNLOAD,
    )
    .with_context(|| {
        format!(
            "installing packages; by hand: {}",
            install_command(&missing)
        )
    })
}

/// Updates apt's index, so that downloads by version find their files.
pub(super) fn update_index(setup: &Setup<'_>) -> anyhow::Result<()> {
    run_logged(
        apt_get()?.arg("update"),
        &setup.cache.log("packages"),
        DOWNLOAD,
    )
    .context("updating apt's index")
}

fn apt_get() -> anyhow::Result<Command> {
    let mut command = as_root("env")?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
    // Another apt may be at work on this machine; wait for it instead of failing.
    command.args(["--option", "DPkg::Lock::Timeout=300"]);
    Ok(command)
}

/// What a simulated installation would remove.
fn removals(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| line.strip_prefix("Remv "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_with_files_left_is_missing() {
        let needed = [
            package("kmod", ""),
            package("xz-utils", ""),
            package("qemu-system-x86", ""),
        ];
        let status = "kmod installed\nxz-utils config-files\n";
        let names: Vec<_> = not_installed(&needed, status)
            .iter()
            .map(|p| p.name)
            .collect();
        assert_eq!(names, ["xz-utils", "qemu-system-x86"]);
    }

    #[test]
    fn removals_are_told() {
        let plan = "Inst a (1)\nRemv qemu-utils [1:10.0]\nConf a (1)\n";
        assert_eq!(removals(plan), ["qemu-utils [1:10.0]"]);
    }
}
