// SPDX-License-Identifier: MIT OR Apache-2.0
//! Live dashboard and one-time report of an ipcon bus.

use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use ipcon_observe::privilege;
use ipcon_top::args::{Cli, Command, Doctor, Live, Once, Sources};
use ipcon_top::batch::{Batch, Fields, batch, list};
use ipcon_top::collect::SnapshotSource;
use ipcon_top::config;
use ipcon_top::filter::Filter;
use ipcon_top::frugal::Frugal;
use ipcon_top::live::{self, Exit};
use ipcon_top::look::Settled;
use ipcon_top::recording::{Replay, record, replay};
use ipcon_top::{doctor, manual, once, terminal};
use signal_hook::low_level::emulate_default_handler;

fn main() -> ExitCode {
    privilege::set_aside();
    let cli = Cli::read(env::args_os()).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        None => watch(&cli.live),
        Some(Command::Live(options)) => watch(&options),
        Some(Command::Once(options)) => report(&options),
        Some(Command::GenConfig) => print(&config::template()),
        Some(Command::Batch(options)) => print_rows(&options),
        Some(Command::Fields(options)) => fields(&options),
        Some(Command::Record(options)) => {
            open(options.sources).and_then(|mut source| record(&options, &mut *source))
        }
        Some(Command::Replay(options)) => look_back(&options),
        Some(Command::Completions(options)) => manual::completions(&options, &mut io::stdout()),
        Some(Command::Man(options)) => manual::man(&options, &mut io::stdout()),
        Some(Command::Doctor(options)) => return examine(&options),
    };
    exit_code(done.map(|()| ExitCode::SUCCESS))
}

fn examine(options: &Doctor) -> ExitCode {
    let report = doctor::examine(options.sources.options(), options.attempt);
    exit_code(
        report
            .print(options.format)
            .and_then(|text| print(&text))
            .map(|()| ExitCode::from(report.verdict().exit_status())),
    )
}

fn exit_code(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ipcon-top: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn watch(options: &Live) -> anyhow::Result<()> {
    terminal::require()?;
    let variable = |name: &str| env::var(name).ok();
    let look = options
        .look
        .settle(options.interval, options.history, variable)?;
    obey(&look);
    let source = open(options.sources)?;
    end(live::run(source, &look.setup, &look.display)?)
}

fn look_back(options: &Replay) -> anyhow::Result<()> {
    terminal::require()?;
    let variable = |name: &str| env::var(name).ok();
    let look = options.look.settle(options.interval, None, variable)?;
    obey(&look);
    end(replay(options, &look.setup, &look.display)?)
}

/// The terminal library reads NO_COLOR on its own, also where somebody wants it otherwise.
fn obey(look: &Settled) {
    if look.colour_forced {
        crossterm::style::force_color_output(look.display.theme.has_colour());
    }
}

fn end(exit: Exit) -> anyhow::Result<()> {
    match exit {
        Exit::Quit => Ok(()),
        // The terminal is given back by now. Whoever waits for us shall see what ended us.
        Exit::Signal(signal) => emulate_default_handler(signal).context("ending by the signal"),
    }
}

fn report(options: &Once) -> anyhow::Result<()> {
    let filter = options.filter.as_deref().map(|text| {
        let filter = Filter::parse(text);
        filter.map_err(|error| error.of_option(text))
    });
    let filter = filter.transpose()?;
    let objectives = options.judging.objectives(|name| env::var(name).ok())?;
    let mut report = match &options.recording.from {
        Some(file) => once::of_recording(file, options.recording.at, objectives)?,
        None => {
            let mut source = open(options.sources)?;
            once::measure_by(objectives, &mut *source, options.interval, thread::sleep)?
        }
    };
    if let Some(filter) = &filter {
        let only = report.only(filter);
        report = only.map_err(|error| error.of_option(filter.text()))?;
    }
    print(&report.print(options.format)?)
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // `ipcon-top once | head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

fn print_rows(options: &Batch) -> anyhow::Result<()> {
    let objectives = options.objectives(|name| env::var(name).ok())?;
    batch(options, objectives, open, &mut io::stdout().lock())
}

fn fields(options: &Fields) -> anyhow::Result<()> {
    match list(options.rows, &mut io::stdout().lock()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("telling the fields"),
    }
}

fn open(sources: Sources) -> anyhow::Result<Box<dyn SnapshotSource>> {
    let source = Frugal::open(sources.options(), sources.keep_capabilities)?;
    Ok(Box::new(source))
}
