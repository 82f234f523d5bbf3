// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dashboard in a terminal of its own: whatever way it ends, the terminal is as it was before.
//!
//! The parent runs this very test program again inside a pseudo-terminal, where [`dashboard_in_a_terminal`]
//! shows a bus from a script. The last test runs the real program.
#![allow(clippy::unwrap_used)]

mod support;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipcon_observe::Snapshot;
use ipcon_top::app::Setup;
use ipcon_top::collect::SnapshotSource;
use ipcon_top::history::Past;
use ipcon_top::live::{self, Exit, Options};
use ipcon_top::recording::{Recorded, Recorder};
use ipcon_top::theme::Theme;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// Tells the child what to do; unset in the parent.
const ROLE: &str = "IPCON_TOP_TEST_ROLE";

/// Longest time for anything to happen. Only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A bus that goes on and on, or breaks the program.
struct Endless {
    second: u64,
    panics: bool,
}

impl SnapshotSource for Endless {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        self.second += 1;
        assert!(!self.panics || self.second < 3, "a bug in the collector");
        Ok(support::bus(self.second))
    }
}

/// Not a test of its own: the program that the others watch.
#[test]
fn dashboard_in_a_terminal() {
    let Ok(role) = env::var(ROLE) else { return };
    let source = Box::new(Endless {
        second: 0,
        panics: role == "panic",
    });
    let options = Options {
        interval: Duration::from_millis(50),
        theme: Theme::new(role != "colourless", false),
        tick: Duration::from_secs(1),
    };
    match live::run(source, &Setup::default(), &options) {
        Ok(Exit::Quit) => println!("ended: quit"),
        Ok(Exit::Signal(signal)) => println!("ended: signal {signal}"),
        Err(error) => println!("ended: {error:#}"),
    }
    process::exit(3);
}

/// A program in a terminal.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    raw: Vec<u8>,
    settings_before: String,
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Terminal {
    fn dashboard(role: &str) -> Self {
        Self::dashboard_in(&env::current_dir().unwrap(), role)
    }

    fn dashboard_in(folder: &Path, role: &str) -> Self {
        let mut command = CommandBuilder::new(env::current_exe().unwrap());
        command.args(["--exact", "dashboard_in_a_terminal", "--nocapture"]);
        command.env(ROLE, role);
        command.cwd(folder);
        let mut terminal = Self::run(command);
        terminal.wait_until("the dashboard", |t| {
            t.contains("cand_logger") && t.contains("quit")
        });
        assert!(terminal.screen.screen().alternate_screen());
        assert!(terminal.screen.screen().hide_cursor());
        assert_ne!(terminal.settings(), terminal.settings_before, "raw mode");
        terminal
    }

    fn run(mut command: CommandBuilder) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let settings_before = format!("{:?}", pair.master.get_termios());
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end shows as an error when the other side is closed.
            while let Ok(n @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let screen = vt100::Parser::new(cells(24), cells(80), 0);
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            output,
            screen,
            raw: Vec::new(),
            settings_before,
        }
    }

    /// Reads output until `condition` holds for the screen.
    fn wait_until(&mut self, what: &str, condition: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.screen.screen().contents()) {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.show(chunk),
                Err(error) => {
                    panic!(
                        "{what} did not come ({error}):\n{}",
                        self.screen.screen().contents()
                    )
                }
            }
        }
    }

    fn show(&mut self, chunk: Vec<u8>) {
        self.screen.process(&chunk);
        self.raw.extend(chunk);
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    fn settings(&self) -> String {
        format!("{:?}", self.master.get_termios())
    }

    /// Whether something that was sent so far sets a colour.
    fn shows_colour(&self) -> bool {
        let text = String::from_utf8_lossy(&self.raw).into_owned();
        let parameters = text.split("\x1b[").filter_map(|part| part.split_once('m'));
        let mut parameters = parameters.flat_map(|(parameters, _)| parameters.split(';'));
        parameters.any(|it| matches!(it.parse(), Ok(30..=38 | 40..=48 | 90..=107)))
    }

    /// The texts that were sent to the clipboard so far.
    fn copied(&self) -> Vec<String> {
        let sent = String::from_utf8_lossy(&self.raw).into_owned();
        let sequences = sent.split("\x1b]52;c;").skip(1);
        let encoded = sequences.map(|it| it.split("\x1b\\").next().unwrap());
        encoded
            .map(|it| String::from_utf8(BASE64_STANDARD.decode(it).unwrap()).unwrap())
            .collect()
    }

    /// The program ends with these words, and the terminal is as it was before.
    fn ends_sane_with(mut self, last_words: &str) -> ExitStatus {
        let status = self.child.wait().unwrap();
        // Nobody else has the terminal open, so its output comes to an end.
        while let Ok(chunk) = self.output.recv_timeout(PATIENCE) {
            self.show(chunk);
        }
        let screen = self.screen.screen();
        assert!(
            screen.contents().contains(last_words),
            "{}",
            screen.contents()
        );
        assert!(!screen.alternate_screen(), "left in the alternate screen");
        assert!(!screen.hide_cursor(), "left without a cursor");
        assert_eq!(self.settings(), self.settings_before, "left in raw mode");
        status
    }

    /// Waits until the kernel says that the program is in this state.
    fn wait_for_state(&self, state: char) {
        let stat = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&stat).unwrap();
            let after_name = text.rsplit(") ").next().unwrap();
            if after_name.starts_with(state) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "never came to state {state}: {text}"
            );
            thread::yield_now();
        }
    }
}

