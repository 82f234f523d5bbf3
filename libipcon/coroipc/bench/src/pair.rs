// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client and a server that were started, as one side of a row.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::floor::{self, How};
use crate::measure::Side;
use crate::ours::{Spin, Work};
use crate::place::Placement;

/// What is started.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Ours(Spin),
    /// The program that drives libqb.
    Libqb(PathBuf),
    Floor(How),
}

/// Both processes. They are killed when this is dropped.
pub(crate) struct Pair {
    pub(crate) client: Process,
    pub(crate) server: Process,
    /// What both processes of a floor have opened.
    _memory: Option<OwnedFd>,
}

impl Pair {
    /// Starts both, and waits until both are ready.
    pub(crate) fn start(kind: &Kind, work: Work, placement: Placement) -> anyhow::Result<Self> {
        let (client_cpu, server_cpu) = placement.cpus();
        let (client_cpu, server_cpu) = (client_cpu.to_string(), server_cpu.to_string());
        let name = address();
        let work = word(&work);
        let (server, client, memory) = match kind {
            Kind::Ours(spin) => {
                let spin = word(spin);
                (
                    own(&["server", &name, &server_cpu, &spin]),
                    own(&["client", &name, &client_cpu, &spin, &work]),
                    None,
                )
            }
            Kind::Libqb(program) => (
                with_words(program, &["server", &name, &server_cpu]),
                with_words(program, &["client", &name, &client_cpu, &work]),
                None,
            ),
            Kind::Floor(how) => {
                let how = word(how);
                let memory = memory().context("making the memory of a floor")?;
                let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
                (
                    own(&["floor-server", &path, &server_cpu, &how]),
                    own(&["floor-client", &path, &client_cpu, &how]),
                    Some(memory),
                )
            }
        };
        let mut server = Process::start(server, matches!(kind, Kind::Libqb(_)))?;
        server.expect("ready")?;
        let mut client = Process::start(client, false)?;
        client.expect("ready")?;
        Ok(Self {
            client,
            server,
            _memory: memory,
        })
    }

    /// Tells the client how often to do its work.
    pub(crate) fn order(&mut self, times: u32) -> anyhow::Result<()> {
        let words = self.client.words.as_mut().context("an ended client")?;
        writeln!(words, "{times}").context("telling a client how often")
    }

    /// What the client tells: a number for each time.
    pub(crate) fn answer(&mut self, times: u32) -> anyhow::Result<Vec<u64>> {
        let mut bytes = vec![0; times as usize * size_of::<u64>()];
        self.client
            .says
            .read_exact(&mut bytes)
            .context("hearing what a client took; what it complained of is above")?;
        let (numbers, _) = bytes.as_chunks();
        Ok(numbers.iter().copied().map(u64::from_ne_bytes).collect())
    }
}

impl Side for Pair {
    fn round(&mut self, times: u32) -> anyhow::Result<Vec<f64>> {
        self.order(times)?;
        Ok(self
            .answer(times)?
            .into_iter()
            .map(|took| took as f64)
            .collect())
    }
}

/// One of them.
pub(crate) struct Process {
    child: Child,
    /// Its stdin.
    words: Option<ChildStdin>,
    /// Its stdout.
    says: BufReader<ChildStdout>,
    /// Whether it leaves files in `/dev/shm` when it is killed.
    untidy: bool,
}

impl Process {
    fn start(mut command: Command, untidy: bool) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let says = child.stdout.take().context("a process without stdout")?;
        Ok(Self {
            words: child.stdin.take(),
            says: BufReader::new(says),
            child,
            untidy,
        })
    }

    /// Waits until it says so.
    pub(crate) fn expect(&mut self, what: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        self.says
            .read_line(&mut line)
            .with_context(|| format!("waiting for a process to say `{what}`"))?;
        if line.trim_end() != what {
            bail!("a process did not say `{what}`; what it complained of is above");
        }
        Ok(())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, with `SIGKILL`.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("killing a process")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is told before, so that it may tidy up, but not waited for.
        self.words = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.untidy {
            remove_leftovers(self.child.id());
        }
    }
}

/// Removes the files of a server of libqb that was killed.
fn remove_leftovers(server: u32) {
    let prefix = format!("qb-{server}-");
    let Ok(entries) = fs::read_dir("/dev/shm") else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// This program, started with these words.
fn own(words: &[&str]) -> Command {
    with_words(Path::new("/proc/self/exe"), words)
}

fn with_words(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}

/// The word of a command line for this value.
fn word(value: &impl clap::ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A name that nobody else listens at.
fn address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("coroipc-bench-{}-{next}", std::process::id())
}

fn memory() -> rustix::io::Result<OwnedFd> {
    let memory = memfd_create("floor", MemfdFlags::CLOEXEC)?;
    ftruncate(&memory, size_of::<floor::Memory>() as u64)?;
    Ok(memory)
}
