// SPDX-License-Identifier: MIT OR Apache-2.0

//! The archive as a process of its own, which a signal can stop while its writer goes on.
//!
//! It is this program again. Both sides talk in lines over pipes: the archive says that it is on the bus; told that
//! nobody sends any more, it reads what is queued and says so; told once more, it reads what came last and says what it
//! counted. It stays on the bus until its input ends.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::cast;
use crate::company::service;
use crate::parties;
use crate::party::Party;
use crate::report::Row;
use crate::stage::{Stage, Stages};

/// The option that makes this program the archive.
const AS_ARCHIVE: &str = "--as-archive";

const READY: &str = "ready";
const READ: &str = "read";

/// The side of those who write to it. It ends with this.
#[derive(Debug)]
pub(crate) struct Archive {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    pid_file: PathBuf,
}

impl Archive {
    /// Starts it, waits until it is on the bus, and writes its process id to a file.
    pub(crate) fn start(pid_file: &Path) -> anyhow::Result<Self> {
        // By its own name, which others see of the process.
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = Command::new(program);
        // A group of its own, so that Ctrl-C at the terminal leaves the end to the others.
        command
            .arg(AS_ARCHIVE)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("starting the archive's process")?;
        let to = child.stdin.take().context("a child without stdin")?;
        let from = child.stdout.take().context("a child without stdout")?;
        let mut archive = Self {
            child,
            to,
            from: BufReader::new(from).lines(),
            pid_file: pid_file.to_owned(),
        };
        archive.expect(READY)?;
        let pid = format!("{}\n", archive.child.id());
        std::fs::write(pid_file, pid).with_context(|| {
            format!("writing the archive's process id to {}", pid_file.display())
        })?;
        Ok(archive)
    }

    /// Has it read all that is queued. Nobody may send any more. One that was stopped goes on.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::CONT)
            .context("letting the archive go on")?;
        self.tell("nobody sends any more")?;
        self.expect(READ)
    }

    /// Has it read what came last, and gives what it counted.
    pub(crate) fn close(&mut self) -> anyhow::Result<Row> {
        self.tell("that was all")?;
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("the archive counted {line}"))
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.to, "{line}").context("telling the archive that it ends")
    }

    fn expect(&mut self, wanted: &str) -> anyhow::Result<()> {
        let line = self.line()?;
        ensure!(line == wanted, "the archive says {line}, not {wanted}");
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let line = self
            .from
            .next()
            .context("the archive's process has ended")?;
        line.context("listening to the archive")
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // Another process may get the id. What fails here fails since it is done already.
        let _ = std::fs::remove_file(&self.pid_file);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the archive's process does.
pub(crate) fn serve() -> anyhow::Result<()> {
    // Stopped, it would not notice that its input ended.
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("tying the archive to its writer")?;
    let party = service(Party::new(cast::ARCHIVE, Arc::default())?)?;
    say(READY)?;
    let stages = Arc::new(Stages::new());
    let end = stages.clone();
    std::thread::spawn(move || {
        hear();
        end.enter(Stage::Over);
    });
    let party = parties::read_slowly(party, cast::ARCHIVE_READS, &stages)?;
    party.drain()?;
    say(READ)?;
    hear();
    party.drain()?;
    say(&serde_json::to_string(&Row::of(&party))?)?;
    hear();
    Ok(())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("telling those who write to the archive")
}

/// Waits for the next line. When there is none any more, all is over anyway.
fn hear() {
    let _ = std::io::stdin().read_line(&mut String::new());
}
