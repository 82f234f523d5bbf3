// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask vmtest`: the end-to-end tests, all of them in one VM for each kernel.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::channel::Start;
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Flavour, Kernel, Scope};
use crate::vm::machine::{Job, Machine, Options};
use crate::vm::outcome::STATUS_INFRASTRUCTURE;
use crate::vm::splat::Splat;
use crate::vm::{current_directory, environment};

mod junit;
mod ktap;
mod live;
mod options;
mod results;
mod run;

use live::Live;
pub(crate) use options::Args;
use results::Results;
use run::Run;

/// How many messages the fuzzer sends at most, unless it was told how long to go on.
const FUZZ_MESSAGES: u64 = 1_000_000;

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let (status, runs) = run_all(args)?;
    if args.ktap {
        print!("{}", ktap::render(&runs));
    }
    u8::try_from(status).context("an exit status beyond a byte")
}

/// The reports in the kernel's log of a run of `args`.
pub(crate) fn splats(args: &Args) -> anyhow::Result<Vec<Splat>> {
    let (_, runs) = run_all(args)?;
    Ok(runs.into_iter().flat_map(|run| run.splats).collect())
}

/// Tests on each kernel that is asked for, also after one could not be tested.
fn run_all(args: &Args) -> anyhow::Result<(i32, Vec<Run>)> {
    let seed = args.drawn_seed();
    let (mut runs, mut lines) = (Vec::new(), Vec::new());
    let flavours = args.flavours();
    for flavour in &flavours {
        match run_on(*flavour, args, seed) {
            Ok(run) => {
                eprint!("{}", live::summary(&run));
                lines.push((flavour.name(), run.status(), run.counts()));
                runs.push(run);
            }
            Err(error) if flavours.len() == 1 => return Err(error),
            Err(error) => {
                eprintln!("vmtest on {flavour}: {error:#}");
                lines.push((flavour.name(), STATUS_INFRASTRUCTURE, format!("{error:#}")));
            }
        }
    }
    if flavours.len() > 1 {
        eprint!("\n{}", live::table(&lines));
    }
    let status = run::worst(lines.iter().map(|(_, status, _)| *status));
    Ok((status, runs))
}

fn run_on(flavour: Flavour, args: &Args, seed: u64) -> anyhow::Result<Run> {
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let options = Options {
        kernel: flavour,
        shape: args.shape.clone(),
    };
    let machine = Machine {
        cache: &cache,
        workspace: &workspace,
        options: &options,
        progress,
    };
    setup::ensure(&cache, progress, None, &[flavour], Scope::Vm)?;
    let kernel = machine.kernel()?;
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    let module = build
        .module(&kernel, args.seeded_bug)?
        .display()
        .to_string();
    build.probes()?;
    build.programs()?;
    let program = build.tests()?;
    let planned = planned(&program, args.filter.as_deref())?;

    let mut command = vec![program.display().to_string()];
    command.extend(args.filter.clone());
    // One at a time: they share one bus, one kernel log and two processors.
    command.extend(["--test-threads=1", "--format=json"].map(str::to_owned));
    let mut environment = environment();
    environment.extend(variables(&cache, &workspace, &kernel, &module, args, seed));
    let results = Rc::new(RefCell::new(Results::default()));
    let (of_stdout, of_stderr) = (Rc::clone(&results), Rc::clone(&results));
    let mut live = Live::new(args.ktap);
    let report = machine.run(Job {
        start: Start {
            own: false,
            command,
            directory: current_directory()?,
            environment,
            user: "root".to_owned(),
            module: Some(module),
            // The others have no detector.
            look_for_leaks: flavour == Flavour::Debug,
            terminal: None,
        },
        timeout: Some(Duration::from_secs(args.limit(flavour))),
        quiet: true,
        on_stdout: Box::new(move |bytes| {
            let mut results = of_stdout.borrow_mut();
            for news in results.events(bytes) {
                live.tell(&news, &results);
            }
        }),
        on_stderr: Box::new(move |bytes| of_stderr.borrow_mut().output(bytes)),
        ..Job::default()
    })?;
    let mut results = results.take();
    let splats = report.splats(&results.ran())?;
    results.add_missing(&planned);
    let run = Run {
        flavour,
        results,
        splats,
        reproduce: args.reproduce(flavour, seed),
        logs: report.logs.clone(),
        outcome: report.outcome.clone(),
    };
    keep(&run)?;
    // The summary tells of the splats.
    report.complain(&[]);
    Ok(run)
}

/// The names of the tests that will run, from the test program itself: outside the VM it lists them
/// and does nothing else.
fn planned(program: &Path, filter: Option<&str>) -> anyhow::Result<Vec<String>> {
    let output = Command::new(program)
        .args(filter)
        .arg("--list")
        .output()
        .with_context(|| format!("listing the tests of {}", program.display()))?;
    let list = String::from_utf8_lossy(&output.stdout);
    let names: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect();
    if !output.status.success() || names.is_empty() {
        let filter = filter.unwrap_or_default();
        bail!("no test has `{filter}` in its name; nothing was tested");
    }
    Ok(names)
}

/// What the tests are told by their environment.
fn variables(
    cache: &Cache,
    workspace: &Workspace,
    kernel: &Kernel,
    module: &str,
    args: &Args,
    seed: u64,
) -> Vec<(String, String)> {
    let path = |path: &Path| path.display().to_string();
    let mut variables = vec![
        ("IPCON_KO", module.to_owned()),
        ("IPCON_BIN_DIR", path(&workspace.programs())),
        ("IPCON_KVER", kernel.release.clone()),
        ("IPCON_PROMTOOL", path(&setup::promtool_path(cache))),
        ("IPCON_FLAVOUR", kernel.flavour.to_string()),
        ("IPCON_SEED", seed.to_string()),
        ("IPCON_FUZZ_SECONDS", args.fuzz(kernel.flavour).to_string()),
        (
            "IPCON_FUZZ_MESSAGES",
            args.fuzz_seconds
                .map_or(FUZZ_MESSAGES, |_| u64::MAX)
                .to_string(),
        ),
        ("IPCON_SOAK_SECONDS", args.soak_seconds.to_string()),
        ("IPCON_LOADS", args.loads.to_string()),
        (
            "IPCON_SPEC",
            path(&workspace.root().join("ipcon-kmod/ipcon.yaml")),
        ),
    ];
    let asked = [
        ("IPCON_SHARING_SECONDS", args.sharing_seconds),
        ("IPCON_ECHO_PEERS", args.echo_peers),
    ];
    if args.in_turn() {
        variables.push(("IPCON_PROCESSORS", "in-turn".to_owned()));
    }
    variables.extend(
        asked
            .into_iter()
            .filter_map(|(name, number)| Some((name, number?.to_string()))),
    );
    let ynl = kernel.tree.join("tools/net/ynl/pyynl");
    if ynl.is_dir() {
        variables.push(("IPCON_YNL", path(&ynl)));
    }
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Writes what others read of a run beside its logs.
fn keep(run: &Run) -> anyhow::Result<()> {
    let output: String = run
        .results
        .tests
        .iter()
        .filter(|test| !test.output.is_empty())
        .map(|test| format!("---- {} ----\n{}\n", test.name, test.output))
        .collect();
    for (name, content) in [
        ("junit.xml", junit::render(run)?),
        ("results.ktap", ktap::render(std::slice::from_ref(run))),
        ("output.log", output),
        ("reproduce", format!("{}\n", run.reproduce)),
    ] {
        let path = run.logs.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
