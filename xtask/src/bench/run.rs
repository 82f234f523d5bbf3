// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds what is measured, boots the VM for it, and shows what came of it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::bail;

use super::figures::{Figures, Unit};
use super::rows::{self, Row};
use super::table::{Place, Report};
use super::told::{Measured, Told};
use super::{VmArgs, bus, observe, page, processor, show};
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
const ROUND: Duration = Duration::from_secs(20);

/// What is measured in the VM, by a command of that name of `ipcon-bench`.
pub(super) struct Benchmark {
    name: &'static str,
    rows: &'static [Row],
    /// Whether dbus-broker is compared with.
    needs_broker: bool,
}

/// The bus and its peers.
pub(super) const BUS: Benchmark = Benchmark {
    name: "bus",
    rows: bus::ROWS,
    needs_broker: true,
};

/// Those who observe it.
pub(super) const OBSERVE: Benchmark = Benchmark {
    name: "observe",
    rows: observe::ROWS,
    needs_broker: false,
};

/// Measures it; the result is the exit status.
pub(super) fn in_vm(benchmark: &Benchmark, args: &VmArgs) -> anyhow::Result<u8> {
    // Before anything is built for nothing.
    let filter = args.rows.filter.as_deref().unwrap_or_default();
    let rows = rows::named(benchmark.rows, filter)?;
    let cache = Cache::locate()?;
    let workspace = Workspace::locate()?;
    let progress = Progress::new(Verbosity::Steps);
    let mirror = args.mirror.as_deref();
    let flavours = [args.options.kernel];
    setup::ensure(&cache, progress, mirror, &flavours, Scope::Vm)?;
    let broker = match benchmark.needs_broker {
        true => Some(setup::dbus_broker(&cache, progress)?),
        false => None,
    };
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
    let bench = Bench {
        benchmark,
        machine: &machine,
        args,
        module: build.module(&kernel, None)?,
        release: kernel.release,
        broker,
    };
    // Another program that is built with them has the BPF object in it.
    build.probes()?;
    build.programs()?;

    let mut all: Option<Measured> = None;
    let mut status = 0;
    for (clock, rows) in boots(args.clock.unwrap_or_else(default_clock), rows) {
        match bench.boot(clock, &rows)? {
            Ok((measured, splats)) => {
                status = status.max(splats);
                all = Some(match all {
                    Some(before) => before.and(measured),
                    None => measured,
                });
            }
            Err(status) => return Ok(u8::try_from(status).unwrap_or(255)),
        }
    }
    let Some(all) = all else {
        bail!("nothing was measured");
    };
    let report = report(all);
    show(&report, args.rows.format)?;
    if !args.rows.quick && args.rows.filter.is_none() {
        let path = page::write(&workspace, benchmark.name, &report.markdown())?;
        progress.say(format!("written to {}", path.display()));
    }
    Ok(u8::try_from(status).unwrap_or(255))
}

/// Real time means nothing where the VM's code is translated.
fn default_clock() -> Clock {
    match Accel::detect() {
        Accel::Kvm => Clock::Host,
        Accel::Tcg => Clock::Instructions,
    }
}

/// Which rows are measured with which clock, in a VM for each.
fn boots(clock: Clock, rows: Vec<&'static Row>) -> Vec<(Clock, Vec<&'static Row>)> {
    let (host, other): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| clock == Clock::Host || row.at_once);
    let mut boots = vec![(clock, other), (Clock::Host, host)];
    boots.retain(|(_, rows)| !rows.is_empty());
    boots
}

/// All that is the same for each boot.
struct Bench<'a> {
    benchmark: &'a Benchmark,
    machine: &'a Machine<'a>,
    args: &'a VmArgs,
    module: PathBuf,
    release: String,
    broker: Option<PathBuf>,
}

impl Bench<'_> {
    /// Has the rows measured in a VM, and gives the exit status that the kernel's log asks for; only an exit
    /// status when they could not be measured.
    fn boot(
        &self,
        clock: Clock,
        rows: &[&'static Row],
    ) -> anyhow::Result<Result<(Measured, i32), i32>> {
        let mut environment = environment();
        environment.push(("IPCON_KVER".to_owned(), self.release.clone()));
        let told = Rc::new(RefCell::new(Told::new(self.machine.progress)));
        let hears = Rc::clone(&told);
        let report = self.machine.run(Job {
            start: Start {
                own: false,
                command: self.command(rows),
                directory: current_directory()?,
                environment,
                user: "root".to_owned(),
                module: Some(self.module.display().to_string()),
                look_for_leaks: false,
                terminal: None,
            },
            clock,
            timeout: Some(AROUND + ROUND * self.args.rows.rounds),
            quiet: true,
            on_stdout: Box::new(move |bytes| hears.borrow_mut().hear(bytes)),
            on_stderr: Box::new(|bytes| eprint!("{}", String::from_utf8_lossy(bytes))),
            ..Job::default()
        })?;
        let splats = report.splats(&[])?;
        report.complain(&splats);
        match report.outcome {
            Outcome::Ended(End::Status(0)) => {
                let measured = told.take().all(rows, clock.into())?;
                let status = if splats.is_empty() { 0 } else { STATUS_SPLAT };
                Ok(Ok((measured, status)))
            }
            // What the guest complained of was shown.
            Outcome::Ended(_) => Ok(Err(STATUS_INFRASTRUCTURE)),
            other => Ok(Err(other.status())),
        }
    }

    fn command(&self, rows: &[&Row]) -> Vec<String> {
        let program: &Path = &self.machine.workspace.programs().join("ipcon-bench");
        let mut words = vec![
            program.display().to_string(),
            self.benchmark.name.to_owned(),
            format!("--rounds={}", self.args.rows.rounds),
        ];
        let broker = self.broker.iter();
        words.extend(broker.map(|folder| format!("--dbus-broker={}", folder.display())));
        if self.args.rows.quick {
            words.push("--quick".to_owned());
        }
        words.extend(rows.iter().map(|row| row.name.to_owned()));
        words
    }
}

fn report(measured: Measured) -> Report {
    // Instructions are counted in translated code only.
    let counted = |figures: &Figures| figures.unit == Unit::Instructions;
    let accel = match Accel::detect() {
        Accel::Kvm if !measured.rows.iter().any(counted) => "kvm",
        _ => "tcg",
    };
    Report {
        place: Place {
            kernel: measured.kernel,
            accel,
            cpus: measured.cpus,
            clocksource: measured.clocksource,
            processor: processor::name(),
            load: None,
        },
        rows: measured.rows,
        left_out: measured.left_out,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn rows_that_run_at_once_are_measured_in_real_time() {
        let rows = || rows::named(bus::ROWS, "").unwrap();
        let counted = boots(Clock::Instructions, rows());
        assert_eq!(counted.len(), 2);
        assert_eq!(counted[1].0, Clock::Host);
        assert!(counted[1].1.iter().all(|row| row.at_once));
        assert!(counted[0].1.iter().all(|row| !row.at_once));
        assert_eq!(boots(Clock::Host, rows()).len(), 1);
        assert_eq!(
            boots(
                Clock::Instructions,
                rows::named(bus::ROWS, "connect").unwrap()
            )
            .len(),
            1
        );
    }
}
