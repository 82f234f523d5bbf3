// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that Debian has not, or not in the version needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{BUILD, BpfToolchain, DOWNLOAD, Scope, Setup, stamp, unpack};
use crate::cache::Cache;
use crate::process::run_logged;

const VIRTME_NG: &str = "1.42";
const VIRTIOFSD: &str = "1.14.0";
const BPF_LINKER: &str = "0.13.0";
const CARGO_DENY: &str = "0.20.2";
const PROMTOOL_PACKAGE: &str = "prometheus";

/// Whether the programs are there, in the versions wanted here.
pub(super) fn current(cache: &Cache, scope: Scope) -> bool {
    let is = |step: &str, inputs: &str| stamp::is_current(&cache.stamp(step), inputs);
    let bpf_linker = BpfToolchain::find(cache).is_ok_and(|bpf| {
        is(
            "bpf-linker",
            &cargo_inputs(BPF_LINKER, &bpf_linker_options(&bpf)),
        )
    });
    let for_vm = is("virtme-ng", VIRTME_NG)
        && is("virtiofsd", &cargo_inputs(VIRTIOFSD, &[]))
        && is("promtool", PROMTOOL_PACKAGE)
        && bpf_linker;
    let for_test = is("cargo-deny", &cargo_inputs(CARGO_DENY, &[]));
    for_vm && (scope == Scope::Vm || for_test)
}

/// Where promtool is once it was set up.
pub(crate) fn promtool_path(cache: &Cache) -> PathBuf {
    cache.unpacked("prometheus").join("usr/bin/promtool")
}

/// virtme-ng, which boots a kernel on the host's own root file system.
pub(super) fn virtme_ng(setup: &Setup<'_>) -> anyhow::Result<()> {
    stamp::once(
        setup,
        "virtme-ng",
        &format!("virtme-ng {VIRTME_NG}"),
        VIRTME_NG,
        || {
            let venv = setup.cache.venv();
            let log = setup.cache.log("virtme-ng");
            unpack::fresh(&venv)?;
            // The system's own Python: the package python3-venv belongs to it.
            run_logged(
                Command::new("/usr/bin/python3")
                    .args(["-m", "venv"])
                    .arg(&venv),
                &log,
                DOWNLOAD,
            )?;
            let mut pip = Command::new(venv.join("bin/pip"));
            pip.args(["install", "--no-input", "--disable-pip-version-check"]);
            run_logged(pip.arg(format!("virtme-ng=={VIRTME_NG}")), &log, DOWNLOAD)
        },
    )?;
    Ok(())
}

/// virtiofsd, which serves the host's root file system to the VM.
pub(super) fn virtiofsd(setup: &Setup<'_>) -> anyhow::Result<()> {
    cargo_install(setup, "virtiofsd", VIRTIOFSD, &[], |_| Ok(()))
}

/// bpf-linker, built with the LLVM of the BPF compiler.
pub(super) fn bpf_linker(setup: &Setup<'_>) -> anyhow::Result<()> {
    let bpf = BpfToolchain::find(setup.cache)?;
    let options = bpf_linker_options(&bpf);
    cargo_install(setup, "bpf-linker", BPF_LINKER, &options, |cargo| {
        cargo.env("LLVM_PREFIX", bpf.llvm_prefix());
        // The linker must find the libraries that LLVM itself needs.
        cargo.env("LIBRARY_PATH", bpf.library_path());
        let mut flags = String::from("-C link-arg=-Wl,--allow-shlib-undefined");
        if let Ok(given) = std::env::var("RUSTFLAGS") {
            flags = format!("{given} {flags}");
        }
        cargo.env("RUSTFLAGS", flags);
        Ok(())
    })
}

fn bpf_linker_options(bpf: &BpfToolchain) -> [String; 3] {
    [
        "--no-default-features".into(),
        "--features".into(),
        format!("llvm-{}", bpf.llvm),
    ]
}

/// cargo-deny, which checks licences and advisories of what we depend on.
pub(super) fn cargo_deny(setup: &Setup<'_>) -> anyhow::Result<()> {
    cargo_install(setup, "cargo-deny", CARGO_DENY, &[], |_| Ok(()))
}

/// promtool, which checks what the exporter prints. Its package would start a server, so it is
/// unpacked instead of being installed.
pub(super) fn promtool(setup: &Setup<'_>) -> anyhow::Result<()> {
    stamp::once(setup, "promtool", "promtool", PROMTOOL_PACKAGE, || {
        let target = setup.cache.unpacked("prometheus");
        unpack::host_packages(setup, &[PROMTOOL_PACKAGE.to_owned()], &target)
    })?;
    Ok(())
}

fn cargo_install(
    setup: &Setup<'_>,
    name: &str,
    version: &str,
    options: &[String],
    adjust: impl FnOnce(&mut Command) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let inputs = cargo_inputs(version, options);
    stamp::once(setup, name, &format!("{name} {version}"), &inputs, || {
        // A build folder in the cache lets an interrupted build go on where it was.
        let build = setup.cache.root().join("build").join(name);
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "--locked", "--force", "--root"])
            .arg(setup.cache.tools());
        cargo.args(["--version", version, name]).args(options);
        cargo.env("CARGO_TARGET_DIR", &build);
        // No checkout's own cargo configuration may play a part.
        cargo.current_dir(setup.cache.root());
        adjust(&mut cargo)?;
        run_logged(&mut cargo, &setup.cache.log(name), BUILD)?;
        remove(&build)
    })?;
    Ok(())
}

fn cargo_inputs(version: &str, options: &[String]) -> String {
    format!("{version} {}", options.join(" "))
}

fn remove(dir: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))
}
