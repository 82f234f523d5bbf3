// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts the program and asks it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// More than any test needs; a program that hangs fails the test instead of stopping it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

const PROGRAM: &str = env!("CARGO_BIN_EXE_ipcon-exporter");

/// What the program writes to stderr.
pub(crate) type Log = BufReader<ChildStderr>;

/// The program, listening.
pub(crate) struct Exporter {
    process: Child,
    /// Where it says that it listens.
    pub(crate) places: Vec<String>,
}

impl Exporter {
    /// Listens at any free port.
    pub(crate) fn start() -> Self {
        Self::with(&["--web.listen-address=127.0.0.1:0"])
    }

    /// With these options, and without probes.
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(options);
        let sockets = options
            .iter()
            .filter(|option| option.starts_with("--web.listen-address"))
            .count();
        Self::spawn(command.arg("--no-probes"), sockets)
    }

    /// Runs a command that ends up as the program, and waits until it listens at as many sockets.
    pub(crate) fn spawn(command: &mut Command, sockets: usize) -> Self {
        // From here on nobody reads what it writes: that must not hurt it.
        Self::spawn_heard(command, sockets).0
    }

    /// The same, with what it writes later.
    pub(crate) fn spawn_heard(command: &mut Command, sockets: usize) -> (Self, Lines<Log>) {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let places: Vec<_> = lines
            .by_ref()
            .map(Result::unwrap)
            .filter_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()))
            .take(sockets)
            .collect();
        assert_eq!(places.len(), sockets, "{places:?}");
        (Self { process, places }, lines)
    }

    /// Address and port of its first socket.
    pub(crate) fn address(&self) -> &str {
        let place = self.places.first().unwrap();
        let (_, rest) = place.split_once("://").unwrap();
        rest.strip_suffix("/metrics").unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    /// Head and body of the answer.
    pub(crate) fn ask(&self, request: &str) -> (String, String) {
        ask(self.connect(), request)
    }

    pub(crate) fn get(&self, path: &str) -> (String, String) {
        self.ask(&get(path))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "it does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Runs the program to its end, which must come by itself, as one does who looks for faults in Rust programs.
pub(crate) fn run(options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(options).env("RUST_BACKTRACE", "full");
    command.output().unwrap()
}

/// What a program that ended with status 1 said: an error and its causes, on one line.
pub(crate) fn complaint(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("ipcon-exporter: "), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    message
}

/// A command that puts the program in its own place, after what a shell does first.
pub(crate) fn shell(first: &str, options: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{first}; exec \"$0\" \"$@\""), PROGRAM])
        .args(options)
        .arg("--no-probes");
    command
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

pub(crate) fn connect_unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Head and body of the answer to a request.
pub(crate) fn ask(stream: impl Read + Write, request: &str) -> (String, String) {
    let answer = String::from_utf8(ask_bytes(stream, request)).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The whole answer to a request. After one that is not read to its end the connection may be reset.
pub(crate) fn ask_bytes(mut stream: impl Read + Write, request: &str) -> Vec<u8> {
    _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    answer
}

/// Prometheus' own tool, from PATH or `PROMTOOL`.
pub(crate) fn promtool() -> Option<Command> {
    static FOUND: LazyLock<Option<OsString>> = LazyLock::new(|| {
        let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
        let tried = Command::new(&program).arg("--version").output();
        if let Err(error) = &tried {
            // Past the capture of the test harness, so that it is seen.
            _ = writeln!(
                std::io::stderr(),
                "not checked by promtool ({error}): install the package prometheus"
            );
        }
        tried.ok().map(|_| program)
    });
    FOUND.as_ref().map(Command::new)
}

/// A new folder for one test, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.{}", std::process::id()));
        _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}
