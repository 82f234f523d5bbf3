// SPDX-License-Identifier: MIT OR Apache-2.0

//! A receiver that a signal stops while others send to it: whoever looks at the bus finds it, and who floods it, within
//! ten seconds.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::{Process, Role, hear, program, say};
use ipcon_vm_tests::{Case, cases, pace, settings};
use libipcon::{Peer, Port, Replay};
use rustix::process::Signal;
use serde_json::Value;

use crate::screen::Screen;
use crate::support::SetOnDrop;

pub(crate) fn all() -> Vec<Case> {
    cases![
        the_opening_screen_names_a_stopped_receiver_and_who_floods_it
            => needs(settings::patching_under_load).within(120),
        the_report_names_a_stopped_receiver_and_who_floods_it
            => needs(settings::patching_under_load).within(120),
        the_lines_of_the_docs_show_a_stopped_receiver
            => needs(settings::patching_under_load).within(120),
    ]
}

pub(crate) const ROLES: [Role; 1] = [(ARCHIVE, archive)];

/// The role that receives, and its service.
pub(crate) const ARCHIVE: &str = "archive";

/// The group that it is a member of.
pub(crate) const PICTURES: &str = "pictures";

/// How long it may take to find what is wrong, in seconds.
const FOUND_WITHIN: u64 = 10;

/// Reads whatever comes until the test ends it.
fn archive() {
    let peer = Peer::connect().unwrap();
    peer.register_service(ARCHIVE).unwrap();
    peer.join_group(PICTURES, Replay::None).unwrap();
    say(&peer.port().to_string());
    thread::spawn(|| {
        while hear().is_some() {}
        std::process::exit(0);
    });
    loop {
        peer.recv().unwrap();
    }
}

/// Who sends to the archive.
#[derive(Debug)]
pub(crate) struct Senders {
    archive: Port,
    /// Sends much of it all.
    camera: Peer,
    /// Sends little, and is heard by somebody else as well.
    clock: Peer,
    user: Peer,
}

impl Senders {
    /// The archive in a process of its own, and those who send to it.
    pub(crate) fn with_archive() -> (Process, Self) {
        let [camera, clock, user] = [(); 3].map(|()| Peer::connect().unwrap());
        camera.register_service("camera").unwrap();
        clock.register_service("clock").unwrap();
        camera.register_group(PICTURES).unwrap();
        let mut archive = Process::start(ARCHIVE);
        let port = archive.line().parse().unwrap();
        let senders = Self {
            archive: Port::new(port).unwrap(),
            camera,
            clock,
            user,
        };
        (archive, senders)
    }

    /// Fifty of the camera's messages for one of the clock's. Those that find no room are refused.
    pub(crate) fn flood(&self) {
        for _ in 0..50 {
            _ = self.camera.send(self.archive, &[0; 1000]);
            self.camera.multicast(PICTURES, &[0; 1000]).unwrap();
        }
        _ = self.clock.send(self.archive, b"tick");
        for _ in 0..10 {
            self.clock.send(self.user.port(), b"tick").unwrap();
            self.user.recv().unwrap();
        }
    }

    /// Floods the archive while `look` goes on.
    fn flood_while(&self, look: impl FnOnce()) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.flood();
                    // A flood that goes on, and not one that takes the machine from who looks at it.
                    thread::sleep(Duration::from_millis(50));
                }
            });
            let _end = SetOnDrop(&over);
            look();
        });
    }
}

/// Whether a line of the opening screen, or of the report, says all of it.
fn names_both(line: &str) -> bool {
    ["archive", "does not read", "; camera sends it "]
        .iter()
        .all(|part| line.contains(part))
}

fn the_opening_screen_names_a_stopped_receiver_and_who_floods_it() {
    let (archive, senders) = Senders::with_archive();
    senders.flood_while(|| {
        let mut screen = Screen::open(&program("ipcon-top"), &[]);
        screen.wait_for("who is there", pace::deadline(30), |lines| {
            lines.iter().any(|line| line.contains("camera"))
        });
        assert!(!screen.lines().iter().any(|line| names_both(line)));

        let stopped = Instant::now();
        archive.signal(Signal::STOP);
        let deadline = pace::deadline(FOUND_WITHIN);
        screen.wait_for("the stopped receiver", deadline, |lines| {
            lines.iter().any(|line| names_both(line))
        });
        println!("on the screen after {:.1?}", stopped.elapsed());

        archive.signal(Signal::CONT);
        screen.wait_for("its going on", pace::deadline(20), |lines| {
            !lines.iter().any(|line| line.contains("does not read"))
        });
        screen.press("q");
        screen.expect_end();
    });
    archive.end();
}

