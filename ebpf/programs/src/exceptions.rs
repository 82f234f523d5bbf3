// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports what did not go as it should.

use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use ipcon_probes_abi::{Exception, ExceptionKind, ProgramIndex};

use crate::maps::{EXCEPTIONS, TALLIES};

/// Puts an exception of this moment into the ring buffer, and counts it in the program's tally. Nobody is woken: user
/// space looks when it reads everything else.
#[inline(always)]
pub(crate) fn report(program: ProgramIndex, kind: ExceptionKind, exception: Exception) {
    let Some(tally) = TALLIES.get_ptr_mut(program as u32) else {
        return;
    };
    // SAFETY: as in `account`, which has returned.
    let tally = unsafe { &mut *tally };
    tally.exceptions += 1;
    let Some(mut entry) = EXCEPTIONS.reserve::<Exception>(0) else {
        tally.unreported += 1;
        return;
    };
    entry.write(Exception {
        // SAFETY: it has no requirements.
        time: unsafe { bpf_ktime_get_ns() },
        kind: kind as u64,
        ..exception
    });
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}
