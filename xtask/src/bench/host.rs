// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds what is measured on the host, runs it, and shows what came of it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::figures::Unit;
use super::rows::{self, Row};
use super::table::{Place, Report};
use super::told::{Measured, Told};
use super::{CoroipcArgs, coroipc, page, processor, show};
use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::process::run_logged;
use crate::progress::{Progress, Verbosity};
use crate::setup;
use crate::vm::outcome::STATUS_INFRASTRUCTURE;

/// Longest time for compiling the side of libqb.
const COMPILING: Duration = Duration::from_secs(120);

/// Where that side is in a checkout.
const LIBQB_SIDE: &str = "libipcon/coroipc/bench/libqb";

/// Measures coroipc; the result is the exit status.
pub(super) fn coroipc(args: &CoroipcArgs) -> anyhow::Result<u8> {
    // Before anything is built for nothing.
    let rows = rows::named(
        coroipc::ROWS,
        args.rows.filter.as_deref().unwrap_or_default(),
    )?;
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let libqb = setup::libqb(&cache, progress)?;
    let peer = libqb_side(&workspace, &libqb, &cache.log("bench-coroipc"))?;
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    let program = build.bench_of_coroipc()?;

    let mut command = Command::new(program);
    command.arg("measure").arg("--libqb").arg(peer);
    command.arg(format!("--rounds={}", args.rows.rounds));
    if args.rows.quick {
        command.arg("--quick");
    }
    command.args(rows.iter().map(|row| row.name));
    let load = processor::load();
    let Some(measured) = measure(command, &rows, progress)? else {
        // What the program complained of was shown.
        return Ok(STATUS_INFRASTRUCTURE as u8);
    };
    let report = report(measured, load);
    show(&report, args.rows.format)?;
    if !args.rows.quick && args.rows.filter.is_none() {
        let path = page::write(&workspace, "coroipc", &report.markdown())?;
        progress.say(format!("written to {}", path.display()));
    }
    Ok(0)
}

/// Compiles the program that drives libqb, which finds the library where it was unpacked.
fn libqb_side(workspace: &Workspace, libqb: &Path, log: &Path) -> anyhow::Result<PathBuf> {
    let program = workspace.programs().join("libqb-bench");
    fs::create_dir_all(workspace.programs()).context("making the folder of programs")?;
    let library = library_folder(libqb)?;
    let side = workspace.root().join(LIBQB_SIDE);
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    cc.arg("-I").arg(libqb.join("usr/include"));
    cc.arg("-o").arg(&program);
    cc.args(["main.c", "client.c", "server.c"].map(|source| side.join(source)));
    cc.arg("-L").arg(&library).arg("-lqb");
    cc.arg(format!("-Wl,-rpath,{}", library.display()));
    run_logged(&mut cc, log, COMPILING).context("compiling what drives libqb")?;
    Ok(program)
}

/// The folder below `usr/lib` that has the library; its name is that of the architecture.
fn library_folder(libqb: &Path) -> anyhow::Result<PathBuf> {
    let folders = libqb.join("usr/lib");
    let entries =
        fs::read_dir(&folders).with_context(|| format!("reading {}", folders.display()))?;
    for entry in entries {
        let folder = entry.context("reading a folder")?.path();
        if folder.join("libqb.so").exists() {
            return Ok(folder);
        }
    }
    bail!("no libqb.so in a folder of {}", folders.display())
}

/// Runs it and hears what it tells; `None` when it failed.
fn measure(
    mut command: Command,
    rows: &[&'static Row],
    progress: Progress,
) -> anyhow::Result<Option<Measured>> {
    let starting = || "starting coroipc-bench";
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(starting)?;
    let mut says = child.stdout.take().with_context(starting)?;
    let mut told = Told::new(progress);
    let mut bytes = [0; 4096];
    loop {
        match says.read(&mut bytes).context("hearing what was measured")? {
            0 => break,
            len => told.hear(&bytes[..len]),
        }
    }
    let status = child.wait().context("waiting for coroipc-bench")?;
    if !status.success() {
        return Ok(None);
    }
    told.all(rows, Unit::Nanoseconds).map(Some)
}

fn report(measured: Measured, load: Option<f64>) -> Report {
    Report {
        place: Place {
            kernel: measured.kernel,
            accel: "none",
            cpus: measured.cpus,
            clocksource: measured.clocksource,
            processor: processor::name(),
            load,
        },
        rows: measured.rows,
        left_out: measured.left_out,
    }
}