#[test]
fn quit() {
    let mut terminal = Terminal::dashboard("plain");
    terminal.keys("q");
    assert_eq!(terminal.ends_sane_with("ended: quit").exit_code(), 3);
}

#[test]
fn the_last_screen_can_be_left_behind_and_the_mouse_is_given_back() {
    let mut terminal = Terminal::dashboard("plain");
    terminal.keys("m2");
    terminal.wait_until("the groups", |text| text.contains("[2 Groups"));
    let mouse = |terminal: &Terminal| terminal.screen.screen().mouse_protocol_mode();
    assert_ne!(mouse(&terminal), vt100::MouseProtocolMode::None);
    terminal.keys("Q");
    terminal.child.wait().unwrap();
    while let Ok(chunk) = terminal.output.recv_timeout(PATIENCE) {
        terminal.show(chunk);
    }
    assert_eq!(mouse(&terminal), vt100::MouseProtocolMode::None);
    assert!(!terminal.screen.screen().alternate_screen());
    let text = terminal.screen.screen().contents();
    assert!(
        text.contains("frames") && text.contains("ended: quit"),
        "{text}"
    );
}

/// Keys, theme and columns come from the file, and the command line wins over it.
#[test]
fn the_real_program_with_a_configuration() {
    let file = env::temp_dir().join(format!("ipcon-top-{}.toml", process::id()));
    let program = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
        command.arg("--config");
        command.arg(&file);
        command.args(["--interval", "2s"]);
        Terminal::run(command)
    };
    let mut terminal = program("interval = \"5s\"\nview = \"groups\"\n[keys]\nquit = [\"x\"]\n");
    terminal.wait_until("the dashboard", |text| {
        text.contains("x quit") && text.contains("[2 Groups") && text.contains("live 2s")
    });
    terminal.keys("x");
    assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
    let terminal = program("\n[keys]\nqiut = [\"x\"]\n");
    let words = ".toml:3: there is no action `qiut`; is it `quit`?";
    let mut terminal = terminal;
    terminal.wait_until("the error", |text| text.replace('\n', "").contains(words));
    assert_eq!(terminal.ends_sane_with("qiut").exit_code(), 1);
    fs::remove_file(&file).unwrap();
}

