// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests of every shape by two users at once, while a third lives next door.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::Process;
use ipcon_vm_tests::{Case, cases, settings};
use libipcon::Inspector;

use super::neighbour::Neighbour;
use super::{ACCOMPLICE, ATTACKER};

/// Messages that each fuzzer sends between two looks at the neighbour.
const ROUND: u64 = 2_000;
/// Malformed messages between two looks at the bus.
const MALFORMED: u64 = 500;

pub(crate) fn all() -> Vec<Case> {
    cases![
        requests_of_every_shape => within(settings::fuzz_seconds() + 60),
    ]
}

fn requests_of_every_shape() {
    let (seed, most) = (settings::seed(), settings::fuzz_messages());
    println!("fuzzing from seed {seed}; again: cargo xtask vmtest attack_fuzz --seed {seed}");

    let mut neighbour = Neighbour::start();
    let mut fuzzers = [(ATTACKER, 0_u64), (ACCOMPLICE, 1)].map(|(user, number)| {
        let mut fuzzer = Process::start_as(user, "fuzzer");
        let seed = seed.wrapping_add(number);
        let [one, two] = neighbour.ports;
        fuzzer.tell(&format!("{number} {seed} {one} {two}"));
        fuzzer
    });
    let inspector = Inspector::open().unwrap();
    let end = Instant::now() + Duration::from_secs(settings::fuzz_seconds());
    let mut sent = 0;
    for round in 0_u64.. {
        if sent >= most || Instant::now() >= end {
            break;
        }
        sent += fuzz(&mut fuzzers, &format!("anything {ROUND}"));
        neighbour.is_fine();
        // What is malformed must leave no trace; nobody else does anything meanwhile.
        if round % 4 == 3 {
            fuzz(&mut fuzzers, "malformed 0");
            let before = everything(&inspector);
            sent += fuzz(&mut fuzzers, &format!("malformed {MALFORMED}"));
            let after = everything(&inspector);
            let differ = before.symmetric_difference(&after).collect::<Vec<_>>();
            assert!(differ.is_empty(), "malformed requests changed {differ:#?}");
        }
    }
    println!("sent {sent} messages");
    fuzzers.into_iter().for_each(Process::end);
    neighbour.is_fine();
    neighbour.leave();
}

/// Lets all of them do something at once, and gives the number of messages that they sent.
fn fuzz(fuzzers: &mut [Process], order: &str) -> u64 {
    for fuzzer in &mut *fuzzers {
        fuzzer.tell(order);
    }
    let done = |fuzzer: &mut Process| {
        let line = fuzzer.line();
        let count = line.strip_prefix("sent ");
        let count = count.unwrap_or_else(|| panic!("{line}"));
        count.parse::<u64>().unwrap()
    };
    fuzzers.iter_mut().map(done).sum()
}

/// All that an observer can ask of the bus, in words.
fn everything(inspector: &Inspector) -> BTreeSet<String> {
    let mut rows = BTreeSet::from([format!("{:?}", inspector.bus().unwrap())]);
    rows.extend(inspector.peers().unwrap().items.iter().map(in_words));
    rows.extend(inspector.services().unwrap().items.iter().map(in_words));
    rows.extend(inspector.groups().unwrap().items.iter().map(in_words));
    rows.extend(inspector.members().unwrap().items.iter().map(in_words));
    rows
}

fn in_words(row: &impl Debug) -> String {
    format!("{row:?}")
}
