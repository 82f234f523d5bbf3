// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: a server of many talents, and other processes.

use std::io::{BufRead, BufReader, IoSlice};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coroipc::{Address, Client, CommandId, Endpoint, EndpointBuilder, Running, Service, ServiceId};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) const SERVICE: ServiceId = ServiceId::new(1);

/// Replies with the payload.
pub(crate) const ECHO: CommandId = CommandId::new(0);
/// Replies with the number of calls that the connection has made.
pub(crate) const COUNT: CommandId = CommandId::new(1);
/// Fails with the code in the payload.
pub(crate) const FAIL: CommandId = CommandId::new(2);
/// Never replies, but keeps the call.
pub(crate) const KEEP: CommandId = CommandId::new(3);
/// Drops the call.
pub(crate) const DROP: CommandId = CommandId::new(4);
/// Panics.
pub(crate) const PANIC: CommandId = CommandId::new(5);
/// Replies with a payload of the given length.
pub(crate) const FILL: CommandId = CommandId::new(6);
/// Replies to all kept calls, the last one first.
pub(crate) const RELEASE: CommandId = CommandId::new(7);
/// Sends as many events as the payload says, numbered, then replies.
pub(crate) const SEND: CommandId = CommandId::new(8);
/// Nobody may use it.
pub(crate) const FORBIDDEN: CommandId = CommandId::new(9);
/// Nobody answers it.
pub(crate) const UNKNOWN: CommandId = CommandId::new(u16::MAX);

/// What a connection keeps.
#[derive(Default)]
pub(crate) struct State {
    calls: u32,
    kept: Vec<coroipc::Call>,
}

/// A service with all commands above.
pub(crate) fn service() -> Service<State> {
    Service::new(SERVICE, |_| Ok(State::default()))
        .command(ECHO, |session, mut call| {
            session.state.calls += 1;
            let len = call.payload().len().min(call.room());
            let payload = call.payload().to_vec();
            call.reply_room()[..len].copy_from_slice(&payload[..len]);
            call.reply_in_place(len);
        })
        .command(COUNT, |session, call| {
            session.state.calls += 1;
            call.reply_vectored(&[IoSlice::new(&session.state.calls.to_ne_bytes())]);
        })
        .command(FAIL, |_, call| {
            let code = number(&call);
            call.fail(code);
        })
        .command(KEEP, |session, call| session.state.kept.push(call))
        .command(DROP, |_, call| drop(call))
        .command(PANIC, |_, _call| panic!("as asked for"))
        .command(FILL, |_, call| {
            let len = number(&call) as usize;
            call.reply(&vec![9; len]);
        })
        .command(RELEASE, |session, call| {
            for kept in std::mem::take(&mut session.state.kept).into_iter().rev() {
                let payload = kept.payload().to_vec();
                kept.reply(&payload);
            }
            call.reply(b"");
        })
        .command(SEND, |session, call| {
            for event in 0..number(&call) {
                let sent = session
                    .connection()
                    .send_event(&[IoSlice::new(b"event "), IoSlice::new(&event.to_ne_bytes())]);
                if sent.is_err() {
                    return;
                }
            }
            call.reply(b"");
        })
        .command_for(FORBIDDEN, |_| false, |_, call| call.reply(b"never"))
}

fn number(call: &coroipc::Call) -> u32 {
    u32::from_ne_bytes(call.payload().first().unwrap())
}

/// An address that nobody else has.
pub(crate) fn address() -> Address {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Address::abstract_name(format!("coroipc-test-{}-{number}", std::process::id()))
}

/// A server of [`service`].
pub(crate) fn server(address: &Address) -> Running {
    serve(Endpoint::builder(address.clone()).service(service()))
}

pub(crate) fn serve(builder: EndpointBuilder) -> Running {
    builder.bind().unwrap().spawn().unwrap()
}

pub(crate) fn client(address: &Address) -> Client {
    Client::builder(address.clone(), SERVICE).connect().unwrap()
}

