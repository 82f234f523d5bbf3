// SPDX-License-Identifier: MIT OR Apache-2.0
//! The BPF object, built by a compiler of its own.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use super::{Build, DEADLINE};
use crate::process::run_logged;
use crate::setup::BpfToolchain;

impl Build<'_> {
    /// Builds the object and puts it where `ipcon-observe` takes it from.
    pub(crate) fn probes(&self) -> anyhow::Result<()> {
        let bpf = BpfToolchain::find(self.cache)?;
        let linker = self.cache.tool("bpf-linker");
        if !linker.is_file() {
            bail!("bpf-linker is missing; run: cargo xtask setup");
        }
        let folder = self.workspace.target().join("bpf");
        let build = folder.join("build");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--locked"]);
        cargo.current_dir(self.workspace.root().join("ebpf/programs"));
        cargo.env("CARGO_TARGET_DIR", &build);
        // Debian's compiler is a stable one; its core for BPF wants a nightly's features.
        cargo.env("RUSTC", bpf.rustc()).env("RUSTC_BOOTSTRAP", "1");
        cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTFLAGS");
        cargo.env("LD_LIBRARY_PATH", bpf.library_path());
        cargo.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &linker);
        {
            let _step = self.progress.step("BPF probes");
            run_logged(&mut cargo, &folder.join("build.log"), DEADLINE)
                .context("building ebpf/programs")?;
        }
        let built = build.join("bpfel-unknown-none/release/ipcon-probes");
        let object = folder.join("ipcon-probes");
        let bytes = fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
        if fs::read(&object).is_ok_and(|there| there == bytes) {
            // Untouched, so that cargo sees no reason to build what embeds it.
            self.progress.say("BPF probes: up to date");
            return Ok(());
        }
        let draft = folder.join("ipcon-probes.draft");
        fs::write(&draft, bytes).with_context(|| format!("writing {}", draft.display()))?;
        fs::rename(&draft, &object).context("putting the BPF object in place")?;
        self.progress
            .say(format!("BPF probes: {}", object.display()));
        Ok(())
    }
}
