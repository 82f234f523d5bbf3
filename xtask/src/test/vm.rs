// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end-to-end tests on the kernels of CI, and whether they would find a bug.

use anyhow::{bail, ensure};

use crate::build::SeededBug;
use crate::setup::Flavour;
use crate::vm::splat;
use crate::vmtest::{self, Args};

/// Each kind of bug with the detector that must find it.
const SEEDED: [(SeededBug, &str); 3] = [
    (SeededBug::UseAfterFree, "kasan"),
    (SeededBug::LockInversion, "lockdep"),
    (SeededBug::Leak, "leak"),
];

/// Tests that take the path of each bug. Several, since kmemleak does not see the last few objects that were forgotten:
/// something in a stack or a register still looks like a pointer to them.
const WITNESSES: &str = "services::";

/// Tests that attach probes while messages flow, which skip themselves where QEMU does not bear it otherwise.
const PATCHING: &str = "stopped::";

/// What [`PATCHING`] needs.
pub(super) fn in_turn() -> Args {
    Args::in_turn_on(Flavour::default(), PATCHING)
}

/// Tests on one kernel. The exit status goes to `status` unless all is well.
pub(super) fn tests(args: &Args, status: &mut u8) -> anyhow::Result<()> {
    match vmtest::run(args)? {
        0 => Ok(()),
        failed => {
            *status = failed;
            bail!("vmtest ended with status {failed}")
        }
    }
}

/// A harness that never saw a bug may be blind: each of three is put into the module, and must be
/// found by its detector and charged to a test.
pub(super) fn seeded_bugs() -> anyhow::Result<()> {
    for (bug, detector) in SEEDED {
        let splats = vmtest::splats(&Args::of_bug(bug, WITNESSES))?;
        let titles = splat::titles(&splats);
        ensure!(
            splats
                .iter()
                .any(|splat| splat.detector == detector && splat.place.test().is_some()),
            "the detector {detector} did not charge a test with the seeded bug {bug}; found: {titles:?}"
        );
        ensure!(
            splats.iter().all(|splat| splat.detector == detector),
            "the seeded bug {bug} had more than {detector} complain: {titles:?}"
        );
    }
    Ok(())
}