/// A test, by its name.
pub(crate) type Case = (&'static str, fn());

/// A test that cannot be run here, by its whole name, and why not.
pub(crate) type Lack = (String, &'static str);

/// A [`Case`] of each function.
macro_rules! cases {
    ($($body:ident),+ $(,)?) => {
        vec![$((stringify!($body), $body as fn())),+]
    };
}
pub(crate) use cases;

/// What another process of a test does, by its name.
pub(crate) type Role = (&'static str, fn());

/// Says which role a process was started for.
const ROLE: &str = "COROIPC_ROLE";

/// Plays the role that this process was started for; false in the process of the tests.
pub(crate) fn play(roles: &[Role]) -> bool {
    let Ok(wanted) = std::env::var(ROLE) else {
        return false;
    };
    let role = roles.iter().find(|(name, _)| *name == wanted);
    let (_, play) = role.unwrap_or_else(|| panic!("there is no role {wanted}"));
    play();
    true
}

/// How long another process may take to say something: only one that hangs takes so long.
const PATIENCE: Timespec = Timespec {
    tv_sec: 120,
    tv_nsec: 0,
};

/// This program again, in a role.
pub(crate) fn in_role(role: &str) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(ROLE, role);
    program
}

/// This program again, in another process and in a role.
pub(crate) struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    /// Starts a role, with an argument that [`argument`] gives it.
    pub(crate) fn start(role: &str, argument: &str) -> Self {
        let mut program = in_role(role);
        program.env("COROIPC_TEST", argument);
        Self::of(program)
    }

    pub(crate) fn of(mut program: Command) -> Self {
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits until it has said this. The line.
    pub(crate) fn wait_for(&mut self, word: &str) -> String {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            if self.output.buffer().is_empty() {
                let mut fds = [PollFd::new(self.output.get_ref(), PollFlags::IN)];
                let ready = poll(&mut fds, Some(&PATIENCE)).unwrap();
                assert_ne!(ready, 0, "it never said {word}");
            }
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended");
        }
        line
    }

    /// Gives it a line to read.
    #[cfg(feature = "tracing")]
    pub(crate) fn tell(&mut self, line: &str) {
        use std::io::Write;
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// `kill -9`. When it was.
    pub(crate) fn kill(&mut self) -> Instant {
        let killed = Instant::now();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        killed
    }

    /// What it has said and was not waited for, of one that was killed.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut rest).unwrap();
        rest
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What [`Process::start`] gave to this process.
pub(crate) fn argument() -> String {
    std::env::var("COROIPC_TEST").expect("this is for another process of a test")
}

/// Tells the process that started this one.
pub(crate) fn say(word: &str) {
    println!("{word}");
}

/// Runs until it is killed.
pub(crate) fn run_on() -> ! {
    loop {
        std::thread::park();
    }
}

/// A deadline that only a hanging test meets.
pub(crate) fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

/// What the other side's death may take to be seen on a machine that does much else: far less than any time-out of the
/// library's own, of which there is none. `COROIPC_AT_ONCE_MS` gives another time in milliseconds: 10 on a machine that
/// has nothing else to do, and more under AddressSanitizer, where processes die slowly, since the kernel closes descriptors
/// only once the memory is gone. `cargo xtask bench coroipc` measures it.
pub(crate) fn at_once() -> Duration {
    let given = std::env::var("COROIPC_AT_ONCE_MS").ok();
    Duration::from_millis(given.map_or(500, |given| given.parse().unwrap()))
}

/// Waits until something is so.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::yield_now();
    }
}

/// What this process has of what connections are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    descriptors: usize,
    threads: usize,
    pub(crate) memory: usize,
}

impl Left {
    pub(crate) fn now() -> Self {
        let count = |what| std::fs::read_dir(what).unwrap().count();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            // The page of an endpoint is there for as long as that.
            memory: maps.matches("memfd:coroipc").count()
                - maps.matches("memfd:coroipc-endpoint").count(),
        }
    }

    /// Whether it is no more than at another time, when perhaps something was still about to go.
    pub(crate) fn is_within(self, before: Self) -> bool {
        self.descriptors <= before.descriptors
            && self.threads <= before.threads
            && self.memory <= before.memory
    }
}
