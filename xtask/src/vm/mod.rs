// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask vm`: runs a command of the host inside a VM.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::account::Account;
use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::channel::{MAX_BODY, Start, ToGuest};
use crate::progress::{Progress, Verbosity};

pub(crate) mod accel;
pub(crate) mod config;
mod deadline;
pub(crate) mod forward;
pub(crate) mod machine;
pub(crate) mod outcome;
mod run_dir;
pub(crate) mod session;
pub(crate) mod splat;
pub(crate) mod supervise;
pub(crate) mod terminal;

use machine::{Job, Machine, Options};
use outcome::Outcome;
use session::Guest;
use terminal::Raw;

/// What a script wants to know.
const STATUSES: &str = "\
Exit status: the command's, or
   69  it could not be run
  124  it took too long
  125  the VM died under it";

/// Options of `cargo xtask vm`.
///
/// The command's stdout and stderr are passed through, and nothing else is printed there.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    /// Leaves the module ipcon out.
    #[arg(long)]
    no_module: bool,
    /// Who runs the command.
    #[arg(long, value_name = "NAME", default_value = "root")]
    user: String,
    /// Longest time the command may take, in seconds; without it there is no limit.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Gives the command a terminal, as a shell gets one anyway.
    #[arg(short, long)]
    tty: bool,
    /// The command and its arguments; a shell when there is none.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command; the result is the exit status.
pub(crate) fn run(args: Args) -> anyhow::Result<u8> {
    // Before a VM boots that could not do it.
    Account::named(&args.user)?;
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let machine = Machine {
        cache: &cache,
        workspace: &workspace,
        options: &args.options,
        progress: Progress::new(Verbosity::Quiet),
    };
    let module = if args.no_module {
        None
    } else {
        Some(built_module(&machine)?)
    };
    let interactive = args.tty || (args.command.is_empty() && terminal::is_interactive());
    if interactive && !terminal::is_interactive() {
        bail!("a terminal was asked for, and stdin and stdout are none");
    }
    let command = if args.command.is_empty() {
        vec![shell()]
    } else {
        args.command
    };
    let raw = Rc::new(RefCell::new(None::<Raw>));
    let keep = Rc::clone(&raw);
    let report = machine.run(Job {
        start: Start {
            own: false,
            command,
            directory: current_directory()?,
            environment: environment(),
            user: args.user,
            module,
            look_for_leaks: false,
            terminal: interactive.then(terminal::size),
        },
        timeout: args.timeout.map(Duration::from_secs),
        on_start: Box::new(move |guest| {
            if interactive {
                // Not before: until here Ctrl-C must end everything.
                *keep.borrow_mut() = Raw::enter().ok();
                follow_size(guest.clone());
            }
            feed_stdin(guest.clone());
        }),
        ..Job::default()
    })?;
    if let Some(raw) = raw.take() {
        raw.leave(matches!(report.outcome, Outcome::Ended(_)));
    }
    report.complain(&report.splats(&[])?);
    Ok(u8::try_from(report.outcome.status()).unwrap_or(255))
}

/// The module for the machine's kernel, built when it is not up to date.
fn built_module(machine: &Machine<'_>) -> anyhow::Result<String> {
    let build = Build {
        cache: machine.cache,
        workspace: machine.workspace,
        progress: machine.progress,
    };
    Ok(build
        .module(&machine.kernel()?, None)?
        .display()
        .to_string())
}

fn shell() -> String {
    std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned())
}

pub(crate) fn current_directory() -> anyhow::Result<String> {
    let here = std::env::current_dir().context("finding the current folder")?;
    Ok(here.display().to_string())
}

/// What a command expects to find as on the host: where programs are, and how to talk to people.
pub(crate) fn environment() -> Vec<(String, String)> {
    const PASSED: &[&str] = &[
        "COLORTERM",
        "LANG",
        "NO_COLOR",
        "PATH",
        "RUST_BACKTRACE",
        "TERM",
    ];
    std::env::vars()
        .filter(|(name, _)| PASSED.contains(&name.as_str()) || name.starts_with("LC_"))
        .collect()
}

/// Carries stdin into the VM, in a thread that ends with this program.
pub(crate) fn feed_stdin(guest: Guest) {
    std::thread::spawn(move || {
        let mut piece = vec![0; MAX_BODY];
        while let Ok(length @ 1..) = std::io::stdin().read(&mut piece) {
            if guest
                .send(&ToGuest::Input(piece[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
        // The VM may have ended already.
        let _ = guest.send(&ToGuest::InputEnd);
    });
}

/// Tells the VM whenever this terminal changes its size.
pub(crate) fn follow_size(guest: Guest) {
    // Without the signal the terminal keeps its first size; everything else works.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGWINCH])
    else {
        return;
    };
    std::thread::spawn(move || {
        // It may have changed between the start and now.
        let mut result = guest.send(&ToGuest::Resize(terminal::size()));
        for _ in signals.forever() {
            if result.is_err() {
                return;
            }
            result = guest.send(&ToGuest::Resize(terminal::size()));
        }
    });
}