/// What the report warns of, the worst first.
fn warnings() -> Vec<Value> {
    let output = program("ipcon-top")
        .args(["once", "--format", "json"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["warnings"].as_array().unwrap().clone()
}

fn the_report_names_a_stopped_receiver_and_who_floods_it() {
    let (archive, senders) = Senders::with_archive();
    let stalled = |warnings: &[Value]| {
        let mut of_the_archive = warnings.iter().filter(|it| it["subject_name"] == ARCHIVE);
        of_the_archive
            .find(|it| it["key"] == "receiver_stalled")
            .cloned()
    };
    senders.flood_while(|| {
        assert_eq!(stalled(&warnings()), None, "it reads");

        let stopped = Instant::now();
        archive.signal(Signal::STOP);
        let deadline = pace::deadline(FOUND_WITHIN);
        let found = loop {
            let warnings = warnings();
            if stalled(&warnings).is_some() {
                break warnings;
            }
            assert!(Instant::now() < deadline, "{warnings:?}");
        };
        let took = stopped.elapsed();
        println!("in the report after {took:.1?}");
        assert!(Instant::now() < deadline, "found after {took:.1?}");
        // Before anything else that is wrong.
        assert_eq!(Some(&found[0]), stalled(&found).as_ref(), "{found:?}");
        let reason = found[0]["reason"].as_str().unwrap();
        assert!(names_both(&format!("{ARCHIVE} {reason}")), "{reason}");

        archive.signal(Signal::CONT);
        let deadline = pace::deadline(20);
        while let Some(still) = stalled(&warnings()) {
            assert!(Instant::now() < deadline, "{still}");
        }
    });
    archive.end();
}

/// The lines of the documentation that stop a receiver and look for it.
fn lines_of_the_docs() -> Vec<&'static str> {
    let page = include_str!("../../../docs/ipcon-top.md");
    let (_, section) = page.split_once("## A receiver that is stopped\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().collect()
}

fn the_lines_of_the_docs_show_a_stopped_receiver() {
    let [path, traffic, wait, stop, look, go_on, end] = lines_of_the_docs()[..] else {
        panic!("other lines: {:?}", lines_of_the_docs());
    };
    let programs = program("");
    let programs = Path::new(programs.get_program()).to_owned();
    let root = programs.ancestors().nth(2).unwrap();
    let pid_file = Path::new("/tmp/archive.pid");
    _ = std::fs::remove_file(pid_file);

    let mut shell = Process::spawn(Command::new("sh").current_dir(root));
    shell.tell(path);
    shell.tell(traffic);
    let deadline = pace::deadline(20);
    while !std::fs::read_to_string(pid_file).is_ok_and(|pid| pid.ends_with('\n')) {
        assert!(Instant::now() < deadline, "{traffic} wrote no process id");
        thread::sleep(Duration::from_millis(20));
    }
    // Whatever the report says up to the line that ends it.
    let report = |shell: &mut Process| {
        shell.tell(look);
        shell.tell("echo end of the report");
        let mut report = Vec::new();
        loop {
            match shell.line() {
                line if line == "end of the report" => return report,
                line => report.push(line),
            }
        }
    };
    let names_both = |line: &String| {
        [
            " archive (pid ",
            " traffic) does not read: ",
            "; ~traffic#",
            " sends it ",
        ]
        .iter()
        .all(|part| line.contains(part))
    };
    shell.tell(wait);
    shell.tell(stop);
    let deadline = pace::deadline(FOUND_WITHIN);
    loop {
        let report = report(&mut shell);
        if report.iter().any(names_both) {
            break;
        }
        assert!(Instant::now() < deadline, "{}", report.join("\n"));
    }
    // That the report does not name it any more then is a test of its own. Here each report attaches the probes while traffic
    // flows on the other processor, which QEMU before 8.1 may answer with an `int3` that is no longer there.
    shell.tell(go_on);
    shell.tell(end);
    // Its input is at its end, so it leaves when it has told its counts.
    shell.tell("wait");
    let counts: Value = serde_json::from_str(&shell.line()).unwrap();
    assert!(
        counts["refused_queue_full"].as_u64().unwrap() > 0,
        "{counts}"
    );
    shell.end();
    assert!(!pid_file.exists(), "nobody has this id any more");
}
