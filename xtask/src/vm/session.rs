// SPDX-License-Identifier: MIT OR Apache-2.0
//! One VM from boot to power-off: a single loop over what the guest says, what the VM's process
//! does, and the deadlines.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::deadline::{Deadlines, Watch};
use super::outcome::Outcome;
use super::run_dir::RunDir;
use crate::channel::{self, MAX_BODY, Start, ToGuest, ToHost};
use crate::interrupt::Undo;

/// Longest time for the supervisor to kill what is left of the VM.
const KILL: Duration = Duration::from_secs(5);

/// What happens while a VM runs.
#[derive(Debug)]
enum Event {
    Guest(ToHost),
    /// The port ended: the guest's agent is gone.
    PortClosed,
    /// The console said something.
    Console,
    /// The VM's process ended.
    Exited(ExitStatus),
}

/// The way to the guest, shared by everything that has something to send. Writing may wait, so
/// the loop that drains the guest never writes after the start.
#[derive(Debug, Clone)]
pub(crate) struct Guest(Arc<Mutex<UnixStream>>);

impl Guest {
    /// Sends one message.
    pub(crate) fn send(&self, message: &ToGuest) -> io::Result<()> {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channel::write(&mut *port, message)
    }
}

/// Called once, when the command has been started.
pub(crate) type OnStart = Box<dyn FnOnce(&Guest)>;
/// Called with what the command prints, after it was printed.
pub(crate) type OnOutput = Box<dyn FnMut(&[u8])>;
/// Called with the bytes of a forwarded connection; none means its end.
pub(crate) type OnStream = Box<dyn FnMut(u32, Vec<u8>)>;

/// What a run shall do besides booting.
pub(crate) struct Plan {
    /// What to run once the guest is up; it is there for another boot when the guest never was.
    pub(crate) begin: Option<(Start, OnStart)>,
    pub(crate) deadlines: Deadlines,
    /// Do not print what the command prints.
    pub(crate) quiet: bool,
    pub(crate) on_stdout: OnOutput,
    pub(crate) on_stderr: OnOutput,
    pub(crate) on_stream: OnStream,
}

/// Boots a VM with `command_line`, runs the plan in it and waits until it is gone.
pub(crate) fn run(
    command_line: &[String],
    path: &OsStr,
    dir: &RunDir,
    plan: &mut Plan,
) -> anyhow::Result<Outcome> {
    let socket = dir.scratch().join("agent.sock");
    let listener = UnixListener::bind(&socket)
        .with_context(|| format!("listening on {}", socket.display()))?;
    let vm = Vm::spawn(command_line, path, dir)?;
    // Room for some messages: when this side is slow, the guest waits instead of memory filling up.
    let (events, happened) = mpsc::sync_channel(64);
    let Vm {
        mut child,
        lifeline,
        console,
    } = vm;
    let console = follow_console(console, &dir.console_log(), events.clone())?;
    let waiter_events = events.clone();
    let (gone, is_gone) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let status = child.wait();
        drop(gone);
        if let Ok(status) = status {
            // The loop may have ended already.
            let _ = waiter_events.send(Event::Exited(status));
        }
    });
    let undo = Undo::with(move || {
        drop(lifeline);
        // Disconnected when the supervisor has gone, which it does last.
        let _ = is_gone.recv_timeout(KILL);
    });
    let accepted = accept(listener, events);
    let outcome = Loop {
        happened,
        accepted,
        kernel_log: File::create(dir.kernel_log()).context("making the kernel log")?,
        watch: Watch::boot(&plan.deadlines, Instant::now()),
        plan,
        outcome: None,
    }
    .run();
    // Nothing of the VM may be left: whatever still runs is killed here.
    drop(undo);
    if console.join().is_err() {
        anyhow::bail!("the thread that keeps the console's log died");
    }
    outcome
}

/// A VM under its supervisor, which has a process group of its own: Ctrl-C is for this program.
struct Vm {
    child: Child,
    /// The supervisor lets the VM live as long as this is open, which is as long as this program
    /// lives at most.
    lifeline: ChildStdin,
    console: io::PipeReader,
}

impl Vm {
    fn spawn(command_line: &[String], path: &OsStr, dir: &RunDir) -> anyhow::Result<Self> {
        let (console, output) = io::pipe().context("making a pipe")?;
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.args(["supervise", "--"]).args(command_line);
        command.stdin(Stdio::piped());
        command
            .stdout(output.try_clone().context("sharing a pipe")?)
            .stderr(output);
        // virtme-ng makes its own temporary files and a folder in the user's cache.
        command.env("TMPDIR", dir.scratch()).env("PATH", path);
        command.current_dir("/");
        command.process_group(0);
        let mut child = command.spawn().context("starting the VM")?;
        // Waiting for the child would close its stdin, so it is kept apart.
        let lifeline = child
            .stdin
            .take()
            .context("the supervisor's stdin is missing")?;
        Ok(Self {
            child,
            lifeline,
            console,
        })
    }
}

