// SPDX-License-Identifier: MIT OR Apache-2.0

//! A program in a terminal, by what a person sees of it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const SIZE: PtySize = PtySize {
    rows: 32,
    cols: 120,
    pixel_width: 0,
    pixel_height: 0,
};

/// A frame is whole when nothing came for this long. One comes each second.
const SETTLED: Duration = Duration::from_millis(50);

/// A terminal of 120 columns and 32 rows with a program in it. Dropping it ends the program.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    /// Closed only after the program has ended.
    _master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Screen {
    /// Starts a program, on the bus of this thread.
    pub(crate) fn open(program: &Command, arguments: &[&str]) -> Self {
        let [rows, cols] = [SIZE.rows, SIZE.cols].map(|it| NonZero::new(it).unwrap());
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(program.get_program());
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            _master: pair.master,
            output,
            parser: vt100::Parser::new(rows, cols, 0),
        }
    }

    /// What it shows, as far as [`Screen::wait_for`] has looked.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.parser.screen().rows(0, SIZE.cols).collect()
    }

    /// Watches until the lines on the screen are as they shall be.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        deadline: Instant,
        are_right: impl Fn(&[String]) -> bool,
    ) {
        while !are_right(&self.lines()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(piece) = self.output.recv_timeout(left) else {
                panic!(
                    "the screen does not show {what}:\n{}",
                    self.lines().join("\n")
                );
            };
            self.parser.process(&piece);
            // Half a frame shows what never was: it is looked at when nothing more comes of it.
            while let Ok(piece) = self.output.recv_timeout(SETTLED) {
                self.parser.process(&piece);
            }
        }
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the program has ended, which must be well.
    pub(crate) fn expect_end(mut self) {
        // What it says at the end must go somewhere.
        while self.output.recv().is_ok() {}
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
