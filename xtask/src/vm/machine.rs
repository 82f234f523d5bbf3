// SPDX-License-Identifier: MIT OR Apache-2.0
//! A VM as the commands use it: which kernel, how large, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::accel::Accel;
use super::config::{Clock, Processors, VmConfig};
use super::deadline::Deadlines;
use super::outcome::Outcome;
use super::run_dir::RunDir;
use super::session::{self, OnOutput, OnStart, OnStream, Plan};
use super::splat::{self, Expected, Policy, Splat};
use crate::cache::{Cache, Workspace};
use crate::channel::Start;
use crate::guest::leaks;
use crate::process::{find_program, tail};
use crate::progress::Progress;
use crate::setup::{Flavour, Kernel};

/// How much of the console a complaint shows.
const CONSOLE_LINES: usize = 20;

/// Memory of the VM: an eighth of the debug kernel's is KASAN's, and kmemleak describes each object.
fn memory(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Amd64 | Flavour::CloudAmd64 | Flavour::RtAmd64 => "2G",
        Flavour::Debug => "3G",
    }
}

const CPUS: u32 = 2;

/// How often a VM whose code is translated is booted before it counts as dead. QEMU before 8.1 does not lock a page
/// of code while it translates it (its commit deba78709a does), so that one processor may keep the breakpoint that
/// another one had in the kernel's code for the moment of patching it. Of 48 boots with two processors 4 ended so, all
/// of them in the first two seconds, when the kernel patches what every processor runs.
const BOOTS_UNDER_TCG: u32 = 3;

/// Options of the commands that boot one VM.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Kernel to boot.
    #[arg(long, value_name = "FLAVOUR", default_value_t)]
    pub(crate) kernel: Flavour,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// How large a VM is, and how it runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Shape {
    /// Memory of the VM, such as 2G or 512M; 2G without it, 3G for the debug kernel.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Processors of the VM.
    #[arg(long, value_name = "N", default_value_t = CPUS, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) cpus: u32,
    /// How they run where code is translated; without it in turn for the demo, and at once for everything else.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) processors: Option<Processors>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            memory: None,
            cpus: CPUS,
            processors: None,
        }
    }
}

/// A VM that can be booted.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) cache: &'a Cache,
    pub(crate) workspace: &'a Workspace,
    pub(crate) options: &'a Options,
    pub(crate) progress: Progress,
}

/// What is done in it.
pub(crate) struct Job {
    pub(crate) start: Start,
    pub(crate) clock: Clock,
    /// Unless told otherwise.
    pub(crate) processors: Processors,
    /// The longest the command may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_start: OnStart,
    /// Do not print what the command prints.
    pub(crate) quiet: bool,
    pub(crate) on_stdout: OnOutput,
    pub(crate) on_stderr: OnOutput,
    pub(crate) on_stream: OnStream,
}

