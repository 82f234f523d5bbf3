// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long the probes run: told while the kernel times programs, also by who gave up its capabilities, and absent otherwise.

use std::fs;

use ipcon_observe::model::{Probe, Snapshot};
use ipcon_observe::privilege::drop_all;
use ipcon_observe::{Collector, Options, Rates};
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, settings};
use libipcon::Peer;

use crate::support::drain;

pub(crate) fn all() -> Vec<Case> {
    cases![
        run_times_are_told_while_the_kernel_takes_them => needs(settings::quick_kernel),
    ]
}

pub(crate) const ROLES: [Role; 1] = [("observer of run times", observe)];

const MESSAGES: u64 = 200;

/// Whether the kernel times programs. As it was, afterwards.
struct Setting(String);

impl Setting {
    const PATH: &str = "/proc/sys/kernel/bpf_stats_enabled";

    fn keep() -> Self {
        Self(fs::read_to_string(Self::PATH).unwrap())
    }

    fn switch(&self, on: bool) {
        fs::write(Self::PATH, u8::from(on).to_string()).unwrap();
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        fs::write(Self::PATH, &self.0).unwrap();
    }
}

/// Attaches the probes, gives up what that needed, and tells what it sees whenever it is asked.
fn observe() {
    let mut collector = Collector::open(Options::default()).unwrap();
    let mut last = collector.collect().unwrap();
    drop_all().unwrap();
    say("attached");
    while hear().is_some() {
        let snapshot = collector.collect().unwrap();
        say(&told(&last, &snapshot));
        last = snapshot;
    }
}

/// Of the probes of sending and delivering: timed runs, nanoseconds, and whether there are a time for each run and a share.
fn told(before: &Snapshot, now: &Snapshot) -> String {
    let rates = Rates::between(before, now);
    let observer = now.observer.unwrap();
    assert!(observer.resident_bytes.unwrap() > 1 << 20, "{observer:?}");
    let share = rates.observer_cpu().unwrap();
    assert!(share > 0.0, "it did something: {share}");
    let probes = &now.probes.as_ref().expect("probes are attached").probes;
    let of = |name: &str| {
        let probe: &Probe = probes.iter().find(|it| it.name == name).unwrap();
        let Some(run_time) = probe.run_time else {
            assert_eq!(rates.probes().cpu(name), None);
            return "absent".to_owned();
        };
        let rates = rates.probes();
        let rated = rates.per_run(name).is_some_and(|it| !it.is_zero())
            && rates.cpu(name).is_some_and(|share| share > 0.0);
        let nanos = run_time.time.as_nanos();
        format!("{} {nanos} {rated}", run_time.runs)
    };
    format!("{}, {}", of("ipcon_send"), of("ipcon_deliver"))
}

fn run_times_are_told_while_the_kernel_takes_them() {
    let setting = Setting::keep();
    setting.switch(false);
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    let exchange = || {
        for _ in 0..MESSAGES {
            sender.send(receiver.port(), b"timed").unwrap();
            drain(&receiver);
        }
    };
    let mut observer = Process::start("observer of run times");
    observer.expect("attached");
    let mut ask = || {
        observer.tell("what do you see?");
        observer.line()
    };
    exchange();
    assert_eq!(ask(), "absent, absent", "the kernel does not time programs");

    setting.switch(true);
    let first = ask();
    assert!(first.starts_with("0 0 "), "nothing was sent since: {first}");
    exchange();
    let timed = ask();
    for probe in timed.split(", ") {
        let words: Vec<&str> = probe.split(' ').collect();
        let [runs, nanos, rated] = words[..] else {
            panic!("{timed}");
        };
        assert!(runs.parse::<u64>().unwrap() >= MESSAGES, "{timed}");
        // An instruction takes more than a tenth of a nanosecond, however a VM keeps time.
        assert!(nanos.parse::<u64>().unwrap() > MESSAGES, "{timed}");
        assert_eq!(rated, "true", "{timed}");
    }

    setting.switch(false);
    exchange();
    assert_eq!(ask(), "absent, absent", "it does not any more");
    observer.end();
}
