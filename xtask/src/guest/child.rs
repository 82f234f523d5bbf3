// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command that the host asked for: started as the right user, on pipes or on a terminal, fed
//! and listened to until it ends.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::{Host, forward::Streams, module};
use crate::account::Account;
use crate::channel::{self, End, Size, Start, ToGuest, ToHost};

/// What a shell reports of a command that it cannot start.
const STATUS_NOT_FOUND: i32 = 127;

/// Runs the command and returns how it ended, all its output sent.
pub(super) fn run(start: &Start, host: &Host, requests: File) -> anyhow::Result<End> {
    if let Some(path) = &start.module {
        module::load(path)?;
    }
    let mut words = Vec::new();
    if start.terminal.is_some() {
        // A session of its own whose controlling terminal is the one on stdin.
        words.extend(["setsid", "--ctty", "--"].map(str::to_owned));
    }
    if start.own {
        let own = std::env::current_exe().context("finding this program in the VM")?;
        words.push(own.display().to_string());
    }
    words.extend(start.command.iter().cloned());
    let mut command = command_as(&start.user, &words)?;
    command.envs(start.environment.iter().cloned());
    if fs::metadata(&start.directory).is_ok_and(|found| found.is_dir()) {
        command.current_dir(&start.directory);
    }
    let started = match start.terminal {
        Some(size) => on_terminal(&mut command, size, host),
        None => on_pipes(&mut command, host),
    };
    let mut running = match started {
        Ok(running) => running,
        Err(error) => {
            let text = format!("xtask: {error:#}\n");
            host.send(&ToHost::Stderr(text.into_bytes()))
                .context("telling the host")?;
            return Ok(End::Status(STATUS_NOT_FOUND));
        }
    };
    let group = Pid::from_child(&running.child);
    let control = Control {
        input: Some(running.input),
        terminal: running.terminal,
        group,
    };
    let requests_host = host.clone();
    std::thread::spawn(move || control.serve(requests, &requests_host));

    let status = running.child.wait().context("waiting for the command")?;
    // What it left behind may hold its output open for ever. It would end with the VM anyway; there may be nothing.
    let _ = kill_process_group(group, Signal::KILL);
    for pump in running.output {
        if pump.join().is_err() {
            bail!("a thread that carries output died");
        }
    }
    Ok(end_of(status))
}

struct Running {
    child: Child,
    input: File,
    terminal: Option<File>,
    output: Vec<JoinHandle<()>>,
}

fn on_pipes(command: &mut Command, host: &Host) -> anyhow::Result<Running> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.process_group(0);
    let mut child = spawn(command)?;
    let input = child
        .stdin
        .take()
        .context("the command's stdin is missing")?;
    let stdout = child
        .stdout
        .take()
        .context("the command's stdout is missing")?;
    let stderr = child
        .stderr
        .take()
        .context("the command's stderr is missing")?;
    Ok(Running {
        child,
        input: File::from(OwnedFd::from(input)),
        terminal: None,
        output: vec![
            pump(stdout, host.clone(), ToHost::Stdout),
            pump(stderr, host.clone(), ToHost::Stderr),
        ],
    })
}

fn on_terminal(command: &mut Command, size: Size, host: &Host) -> anyhow::Result<Running> {
    let (master, name) = open_terminal(size).context("making a terminal")?;
    let open = || File::options().read(true).write(true).open(&name);
    command.stdin(open()?).stdout(open()?).stderr(open()?);
    let child = spawn(command)?;
    // The command object holds copies of the terminal's other side; with them open, the end of
    // the command would never be the end of its output.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let reader = master.try_clone().context("sharing the terminal")?;
    let input = master.try_clone().context("sharing the terminal")?;
    Ok(Running {
        child,
        input,
        terminal: Some(master),
        output: vec![pump(reader, host.clone(), ToHost::Stdout)],
    })
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command
        .spawn()
        .with_context(|| format!("starting `{}` in the VM", crate::process::display(command)))
}

fn open_terminal(size: Size) -> anyhow::Result<(File, String)> {
    let master =
        rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let name = name
        .into_string()
        .context("a terminal's name that is no text")?;
    set_size(&master, size)?;
    Ok((File::from(master), name))
}

fn set_size(terminal: impl std::os::fd::AsFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}

/// Carries what `from` gives to the host until its end.
fn pump(
    mut from: impl Read + Send + 'static,
    host: Host,
    message: fn(Vec<u8>) -> ToHost,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = vec![0; channel::MAX_BODY];
        loop {
            // A terminal ends with EIO when its last user has gone.
            let Ok(length @ 1..) = from.read(&mut piece) else {
                return;
            };
            if host.send(&message(piece[..length].to_vec())).is_err() {
                return;
            }
        }
    })
}

/// What the host may do to the running command.
struct Control {
    input: Option<File>,
    terminal: Option<File>,
    group: Pid,
}

impl Control {
    fn serve(mut self, mut requests: File, host: &Host) {
        let mut streams = Streams::new(host.clone());
        while let Ok(Some(request)) = channel::read(&mut requests) {
            match request {
                // A command that does not read, or has ended, loses its input; that is its right.
                ToGuest::Input(bytes) => {
                    if self
                        .input
                        .as_mut()
                        .is_some_and(|input| input.write_all(&bytes).is_err())
                    {
                        self.input = None;
                    }
                }
                ToGuest::InputEnd => self.end_input(),
                ToGuest::Resize(size) => {
                    if let Some(terminal) = &self.terminal {
                        // A terminal whose user is gone has no size; there is nobody to tell.
                        let _ = set_size(terminal, size);
                    }
                }
                ToGuest::Signal(number) => {
                    if let Some(signal) = Signal::from_named_raw(number) {
                        // The group may be gone already.
                        let _ = kill_process_group(self.group, signal);
                    }
                }
                ToGuest::Connect { stream, port } => streams.connect(stream, port),
                ToGuest::Stream { stream, bytes } => streams.data(stream, &bytes),
                ToGuest::Start(_) => eprintln!("xtask guest: a second command was refused"),
            }
        }
        // The host is gone: nobody waits for a result any more.
        super::power_off();
    }

    fn end_input(&mut self) {
        if self.terminal.is_some() {
            // On a terminal, the end of input is a character.
            const END_OF_TRANSMISSION: u8 = 4;
            if let Some(input) = &mut self.input {
                let _ = input.write_all(&[END_OF_TRANSMISSION]);
            }
        } else {
            self.input = None;
        }
    }
}

/// The command line that runs `words` as `user`.
fn command_as(user: &str, words: &[String]) -> anyhow::Result<Command> {
    let (program, arguments) = words.split_first().context("the host gave no command")?;
    if user == "root" {
        let mut command = Command::new(program);
        command.args(arguments);
        return Ok(command);
    }
    let account = Account::named(user)?;
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        &account.uid,
        "--regid",
        &account.gid,
        "--init-groups",
        "--",
    ]);
    command.arg(program).args(arguments);
    command.envs([("USER", user), ("LOGNAME", user), ("HOME", &account.home)]);
    Ok(command)
}

fn end_of(status: ExitStatus) -> End {
    match status.signal() {
        Some(signal) => End::Signal(signal),
        None => End::Status(status.code().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn root_needs_no_detour() {
        let command = command_as("root", &["id".into(), "-u".into()]).unwrap();
        assert_eq!(crate::process::display(&command), "id -u");
        assert!(command_as("root", &[]).is_err());
    }
}
