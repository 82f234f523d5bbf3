// SPDX-License-Identifier: MIT OR Apache-2.0
//! What libqb's own tests of its IPC try, by their names, tried here: what they run over shared memory and over sockets is
//! run against threads and against a loop. `docs/coroipc-features.md` says what became of those that are not here.

mod ends;
mod events;
mod requests;
mod server;

use crate::serving::*;
use crate::world::*;

pub(crate) fn all() -> Vec<ServedCase> {
    let mut all = cases();
    all.extend(served_cases![resources_test]);
    all
}

fn cases() -> Vec<ServedCase> {
    [requests::all(), events::all(), ends::all()].concat()
}

pub(crate) const ROLES: &[Role] = &[
    ("libqb::as_server", server::run),
    ("libqb::as_feeder", ends::as_feeder),
    ("libqb::as_all", as_all),
];

/// `resources.test`: when all cases have run, nothing is left of them.
fn resources_test(serving: Serving) {
    let mut alone = Process::start("libqb::as_all", serving.name());
    alone.wait_for("left nothing");
}

/// The test above, in a process where no other test runs.
fn as_all() {
    let serving = Serving::named(&argument());
    // The thread that watches stays once it is there.
    requests::test_ipc_txrx_block(serving);
    until("its memory has gone", || Left::now().memory == 0);
    let before = Left::now();
    for (_, case) in cases() {
        case(serving);
    }
    until("all have gone", || Left::now().is_within(before));
    let shared = std::fs::read_dir("/dev/shm").into_iter().flatten();
    let names = shared.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("coroipc")).count(), 0);
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children, "", "of these processes it is the parent still");
    say("left nothing");
}
