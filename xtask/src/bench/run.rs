// SPDX-License-Identifier: MIT OR Apache-2.0
//! Has the rows measured in the VM, and collects what the guest tells.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::figures::{Figures, Line};
use super::table::{Place, Report, Unit};
use super::{BusArgs, Format, bus, page};
use crate::build::Build;
use crate::cache::{Cache, Workspace};
use crate::channel::{End, Start};
use crate::progress::{Progress, Verbosity};
use crate::setup::{self, Scope};
use crate::vm::accel::Accel;
use crate::vm::config::Clock;
use crate::vm::machine::{Job, Machine};
use crate::vm::outcome::{Outcome, STATUS_INFRASTRUCTURE, STATUS_SPLAT};
use crate::vm::{current_directory, environment};

/// The longest that everything but the rounds takes: bringing 10,000 peers onto a bus is most of it.
const AROUND: Duration = Duration::from_secs(900);
/// The longest that a round of all rows takes.
const ROUND: Duration = Duration::from_secs(10);

/// Measures the bus; the result is the exit status.
pub(super) fn bus(args: &BusArgs) -> anyhow::Result<u8> {
    // Before a VM boots for nothing.
    wanted(args.filter.as_deref())?;
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let flavour = args.options.kernel;
    let mirror = args.mirror.as_deref();
    setup::ensure(&cache, progress, mirror, &[flavour], Scope::Vm)?;
    let broker = setup::dbus_broker(&cache, progress)?;
    let machine = Machine {
        cache: &cache,
        workspace: &workspace,
        options: &args.options,
        progress,
    };
    let kernel = machine.kernel()?;
    let build = Build {
        cache: &cache,
        workspace: &workspace,
        progress,
    };
    let module = build.module(&kernel, None)?.display().to_string();
    // Another program that is built with them has the BPF object in it.
    build.probes()?;
    build.programs()?;

    let clock = args.clock.unwrap_or(match Accel::detect() {
        Accel::Kvm => Clock::Host,
        Accel::Tcg => Clock::Instructions,
    });
    let mut environment = environment();
    environment.push(("IPCON_KVER".to_owned(), kernel.release.clone()));
    let told = Rc::new(RefCell::new(Told::new(progress)));
    let hears = Rc::clone(&told);
    let report = machine.run(Job {
        start: Start {
            own: false,
            command: guest_command(args, &workspace.programs(), &broker),
            directory: current_directory()?,
            environment,
            user: "root".to_owned(),
            module: Some(module),
            look_for_leaks: false,
            terminal: None,
        },
        clock,
        timeout: Some(AROUND + ROUND * args.rounds),
        quiet: true,
        on_stdout: Box::new(move |bytes| hears.borrow_mut().hear(bytes)),
        on_stderr: Box::new(|bytes| eprint!("{}", String::from_utf8_lossy(bytes))),
        ..Job::default()
    })?;
    let splats = report.splats(&[])?;
    report.complain(&splats);
    if report.outcome != Outcome::Ended(End::Status(0)) {
        let status = match report.outcome {
            // What the guest complained of was shown.
            Outcome::Ended(_) => STATUS_INFRASTRUCTURE,
            ref other => other.status(),
        };
        return Ok(u8::try_from(status).unwrap_or(255));
    }
    let measured = told.take().report(args, clock)?;
    match args.format {
        Format::Text => print!("{}", measured.text()),
        Format::Json => println!("{}", measured.json()?),
    }
    if !args.quick && args.filter.is_none() {
        let path = page::write(&workspace, "bus", &measured.markdown())?;
        progress.say(format!("written to {}", path.display()));
    }
    let status = if splats.is_empty() { 0 } else { STATUS_SPLAT };
    Ok(u8::try_from(status).unwrap_or(255))
}

