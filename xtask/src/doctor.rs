// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask doctor`: what is needed, what was found, and the command that closes each gap.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::Cache;
use crate::process::{capture, find_program};
use crate::setup::{self, BpfToolchain, Chroot, Flavour, Kernel, packages};
use crate::vm::accel::Accel;

/// Disk space that a complete set-up takes, the optional kernels aside.
const CACHE_SIZE: u64 = 12 << 30;
/// Memory that the VM and the programs around it take.
const MEMORY: u64 = 4 << 30;
/// The oldest compiler of the workspace.
const RUST: (u32, u32) = (1, 88);

/// Options of `cargo xtask doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command; the result is the exit status, 1 when something is missing.
pub(crate) fn run(_: &Args) -> anyhow::Result<u8> {
    let cache = Cache::locate()?;
    let findings = examine(&cache);
    for line in render(&findings) {
        println!("{line}");
    }
    let missing = findings
        .iter()
        .filter(|finding| finding.fix.is_some())
        .count();
    if missing == 0 {
        println!("\nNothing is missing.");
        return Ok(0);
    }
    println!(
        "\n{missing} missing; `cargo xtask setup` supplies all that apt and cargo can supply."
    );
    Ok(1)
}

/// One thing that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: String,
    found: String,
    /// The command, or the words, that close the gap; none when there is no gap.
    fix: Option<String>,
}

impl Finding {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            found: found.into(),
            fix: None,
        }
    }

    fn gap(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            found: found.into(),
            fix: Some(fix.into()),
        }
    }
}

fn examine(cache: &Cache) -> Vec<Finding> {
    let mut findings = vec![
        system(),
        rust(),
        privilege(),
        space(cache),
        memory(),
        accel(),
    ];
    findings.extend(host_packages());
    findings.extend(prepared(cache));
    findings
}

fn render(findings: &[Finding]) -> Vec<String> {
    let width = findings
        .iter()
        .map(|finding| finding.what.len())
        .max()
        .unwrap_or(0);
    findings
        .iter()
        .map(|Finding { what, found, fix }| match fix {
            None => format!("ok       {what:width$}  {found}"),
            Some(fix) => format!("missing  {what:width$}  {found}; run: {fix}"),
        })
        .collect()
}

fn system() -> Finding {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    let name = field("PRETTY_NAME").unwrap_or_else(|| "an unknown system".to_owned());
    match (field("ID").as_deref(), field("VERSION_ID").as_deref()) {
        (Some("debian"), Some("12" | "13")) => Finding::good("Debian 12 or 13", name),
        _ => Finding::gap(
            "Debian 12 or 13",
            format!("this is {name}"),
            "the same command in a Debian 13 machine or container",
        ),
    }
}

fn rust() -> Finding {
    let what = format!("rustc {}.{} or newer", RUST.0, RUST.1);
    let fix = "rustup update stable (see https://rustup.rs)";
    match capture(Command::new("rustc").arg("--version")) {
        Ok(version) if rust_version(&version).is_some_and(|found| found >= RUST) => {
            Finding::good(what, version.trim())
        }
        Ok(version) => Finding::gap(what, format!("found {}", version.trim()), fix),
        Err(_) => Finding::gap(what, "not found", fix),
    }
}

/// `rustc 1.95.0 (…)` as (1, 95).
fn rust_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn privilege() -> Finding {
    let what = "root, for set-up and the module's build";
    if rustix::process::geteuid().is_root() {
        Finding::good(what, "this is root")
    } else if let Some(sudo) = find_program("sudo") {
        Finding::good(what, format!("through {}", sudo.display()))
    } else {
        Finding::gap(
            what,
            "not root, and no sudo",
            "su -c 'apt-get install sudo'",
        )
    }
}

fn space(cache: &Cache) -> Finding {
    let what = "disk space for the cache";
    let at = cache
        .root()
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let Ok(fs) = rustix::fs::statvfs(at) else {
        return Finding::gap(what, format!("{} cannot be examined", at.display()), "df");
    };
    let free = fs.f_bavail * fs.f_frsize;
    let found = format!("{} GiB free at {}", free >> 30, at.display());
    if free >= CACHE_SIZE || setup::is_complete(cache) {
        Finding::good(what, found)
    } else {
        let needed = CACHE_SIZE >> 30;
        Finding::gap(
            what,
            found,
            format!("XDG_CACHE_HOME=FOLDER … with {needed} GiB free there"),
        )
    }
}

