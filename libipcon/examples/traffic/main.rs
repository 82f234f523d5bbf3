// SPDX-License-Identifier: MIT OR Apache-2.0

//! Traffic on the bus: services with clients, publishers with subscribers, one subscriber and one service that read too
//! slowly, and visitors that come and go. Every party is a peer of its own and counts what it does.
//!
//! At the end (`--seconds`, SIGTERM or SIGINT) all stop sending, receive what is queued, and the counts are printed. They
//! agree exactly with what the module counts for the same peers. The peers stay open, so that this can be looked at,
//! until stdin ends or the next signal comes.
//!
//! ```text
//! cargo run --release --example traffic -- --seconds 10
//! ```

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use company::Company;
use counts::Totals;
use report::Report;

mod apart;
mod cast;
mod company;
mod counts;
mod parties;
mod party;
mod report;
mod roll;
mod stage;

/// Simulates many peers on the ipcon bus and counts what they do.
#[derive(Debug, Parser)]
struct Options {
    /// Stop after this many seconds; 0 goes on until SIGTERM or SIGINT.
    #[arg(long, default_value_t = 0)]
    seconds: u64,

    /// Multiply all sending rates by this.
    #[arg(long, default_value_t = 1.0, value_parser = rate)]
    rate: f64,

    /// This many of each client and each subscriber.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    scale: u16,

    /// Print the counts as one JSON object also on a terminal.
    #[arg(long)]
    json: bool,

    /// Tell the totals on stderr each second.
    #[arg(long, short)]
    verbose: bool,

    /// Run the archive in a process of its own and write its process id to this file, for `kill -STOP` and `kill -CONT`.
    ///
    /// Its writer goes on while it is stopped. At the end it is continued and reads what is queued. What it counts is
    /// part of the report, not of the totals of each second.
    #[arg(long, value_name = "FILE")]
    archive_pid_file: Option<PathBuf>,

    /// Be that process.
    #[arg(long, hide = true)]
    as_archive: bool,
}

/// What the main thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Signal,
    InputEnd,
    /// A party failed; its thread has the error.
    Failure,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.as_archive {
        return apart::serve();
    }
    let (sender, events) = mpsc::channel();
    forward_signals(sender.clone())?;

    let archive = options.archive_pid_file.as_deref();
    let company = Company::start(options.rate, options.scale.into(), archive, sender.clone())?;
    run(&options, &company, &events);
    let ended = company.end()?;
    print(&options, &Report::new(&ended))?;

    forward_input_end(sender);
    // Either means that nobody needs the peers any more.
    let _ = events.recv();
    Ok(())
}

/// Waits for the end of the run, telling the totals if asked to.
fn run(options: &Options, company: &Company, events: &Receiver<Event>) {
    let start = Instant::now();
    let end = (options.seconds > 0).then(|| start + Duration::from_secs(options.seconds));
    let mut before = company.totals();
    for second in 1.. {
        let tick = start + Duration::from_secs(second);
        match events.recv_timeout(tick.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
        if options.verbose {
            let now = company.totals();
            tell_progress(second, &before, &now);
            before = now;
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return;
        }
    }
}

fn tell_progress(second: u64, before: &Totals, now: &Totals) {
    let received = |it: &Totals| it.delivered_unicast_messages + it.delivered_multicast_messages;
    let refused = now.refused_queue_full + now.refused_no_peer + now.refused_no_memory;
    eprintln!(
        "{second:>5} s: {} unicast/s, {} multicast/s, {} received/s; in all {refused} refused, {} lost",
        now.sent_unicast_messages - before.sent_unicast_messages,
        now.sent_multicast_messages - before.sent_multicast_messages,
        received(now) - received(before),
        now.lost,
    );
}

fn print(options: &Options, report: &Report) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let text = match out.is_terminal() && !options.json {
        true => report.table(),
        false => report.json()? + "\n",
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("printing the counts")
}

fn forward_signals(events: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("catching SIGTERM and SIGINT")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if events.send(Event::Signal).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn forward_input_end(events: Sender<Event>) {
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut ignored = [0; 256];
        while matches!(stdin.read(&mut ignored), Ok(1..)) {}
        // The main thread may have ended by a signal.
        let _ = events.send(Event::InputEnd);
    });
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("want a number from 0.001 to 1000".to_owned()),
    }
}
