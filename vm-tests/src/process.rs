// SPDX-License-Identifier: MIT OR Apache-2.0

//! Child processes of a test: the test program again, in a role. Both sides talk in lines over pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// A program of the project, as the harness built it.
pub fn program(name: &str) -> Command {
    let directory = std::env::var("IPCON_BIN_DIR").expect("IPCON_BIN_DIR holds the programs");
    Command::new(Path::new(&directory).join(name))
}

/// What a child process does, by name.
pub type Role = (&'static str, fn());

const ROLE: &str = "IPCON_VMTEST_ROLE";

/// Runs the role that this process was started for. Returns false in the process of the tests itself.
pub fn play(roles: &[Role]) -> bool {
    let Ok(wanted) = std::env::var(ROLE) else {
        return false;
    };
    let found = roles.iter().find(|(name, _)| *name == wanted);
    let (_, run) = found.unwrap_or_else(|| panic!("there is no role {wanted}"));
    run();
    true
}

/// Tells the test a line; to be called by a role. Ends the role, with all its threads, when the test is gone.
pub fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(1);
    }
}

/// The next line from the test, or `None` when it wants the role to end; to be called by a role.
pub fn hear() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}

fn launch(command: &mut Command) -> Child {
    let started = command.stdin(Stdio::piped()).spawn();
    started.unwrap_or_else(|error| panic!("start {command:?}: {error}"))
}

/// A child process. Killed when it is dropped.
pub struct Process {
    child: Child,
    to: Option<ChildStdin>,
    from: Box<dyn BufRead + Send>,
}

impl Process {
    /// Starts a role.
    pub fn start(role: &str) -> Self {
        Self::spawn(Command::new("/proc/self/exe").env(ROLE, role))
    }

    /// Starts a role as another user, without any capabilities.
    pub fn start_as(uid: u32, role: &str) -> Self {
        Self::spawn(
            Command::new("/proc/self/exe")
                .env(ROLE, role)
                .uid(uid)
                .gid(uid),
        )
    }

    /// Starts a program, to listen to its standard output.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = launch(command.stdout(Stdio::piped()));
        let from = child.stdout.take().expect("a pipe from the child");
        Self::new(child, from)
    }

    /// Starts a program, to listen to what it says on standard error.
    pub fn spawn_complaining(command: &mut Command) -> Self {
        let mut child = launch(command.stderr(Stdio::piped()));
        let from = child.stderr.take().expect("a pipe from the child");
        Self::new(child, from)
    }

    fn new(mut child: Child, from: impl Read + Send + 'static) -> Self {
        let to = child.stdin.take();
        Self {
            child,
            to,
            from: Box::new(BufReader::new(from)),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let len = self.from.read_line(&mut line).expect("read from the child");
        assert!(len > 0, "the child ended instead of saying something");
        line.trim_end().to_owned()
    }

    /// Waits until it says this.
    pub fn expect(&mut self, wanted: &str) {
        assert_eq!(self.line(), wanted);
    }

    /// Tells it a line.
    pub fn tell(&mut self, line: &str) {
        let to = self.to.as_mut().expect("the child still listens");
        writeln!(to, "{line}").expect("write to the child");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("signal the child");
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the child");
        let status = self.child.wait().expect("wait for the child");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "killed: {status}");
    }

    /// Ends its input and waits until it has ended, which must be well.
    pub fn end(mut self) {
        drop(self.to.take());
        let status = self.wait();
        assert!(status.success(), "the child ended with {status}");
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("wait for the child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