fn guest_command(args: &BusArgs, programs: &Path, broker: &Path) -> Vec<String> {
    let mut words = vec![
        programs.join("ipcon-bench").display().to_string(),
        "bus".to_owned(),
        format!("--rounds={}", args.rounds),
        format!("--dbus-broker={}", broker.display()),
    ];
    if args.quick {
        words.push("--quick".to_owned());
    }
    words.extend(args.filter.clone());
    words
}

/// How many rows will be measured.
fn wanted(filter: Option<&str>) -> anyhow::Result<usize> {
    let filter = filter.unwrap_or_default();
    let rows = bus::ROWS.iter().filter(|row| row.name.contains(filter));
    match rows.count() {
        0 => bail!("no row has `{filter}` in its name; the rows are in docs/benchmarks.md"),
        count => Ok(count),
    }
}

/// What the guest has told so far.
#[derive(Debug, Default)]
struct Told {
    progress: Option<Progress>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    lines: Vec<anyhow::Result<Line>>,
}

impl Told {
    fn new(progress: Progress) -> Self {
        Self {
            progress: Some(progress),
            ..Self::default()
        }
    }

    /// More of what it prints, in pieces of any size.
    fn hear(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = serde_json::from_slice(&line).with_context(|| {
                format!(
                    "reading what the guest told: {}",
                    String::from_utf8_lossy(&line)
                )
            });
            if let (Some(progress), Ok(Line::Row(samples))) = (self.progress, &line) {
                progress.say(format!("measured {}", samples.name));
            }
            self.lines.push(line);
        }
    }

    /// All of it; fails when a row is missing.
    fn report(self, args: &BusArgs, clock: Clock) -> anyhow::Result<Report> {
        let (mut place, mut rows, mut left_out) = (None, Vec::new(), Vec::new());
        for line in self.lines {
            match line? {
                Line::Place {
                    kernel,
                    cpus,
                    clocksource,
                } => {
                    place = Some(Place {
                        kernel,
                        accel: match (clock, Accel::detect()) {
                            (Clock::Host, Accel::Kvm) => "kvm",
                            _ => "tcg",
                        },
                        unit: match clock {
                            Clock::Host => Unit::Nanoseconds,
                            Clock::Instructions => Unit::Instructions,
                        },
                        cpus,
                        clocksource,
                        processor: processor(
                            &fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
                        ),
                    });
                }
                Line::Row(samples) => {
                    let row = bus::row(&samples.name)
                        .with_context(|| format!("there is no row {}", samples.name))?;
                    let figures = Figures::of(row, &samples);
                    rows.push(figures.with_context(|| {
                        format!("{} was not measured as often on both sides", samples.name)
                    })?);
                }
                Line::LeftOut { name, why } => left_out.push((name, why)),
            }
        }
        let wanted = wanted(args.filter.as_deref())?;
        if rows.len() + left_out.len() != wanted {
            bail!("the guest told of {} rows of {wanted}", rows.len());
        }
        Ok(Report {
            place: place.context("the guest did not tell where it ran")?,
            rows,
            left_out,
        })
    }
}

/// The name of the host's processor.
fn processor(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, name)| name)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let mut told = Told::default();
        told.hear(b"{\"kind\":\"left_out\",\"name\":\"a\",");
        assert!(told.lines.is_empty());
        told.hear(b"\"why\":\"b\"}\nnonsense\n{");
        assert_eq!(told.lines.len(), 2);
        assert!(matches!(told.lines[0], Ok(Line::LeftOut { .. })));
        assert!(told.lines[1].is_err());
    }

    #[test]
    fn a_filter_without_rows_is_refused() {
        assert_eq!(wanted(None).unwrap(), bus::ROWS.len());
        assert_eq!(wanted(Some("one-way")).unwrap(), 2);
        assert!(wanted(Some("nothing")).is_err());
    }

    #[test]
    fn the_processor_has_its_name() {
        let intel = "processor\t: 0\nmodel name\t: A Processor @ 2 GHz\nflags\t\t: fpu\n";
        assert_eq!(processor(intel), "A Processor @ 2 GHz");
        assert_eq!(processor(""), "an unknown processor");
    }
}
