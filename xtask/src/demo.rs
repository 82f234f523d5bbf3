// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo`: everything at once, for people.

use std::cell::RefCell;
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::channel::{End, Start};
use crate::guest::demo::EXPORTER_PORT;
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Scope};
use crate::vm::config::Processors;
use crate::vm::forward::Forward;
use crate::vm::machine::{Job, Machine, Options};
use crate::vm::outcome::{Outcome, STATUS_SPLAT};
use crate::vm::terminal::{self, Raw};
use crate::vm::{current_directory, environment, feed_stdin, follow_size};

/// What a script wants to know.
const STATUSES: &str = "\
Exit status:
    0  all went well
    1  counters disagree
    3  the kernel complained in its log
   69  the demonstration could not be run
  124  it took too long
  125  the VM died";

/// Options of `cargo xtask demo`.
///
/// Sets up and builds what is missing, boots the VM, loads the module, starts the exporter and
/// sample traffic and shows the dashboard in this terminal; `q` ends it. Meanwhile this machine's
/// browser finds the metrics at the address that is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES)]
pub(crate) struct Args {
    /// Shows no dashboard; prints one report and the metrics, and compares all counters.
    #[arg(long)]
    headless: bool,
    /// How long the traffic flows when headless.
    #[arg(long, value_name = "N", default_value_t = 15, requires = "headless", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Stops one receiver, by a signal, after this many seconds: who does not read, and who goes on
    /// sending to it? When headless, the report must say so.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    stop_archive: Option<u64>,
    /// Port of this machine that /metrics is reachable at; another one is taken when it is in use.
    #[arg(long, value_name = "PORT", default_value_t = EXPORTER_PORT)]
    metrics_port: u16,
    /// Debian mirror to set up from; the host's own apt configuration names the default.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    #[command(flatten)]
    options: Options,
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    if !args.headless && !terminal::is_interactive() {
        bail!("the dashboard needs a terminal; without one: cargo xtask demo --headless");
    }
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    setup::ensure(
        &cache,
        progress,
        args.mirror.as_deref(),
        &[args.options.kernel],
        Scope::Vm,
    )?;
    let machine = Machine {
        cache: &cache,
        workspace: &workspace,
        options: &args.options,
        progress,
    };
    let kernel = machine.kernel()?;
    Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    }
    .all(&kernel)?;

    let listener = listen(args.metrics_port)?;
    let port = listener
        .local_addr()
        .context("asking for the port of the metrics")?
        .port();
    let url = format!("http://{}:{port}/metrics", Ipv4Addr::LOCALHOST);
    progress.say(format!("the metrics will be at {url}"));
    let forward = Forward::new(listener, EXPORTER_PORT);
    let on_stream = forward.on_stream();
    let raw = Rc::new(RefCell::new(None::<Raw>));
    let keep = Rc::clone(&raw);
    let interactive = !args.headless;
    let report = machine.run(Job {
        start: Start {
            own: true,
            command: guest_command(args, &cache, &workspace),
            directory: current_directory()?,
            environment: environment(),
            user: "root".to_owned(),
            module: Some(workspace.module(&kernel.release).display().to_string()),
            look_for_leaks: false,
            terminal: interactive.then(terminal::size),
        },
        // Probes are attached while messages flow.
        processors: Processors::InTurn,
        timeout: args
            .headless
            .then(|| Duration::from_secs(args.seconds + 600)),
        on_start: Box::new(move |guest| {
            forward.serve(guest.clone());
            if interactive {
                // Not before: until here Ctrl-C must end everything.
                *keep.borrow_mut() = Raw::enter().ok();
                feed_stdin(guest.clone());
                follow_size(guest.clone());
            }
        }),
        on_stream,
        ..Job::default()
    })?;
    let ended = matches!(report.outcome, Outcome::Ended(_));
    if let Some(raw) = raw.take() {
        raw.leave(ended);
    }
    let splats = report.splats(&[])?;
    report.complain(&splats);
    let status = match report.outcome.status() {
        0 if !splats.is_empty() => STATUS_SPLAT,
        status => status,
    };
    if report.outcome == Outcome::Ended(End::Status(0)) && splats.is_empty() {
        progress.say(format!(
            "done; the kernel log is clean ({})",
            report.logs.display()
        ));
    }
    Ok(u8::try_from(status).unwrap_or(255))
}

fn guest_command(args: &Args, cache: &Cache, workspace: &Workspace) -> Vec<String> {
    let mut words: Vec<String> = ["guest", "demo", "--programs"].map(str::to_owned).into();
    words.push(workspace.programs().display().to_string());
    if let Some(seconds) = args.stop_archive {
        words.push(format!("--stop-archive={seconds}"));
    }
    if args.headless {
        words.push(format!("--headless={}", args.seconds));
        let promtool = setup::promtool_path(cache);
        if promtool.is_file() {
            words.push(format!("--promtool={}", promtool.display()));
        }
    }
    words
}

/// The wanted port, or any when it is in use.
fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("listening for readers of the metrics")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_port_in_use_is_no_obstacle() {
        let first = listen(0).unwrap();
        let taken = first.local_addr().unwrap().port();
        assert_ne!(listen(taken).unwrap().local_addr().unwrap().port(), taken);
    }
}
