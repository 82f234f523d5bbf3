// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the tests one after the other, each on a thread of its own with a deadline, on a bus that must be empty after it,
//! and with probes whose counts must add up.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use libipcon::Inspector;
use libtest_mimic::{Arguments, Failed, Trial};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::case::{Bus, Case};
use crate::kernel_log::{self, Bracket};
use crate::{agree, counters, place, results, watch};

/// Runs the tests of each subject that the arguments of the process select.
///
/// Outside the VM nothing is run: the tests load and unload kernel modules.
pub fn run(subjects: Vec<(&'static str, Vec<Case>)>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if !arguments.list && !in_vm() {
        println!("skipped: runs inside the VM; use cargo xtask vmtest");
        return ExitCode::SUCCESS;
    }
    results::keep_stdout(&mut arguments);
    make_room_for_observers();
    // They share one kernel log, and some unload the module.
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for (subject, cases) in subjects {
        for case in cases {
            let name = format!("{subject}::{}", case.name);
            let lack = if arguments.list { None } else { lack(&case) };
            if let Some(lack) = &lack {
                results::skipped(&name, lack);
            }
            let trial = Trial::test(name.clone(), move || perform(&name, case));
            trials.push(trial.with_ignored_flag(lack.is_some()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The probes that watch the tests have descriptors in this process, and so have the observers that look at each bus: a test
/// shall have the thousand that a process usually may have for itself.
fn make_room_for_observers() {
    const OBSERVERS: u64 = 1024;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|usual| {
        let wanted = usual.saturating_add(OBSERVERS);
        limit.maximum.map_or(wanted, |most| wanted.min(most))
    });
    setrlimit(Resource::Nofile, limit).expect("allow more descriptors");
}

/// What the kernel lacks that the test needs.
fn lack(case: &Case) -> Option<String> {
    case.need?().err()
}

/// Whether this is the VM that the harness started: the kernel that runs is the one that it built the module for.
pub fn in_vm() -> bool {
    let built_for = std::env::var("IPCON_KVER").unwrap_or_default();
    let running = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    !built_for.is_empty() && built_for == running.trim()
}

fn perform(name: &str, case: Case) -> Result<(), Failed> {
    let _bracket = Bracket::open(name);
    let (sender, ended) = mpsc::channel();
    let thread = thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| run_on_its_bus(case)));
        // Nobody listens any more when the deadline has passed.
        let _ = sender.send(outcome);
    })?;
    let outcome = match ended.recv_timeout(case.deadline()) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => give_up(name, case),
        Err(RecvTimeoutError::Disconnected) => return Err("the test's thread vanished".into()),
    };
    // What the thread held is gone when it has ended.
    let _ = thread.join();
    outcome.map_err(|panic| Failed::from(text(&*panic)))
}

fn run_on_its_bus(case: Case) {
    if case.bus == Bus::Fresh {
        place::enter_fresh_namespace();
    }
    if case.is_watched {
        watch::begin();
    } else {
        watch::end();
    }
    (case.body)();
    expect_empty_bus();
    watch::expect_identities();
}

/// Everybody has gone, so nothing may be left behind, the books must balance, and whoever observes the bus must have found
/// what is in them.
fn expect_empty_bus() {
    let bus = Inspector::open()
        .and_then(|inspector| inspector.bus())
        .expect("look at the bus after the test");
    let left = (bus.peers, bus.services, bus.groups, bus.memberships);
    assert_eq!(
        left,
        (0, 0, 0, 0),
        "peers, services, groups and memberships left after the test"
    );
    counters::assert_balanced(&bus.counters);
    agree::assert_observers_agree(&bus, &[]);
}

/// A test that hangs may hang in the kernel, so the process cannot go on: it tells where its threads are and aborts.
fn give_up(name: &str, case: Case) -> ! {
    let text = format!("{name} did not end within {} s", case.deadline().as_secs());
    kernel_log::note(&text);
    results::timeout(name);
    eprintln!("\n{text}; its threads:\n{}", threads());
    std::process::abort()
}

fn threads() -> String {
    let mut text = String::new();
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        text += &format!("{}\n{}\n", read("comm").trim(), read("stack"));
    }
    text
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked without a message".to_owned())
}
