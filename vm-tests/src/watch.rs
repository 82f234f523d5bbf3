// SPDX-License-Identifier: MIT OR Apache-2.0

//! Probes that count along with every test. Whatever a test does, what they count must add up when it is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ipcon_observe::probes::{Identity, Probes};

use crate::pace;

/// Attached once for many tests: that takes longer than most of them.
static PROBES: Mutex<Option<Probes>> = Mutex::new(None);

/// A look every so often while something may still be under way.
const PAUSE: Duration = Duration::from_millis(10);

fn probes() -> MutexGuard<'static, Option<Probes>> {
    PROBES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Attaches the probes, if they are not.
pub(crate) fn begin() {
    let mut probes = probes();
    if probes.is_none() {
        *probes = Some(Probes::attach().expect("attach the probes that watch the tests"));
    }
}

/// Detaches them: they hold the module.
pub(crate) fn end() {
    *probes() = None;
}

/// Checks that all that was counted so far adds up. The bus must be quiet; what the kernel does a little later, as it
/// tidies up, is waited for.
pub(crate) fn expect_identities() {
    let mut probes = probes();
    let Some(probes) = &mut *probes else {
        return;
    };
    let deadline = pace::deadline(5);
    loop {
        let broken = broken_identities(probes);
        if broken.is_empty() {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "what the probes count does not add up: {broken:?}"
        );
        thread::sleep(PAUSE);
    }
}

fn broken_identities(probes: &mut Probes) -> Vec<Identity> {
    let reading = probes.read().expect("read the probes that watch the tests");
    probes.take_exceptions();
    let all = reading.identities().into_iter();
    all.filter(|identity| !identity.holds()).collect()
}