impl Default for Job {
    /// Nothing to run, nobody listening.
    fn default() -> Self {
        Self {
            start: Start::default(),
            clock: Clock::Host,
            processors: Processors::AtOnce,
            timeout: None,
            on_start: Box::new(|_| {}),
            quiet: false,
            on_stdout: Box::new(|_| {}),
            on_stderr: Box::new(|_| {}),
            on_stream: Box::new(|_, _| {}),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The guest's kernel log.
    pub(crate) kernel_log: String,
    /// What the serial console said.
    pub(crate) console: String,
    /// The folder with the logs.
    pub(crate) logs: PathBuf,
}

/// What decides how fast a VM is, and in what order things happen in it.
#[derive(Debug, Clone, Copy)]
struct Time {
    accel: Accel,
    clock: Clock,
    processors: Processors,
}

impl Machine<'_> {
    /// The kernel this VM boots.
    pub(crate) fn kernel(&self) -> anyhow::Result<Kernel> {
        Kernel::find(self.cache, self.options.kernel)
    }

    /// Boots, does the job, powers off.
    pub(crate) fn run(&self, job: Job) -> anyhow::Result<Report> {
        let kernel = self.kernel()?;
        let virtme_run = self.cache.venv().join("bin/virtme-run");
        for (program, found) in [
            ("virtme-ng", virtme_run.is_file()),
            (
                "qemu-system-x86_64",
                find_program("qemu-system-x86_64").is_some(),
            ),
            ("busybox-static", find_program("busybox").is_some()),
        ] {
            if !found {
                bail!("{program} is missing; run: cargo xtask setup");
            }
        }
        let step = self
            .progress
            .step(format!("booting {} in a VM", kernel.release));
        let checks = if job.start.look_for_leaks {
            leaks::LONGEST
        } else {
            Duration::ZERO
        };
        let time = Time {
            accel: match job.clock {
                Clock::Host => Accel::detect(),
                Clock::Instructions => Accel::Tcg,
            },
            clock: job.clock,
            processors: self.options.shape.processors.unwrap_or(job.processors),
        };
        let on_start = job.on_start;
        let mut plan = Plan {
            deadlines: Deadlines::with_command(job.timeout, checks),
            begin: Some((
                job.start,
                Box::new(move |guest| {
                    drop(step);
                    on_start(guest);
                }),
            )),
            quiet: job.quiet,
            on_stdout: job.on_stdout,
            on_stderr: job.on_stderr,
            on_stream: job.on_stream,
        };
        let mut boots = 1;
        loop {
            let report = self.boot(&kernel, &virtme_run, time, &mut plan)?;
            let died = matches!(report.outcome, Outcome::NoBoot(_));
            if !(died && time.accel == Accel::Tcg && boots < BOOTS_UNDER_TCG) {
                return Ok(report);
            }
            boots += 1;
            eprintln!(
                "xtask: the VM died before its guest was up, and boots once more: QEMU before 8.1 at times runs \
                 kernel code while it is being patched; logs: {}",
                report.logs.display()
            );
        }
    }

    /// Boots once, and waits until the VM is gone.
    fn boot(
        &self,
        kernel: &Kernel,
        virtme_run: &Path,
        time: Time,
        plan: &mut Plan,
    ) -> anyhow::Result<Report> {
        let dir = RunDir::make(self.workspace, self.cache)?;
        // A copy, since cargo may replace the original while the VM uses it.
        let agent = dir.scratch().join("agent");
        fs::copy("/proc/self/exe", &agent).context("copying this program for the VM")?;
        let config = VmConfig {
            virtme_run: virtme_run.to_path_buf(),
            flavour: kernel.flavour,
            image: kernel.image.clone(),
            accel: time.accel,
            clock: time.clock,
            processors: time.processors,
            memory: self
                .options
                .shape
                .memory
                .clone()
                .unwrap_or_else(|| memory(kernel.flavour).to_owned()),
            cpus: self.options.shape.cpus,
            agent,
            socket: dir.scratch().join("agent.sock"),
        };
        let command_line = config.command_line();
        fs::write(dir.kept().join("command"), command_line.join("\n"))
            .context("keeping the VM's command line")?;
        let path = std::env::join_paths([self.cache.tools().join("bin")].into_iter().chain(
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
        ))
        .context("putting the cache's programs on PATH")?;

        let outcome = session::run(&command_line, &path, &dir, plan)?;
        let kernel_log = read_log(&dir.kernel_log())?;
        let console = read_log(&dir.console_log())?;
        if kernel_log.trim().is_empty() && console.trim().is_empty() {
            bail!("the VM left no log at all, so nothing can be said about its kernel");
        }
        Ok(Report {
            outcome,
            kernel_log,
            console,
            logs: dir.kept().to_path_buf(),
        })
    }
}

fn read_log(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Report {
    /// Reports of trouble in the kernel's log. `tests` are those that ran, and whether each came to
    /// its end. All of them are also written to `splats.txt` beside the logs.
    ///
    /// # Errors
    ///
    /// The lists of what is trouble cannot be used, or the file cannot be written.
    pub(crate) fn splats(&self, tests: &[(&str, bool)]) -> anyhow::Result<Vec<Splat>> {
        let expected = Expected {
            booted: self.outcome.is_after_boot(),
            ended: matches!(self.outcome, Outcome::Ended(_)),
            tests,
        };
        let policy = Policy::built_in()?;
        let splats = splat::examine(&policy, &self.kernel_log, &self.console, expected);
        let path = self.logs.join("splats.txt");
        fs::write(&path, splat::render_all(&splats))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(splats)
    }

    /// Tells on stderr what went wrong around the command, if anything did.
    pub(crate) fn complain(&self, splats: &[Splat]) {
        if let Some(complaint) = self.outcome.complaint() {
            eprintln!("xtask: {complaint}");
            eprint!(
                "the console's last lines:\n{}",
                tail(&self.console, CONSOLE_LINES)
            );
        }
        if !splats.is_empty() {
            eprint!("xtask: {}", splat::summary(splats));
        }
        if self.outcome.complaint().is_some() || !splats.is_empty() {
            eprintln!("all logs: {}", self.logs.display());
        }
    }
}