/// What is selected goes to the clipboard of the terminal, in base64, by whatever key; in tmux the user is told what that needs.
#[test]
fn the_real_program_copies_to_the_clipboard_of_the_terminal() {
    let name = |end: &str| env::temp_dir().join(format!("ipcon-top-copy-{}.{end}", process::id()));
    let (file, recording) = (name("toml"), name("rec"));
    fs::write(&file, "[keys]\ncopy = [\"c\"]\n").unwrap();
    let mut recorder = Recorder::open(&recording, None).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    recorder.append(at, &support::bus(5)).unwrap();
    drop(recorder);
    let program = || {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
        command.arg("replay");
        command.arg(&recording);
        command.arg("--config");
        command.arg(&file);
        command.env_remove("TMUX");
        command
    };
    let mut terminal = Terminal::run(program());
    terminal.wait_until("the recording", |text| text.contains("PAUSED 1 of 1"));
    terminal.keys("y");
    terminal.keys("c");
    terminal.wait_until("the note", |text| {
        text.contains(" copied 1 line to the terminal's clipboard, if the terminal allows it ")
    });
    terminal.keys("\rc");
    terminal.wait_until("the note", |text| {
        text.contains(" lines to the terminal's clipboard")
    });
    let copied = terminal.copied();
    let [row, details] = &copied[..] else {
        panic!("not two texts: {copied:?}");
    };
    assert!(
        row.starts_with("2001-09-09 01:46:40 UTC: PEER: cand_logger, COMM: logd, PID: 1201, "),
        "{row}"
    );
    assert!(details.contains("\nservices: cand_logger\n"), "{details}");
    terminal.keys("q");
    assert_eq!(terminal.ends_sane_with("").exit_code(), 0);

    let mut inside_tmux = program();
    inside_tmux.env("TMUX", "/tmp/tmux-1000/default,100,0");
    let mut terminal = Terminal::run(inside_tmux);
    terminal.wait_until("the recording", |text| text.contains("PAUSED 1 of 1"));
    terminal.keys("c");
    terminal.wait_until("the note", |text| {
        text.contains("allows it, and tmux") && text.contains("set-clipboard on")
    });
    assert_eq!(terminal.copied().len(), 1);
    terminal.keys("q");
    assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
    fs::remove_file(&file).unwrap();
    fs::remove_file(&recording).unwrap();
}

/// A recording looks as the file says, in the real program.
#[test]
fn the_real_program_replays_with_a_configuration() {
    let name = |end: &str| env::temp_dir().join(format!("ipcon-top-look-{}.{end}", process::id()));
    let (file, recording) = (name("toml"), name("rec"));
    fs::write(&file, "color = \"never\"\n[keys]\nquit = [\"x\"]\n").unwrap();
    let mut recorder = Recorder::open(&recording, None).unwrap();
    for second in 0..3 {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + second);
        recorder.append(at, &support::bus(second)).unwrap();
    }
    drop(recorder);
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
    command.arg("replay");
    command.arg(&recording);
    command.arg("--config");
    command.arg(&file);
    let mut terminal = Terminal::run(command);
    terminal.wait_until("the recording", |text| {
        text.contains("x quit") && text.contains("PAUSED 1 of 3")
    });
    assert!(!terminal.shows_colour());
    terminal.keys("x");
    assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
    fs::remove_file(&file).unwrap();
    fs::remove_file(&recording).unwrap();
}