fn memory() -> Finding {
    let what = "memory for the VM";
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match available_memory(&text) {
        Some(bytes) if bytes >= MEMORY => {
            Finding::good(what, format!("{} MiB available", bytes >> 20))
        }
        Some(bytes) => Finding::gap(
            what,
            format!("{} MiB available", bytes >> 20),
            "cargo xtask vm --memory 1G, or end other programs",
        ),
        None => Finding::gap(what, "/proc/meminfo does not tell", "free"),
    }
}

fn available_memory(meminfo: &str) -> Option<u64> {
    let value = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

fn accel() -> Finding {
    let found = match Accel::detect() {
        Accel::Kvm => "KVM",
        Accel::Tcg => "none that works: the VM's code is translated, which is slower and works too",
    };
    Finding::good("hardware virtualisation", found)
}

fn host_packages() -> Vec<Finding> {
    let Some(missing) = packages::missing() else {
        let fix = packages::install_command(packages::NEEDED);
        return vec![Finding::gap("packages of Debian", "there is no dpkg", fix)];
    };
    packages::NEEDED
        .iter()
        .map(|package| {
            if missing.contains(package) {
                let fix = packages::install_command(&[*package]);
                Finding::gap(
                    package.name,
                    format!("not installed ({})", package.why),
                    fix,
                )
            } else {
                Finding::good(package.name, format!("installed ({})", package.why))
            }
        })
        .collect()
}

fn prepared(cache: &Cache) -> Vec<Finding> {
    let fix = "cargo xtask setup";
    let made = |what: &str, found: Option<String>| match found {
        Some(found) => Finding::good(what, found),
        None => Finding::gap(what, "not there", fix),
    };
    let tool = |name: &str| {
        let path = cache.tool(name);
        made(name, path.is_file().then(|| path.display().to_string()))
    };
    let virtme = cache.venv().join("bin/virtme-run");
    let promtool = setup::promtool_path(cache);
    let mut findings = vec![made(
        "the kernel's compilers",
        Chroot::is_made(cache).then(|| cache.chroot().display().to_string()),
    )];
    findings.extend(Flavour::ALL.map(|flavour| kernel(cache, flavour)));
    findings.extend([
        made(
            "virtme-ng",
            virtme.is_file().then(|| virtme.display().to_string()),
        ),
        tool("virtiofsd"),
        made(
            "BPF compiler",
            BpfToolchain::find(cache)
                .ok()
                .map(|found| found.rustc().display().to_string()),
        ),
        tool("bpf-linker"),
        made(
            "promtool",
            promtool.is_file().then(|| promtool.display().to_string()),
        ),
        tool("cargo-deny"),
    ]);
    findings
}

/// One of the VM's kernels. Only those that the checks boot are needed.
fn kernel(cache: &Cache, flavour: Flavour) -> Finding {
    let what = format!("kernel {flavour}");
    let fix = format!("cargo xtask setup --kernel {flavour}");
    match Kernel::find(cache, flavour) {
        Ok(kernel) if kernel.tree.join("Module.symvers").is_file() => {
            Finding::good(what, kernel.release)
        }
        Ok(kernel) => Finding::gap(
            what,
            format!("{}, without its tree for modules", kernel.release),
            fix,
        ),
        Err(_) if setup::TESTED.contains(&flavour) => Finding::gap(what, "not there", fix),
        Err(_) => Finding::good(what, format!("not there, and optional: {fix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gap_has_its_command() {
        let findings = [
            Finding::good("kmod", "installed"),
            Finding::gap(
                "busybox-static",
                "not installed",
                "apt-get install busybox-static",
            ),
        ];
        assert_eq!(
            render(&findings),
            [
                "ok       kmod            installed",
                "missing  busybox-static  not installed; run: apt-get install busybox-static",
            ]
        );
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(
            rust_version("rustc 1.95.0 (5980761 2026-04-14)"),
            Some((1, 95))
        );
        assert!(rust_version("rustc 1.9.0 (old)") < Some(RUST));
        assert_eq!(rust_version("rustc"), None);
    }

    #[test]
    fn memory_in_bytes() {
        assert_eq!(
            available_memory("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(available_memory("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn an_empty_cache_lacks_everything_that_setup_makes() {
        let findings = prepared(&Cache::at("/nonexistent"));
        assert!(
            findings.iter().all(|finding| match &finding.fix {
                Some(fix) => fix.starts_with("cargo xtask setup"),
                None => finding.found.contains("optional: cargo xtask setup"),
            }),
            "{findings:?}"
        );
    }
}
