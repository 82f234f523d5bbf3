// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each program's account of its own events: what it saw is what it counted plus what it lost.

use ipcon_probes_abi::ProgramIndex;

use crate::maps::TALLIES;

/// Why an event was not counted.
#[derive(Clone, Copy)]
pub(crate) enum Lost {
    PeersFull,
    GroupsFull,
    Refused,
}

/// Whether an event was counted.
pub(crate) type Outcome = Result<(), Lost>;

/// Counts one event and, in the program's tally, what became of it.
#[inline(always)]
pub(crate) fn account(program: ProgramIndex, count: impl FnOnce() -> Outcome) {
    let Some(tally) = TALLIES.get_ptr_mut(program as u32) else {
        return;
    };
    // SAFETY: the map gives this processor's value; only `program` writes it, and the kernel never
    // runs a program within itself on one processor.
    let tally = unsafe { &mut *tally };
    tally.seen += 1;
    match count() {
        Ok(()) => tally.counted += 1,
        Err(Lost::PeersFull) => tally.lost_peers_full += 1,
        Err(Lost::GroupsFull) => tally.lost_groups_full += 1,
        Err(Lost::Refused) => tally.lost_refused += 1,
    }
}