/// However the dashboard ends, what was recorded is whole, and is told on a terminal that is as it was.
#[test]
fn a_recording_is_whole_and_replays_whatever_way_the_dashboard_ends() {
    let folder = env::temp_dir().join(format!("ipcon-top-recording-{}", process::id()));
    for (number, signal) in [None, Some(Signal::TERM), Some(Signal::HUP)]
        .into_iter()
        .enumerate()
    {
        let folder = folder.join(number.to_string());
        fs::create_dir_all(&folder).unwrap();
        let mut terminal = Terminal::dashboard_in(&folder, "plain");
        terminal.keys("r");
        terminal.wait_until("a recording", |text| {
            text.contains(" rec ") && text.contains("Ki  !")
        });
        match signal {
            None => terminal.keys("q"),
            Some(signal) => terminal.signal(signal),
        }
        terminal.ends_sane_with(" to ipcon-2");
        let mut files = fs::read_dir(&folder).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "a second file");
        let recorded = Recorded::open(&file).unwrap();
        assert!(recorded.gaps().is_empty(), "{:?}", recorded.gaps());
        assert!(recorded.len() > 0);

        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
        command.arg("replay");
        command.arg(&file);
        let mut terminal = Terminal::run(command);
        terminal.wait_until("the recording", |text| {
            text.contains("PAUSED 1 of") && text.contains("cand_logger")
        });
        terminal.keys("r");
        terminal.wait_until("the refusal", |text| text.contains("a recording already"));
        match signal {
            None => terminal.keys("q"),
            Some(signal) => terminal.signal(signal),
        }
        terminal.ends_sane_with("");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn control_c() {
    let mut terminal = Terminal::dashboard("plain");
    terminal.keys("\x03");
    terminal.ends_sane_with("ended: quit");
}

#[test]
fn signals() {
    for (signal, name) in [
        (Signal::TERM, "ended: signal 15"),
        (Signal::HUP, "ended: signal 1"),
        (Signal::INT, "ended: signal 2"),
    ] {
        let terminal = Terminal::dashboard("plain");
        terminal.signal(signal);
        terminal.ends_sane_with(name);
    }
}

#[test]
fn panic_in_a_thread() {
    let mut command = CommandBuilder::new(env::current_exe().unwrap());
    command.args(["--exact", "dashboard_in_a_terminal", "--nocapture"]);
    command.env(ROLE, "panic");
    command.env("RUST_BACKTRACE", "0");
    let mut terminal = Terminal::run(command);
    terminal.wait_until("the panic", |text| text.contains("a bug in the collector"));
    terminal.ends_sane_with("ended: the thread that reads the bus panicked");
}

#[test]
fn stop_and_continue() {
    let mut terminal = Terminal::dashboard("plain");
    terminal.signal(Signal::TSTP);
    terminal.wait_for_state('T');
    assert_eq!(
        terminal.settings(),
        terminal.settings_before,
        "the shell has its terminal"
    );
    terminal.signal(Signal::CONT);
    // What was drawn before the stop is of no use: the screen has been left since.
    terminal.screen.process(b"\x1b[2J");
    terminal.wait_until("the dashboard again", |text| text.contains("quit"));
    assert!(terminal.screen.screen().alternate_screen());
    terminal.keys("q");
    terminal.ends_sane_with("ended: quit");
}

#[test]
fn a_resize_is_followed() {
    let mut terminal = Terminal::dashboard("plain");
    let size = PtySize {
        rows: 40,
        cols: 130,
        ..PtySize::default()
    };
    terminal
        .screen
        .screen_mut()
        .set_size(cells(size.rows), cells(size.cols));
    terminal.master.resize(size).unwrap();
    terminal.wait_until("the wide columns", |text| {
        let lines: Vec<&str> = text.lines().collect();
        lines.len() == 40 && lines[39].contains("quit") && text.contains("REFUSED/s")
    });
    terminal.keys("q");
    terminal.ends_sane_with("ended: quit");
}

#[test]
fn without_colour_no_colour_is_sent() {
    let mut terminal = Terminal::dashboard("colourless");
    terminal.keys("2");
    terminal.wait_until("the groups", |text| text.contains("[2 Groups"));
    assert!(!terminal.shows_colour());
    terminal.keys("q");
    terminal.ends_sane_with("ended: quit");
}

/// Where NO_COLOR is set there is none, unless the command line asks for it.
#[test]
fn the_real_program_without_colour() {
    for (options, colour) in [(&[][..], false), (&["--color=always"], true)] {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
        command.args(options);
        command.env("NO_COLOR", "1");
        let mut terminal = Terminal::run(command);
        terminal.wait_until("the dashboard", |text| text.contains("quit"));
        assert_eq!(terminal.shows_colour(), colour, "{options:?}");
        terminal.keys("q");
        assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
    }
}

/// The dashboard shows and `q` ends it, with or without a bus.
#[test]
fn the_real_program() {
    let mut terminal = Terminal::run(CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top")));
    terminal.wait_until("the dashboard", |text| text.contains("quit"));
    terminal.keys("q");
    assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
}

/// Where the module is loaded, the dashboard shows; elsewhere, without channels, it says what is missing.
#[test]
fn the_real_program_without_channels() {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_ipcon-top"));
    command.arg("--no-channels");
    let mut terminal = Terminal::run(command);
    terminal.wait_until("anything", |text| {
        text.contains("quit") || text.contains("ipcon-top: ")
    });
    if terminal.screen.screen().alternate_screen() {
        terminal.keys("q");
        assert_eq!(terminal.ends_sane_with("").exit_code(), 0);
    } else {
        assert_eq!(
            terminal.ends_sane_with("cannot read the bus").exit_code(),
            1
        );
    }
}

/// Into a pipe there is nothing to draw.
#[test]
fn no_terminal() {
    let output = process::Command::new(env!("CARGO_BIN_EXE_ipcon-top"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("needs a terminal") && error.contains("ipcon-top once"),
        "{error}"
    );
}