/// Keeps what the console says, and tells the loop that something was said.
fn follow_console(
    mut console: io::PipeReader,
    path: &Path,
    events: SyncSender<Event>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut log = File::create(path).with_context(|| format!("making {}", path.display()))?;
    Ok(std::thread::spawn(move || {
        let mut piece = vec![0; MAX_BODY];
        while let Ok(length @ 1..) = console.read(&mut piece) {
            if log.write_all(&piece[..length]).is_err() {
                eprintln!("xtask: the log of the console cannot be written");
                return;
            }
            // Only a sign of life; when the loop is busy it needs none.
            let _ = events.try_send(Event::Console);
        }
    }))
}

/// Waits for QEMU to connect, then carries what the guest says into `events`.
fn accept(listener: UnixListener, events: SyncSender<Event>) -> Receiver<Guest> {
    let (found, accepted) = mpsc::channel();
    std::thread::spawn(move || {
        let Ok((mut port, _)) = listener.accept() else {
            return;
        };
        let Ok(writer) = port.try_clone() else { return };
        if found.send(Guest(Arc::new(Mutex::new(writer)))).is_err() {
            return;
        }
        while let Ok(Some(message)) = channel::read(&mut port) {
            if events.send(Event::Guest(message)).is_err() {
                return;
            }
        }
        // The loop may have ended already.
        let _ = events.send(Event::PortClosed);
    });
    accepted
}

struct Loop<'a> {
    happened: Receiver<Event>,
    accepted: Receiver<Guest>,
    kernel_log: File,
    watch: Watch,
    plan: &'a mut Plan,
    outcome: Option<Outcome>,
}

impl Loop<'_> {
    fn run(mut self) -> anyhow::Result<Outcome> {
        loop {
            let wait = self.watch.left(Instant::now());
            match self
                .happened
                .recv_timeout(wait.unwrap_or(Duration::from_secs(3600)))
            {
                Ok(Event::Guest(message)) => self.guest(message)?,
                Ok(Event::Console) => self.watch.alive(Instant::now()),
                Ok(Event::PortClosed) => self.watch.shut_down(&self.plan.deadlines, Instant::now()),
                Ok(Event::Exited(status)) => {
                    self.drain()?;
                    return Ok(self.outcome.unwrap_or(match self.plan.begin {
                        Some(_) => Outcome::NoBoot(crate::process::describe(status)),
                        None => Outcome::Crashed,
                    }));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(missed) = self.watch.missed(Instant::now()) {
                        return Ok(self.outcome.unwrap_or(Outcome::Deadline(missed)));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("all threads that watch the VM died")
                }
            }
        }
    }

    /// What the guest said before its end may still be on the way.
    fn drain(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        while let Some(wait) = deadline.checked_duration_since(Instant::now()) {
            match self.happened.recv_timeout(wait) {
                Ok(Event::Guest(message)) => self.guest(message)?,
                Ok(Event::Console) => {}
                _ => break,
            }
        }
        Ok(())
    }

    fn guest(&mut self, message: ToHost) -> anyhow::Result<()> {
        match message {
            ToHost::Ready(_) => self.start()?,
            ToHost::Stdout(bytes) => {
                if !self.plan.quiet {
                    relay(&mut io::stdout(), &bytes)?;
                }
                (self.plan.on_stdout)(&bytes);
            }
            ToHost::Stderr(bytes) => {
                if !self.plan.quiet {
                    relay(&mut io::stderr(), &bytes)?;
                }
                (self.plan.on_stderr)(&bytes);
            }
            ToHost::KernelLog(lines) => {
                self.watch.alive(Instant::now());
                self.kernel_log
                    .write_all(&lines)
                    .context("writing the kernel log")?;
            }
            ToHost::Failed(reason) => self.end(Outcome::NotRun(reason)),
            ToHost::Ended(end) => self.end(Outcome::Ended(end)),
            ToHost::Stream { stream, bytes } => (self.plan.on_stream)(stream, bytes),
        }
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let Some((start, on_start)) = self.plan.begin.take() else {
            return Ok(());
        };
        let guest = self
            .accepted
            .recv()
            .context("the port to the guest is missing")?;
        guest
            .send(&ToGuest::Start(start))
            .context("telling the guest what to run")?;
        on_start(&guest);
        self.watch = Watch::command(&self.plan.deadlines, Instant::now());
        Ok(())
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
        self.watch.shut_down(&self.plan.deadlines, Instant::now());
    }
}

fn relay(to: &mut impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        // `cargo xtask vm -- yes | head -1`: the reader has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            crate::interrupt::exit(128 + signal_hook::consts::SIGPIPE)
        }
        result => result.context("passing on the output of the VM"),
    }
}
