// SPDX-License-Identifier: MIT OR Apache-2.0

//! Attacks on the bus, most of them by users without any privilege: one file for each kind.

use std::thread;
use std::time::Instant;

use ipcon_vm_tests::process::Role;
use ipcon_vm_tests::{Case, module, pace};

mod forgery;
mod fuzz;
mod fuzzer;
mod kills;
mod namespaces;
mod neighbour;
mod races;
mod slow;
mod users;

/// Users without privileges: who attacks, another who does, and who wants to be left alone.
const ATTACKER: u32 = 65_534;
const ACCOMPLICE: u32 = 65_533;
const NEIGHBOUR: u32 = 65_532;

pub(crate) fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("attack_fuzz", fuzz::all()),
        ("attack_forgery", forgery::all()),
        ("attack_kills", kills::all()),
        ("attack_namespaces", namespaces::all()),
        ("attack_races", races::all()),
        ("attack_slow", slow::all()),
        ("attack_users", users::all()),
    ]
}

pub(crate) fn roles() -> Vec<Role> {
    [
        fuzzer::ROLES.as_slice(),
        &forgery::ROLES,
        &kills::ROLES,
        &namespaces::ROLES,
        &neighbour::ROLES,
        &users::ROLES,
    ]
    .concat()
}

/// Waits until this many hold the module: what ends with a namespace or a list that nobody read ends on a thread of
/// the kernel.
fn await_references(wanted: u32) {
    let end = pace::deadline(20);
    while module::references() != wanted {
        let held = module::references();
        assert!(Instant::now() < end, "{held} hold the module, not {wanted}");
        thread::yield_now();
    }
}
