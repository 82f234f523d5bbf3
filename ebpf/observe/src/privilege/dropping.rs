// SPDX-License-Identifier: MIT OR Apache-2.0
//! Giving up capabilities that nothing needs any more.
//!
//! What is attached and open stays so: the kernel asks for capabilities when maps are made and programs loaded, and
//! not when they are read through their descriptors. Capabilities belong to threads, and threads get those of the one
//! that starts them. So the thread that opens and reads the sources calls [`Dropping::after`], before it starts others
//! or in place of them; every other thread calls [`drop_all`].

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs,
};

use super::capabilities::Capabilities;
use super::obstacle::note_given_up;
use crate::model::{Snapshot, Source, SourceState};
use crate::{Error, Options};

/// Gives up capabilities step by step: those that no source needs when the sources have been opened, those for the
/// probes when these are attached. Those to look at other users' processes stay as long as channels are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Dropping {
    options: Options,
    keep: bool,
}

/// Sets the capabilities of this thread, and of what it starts, aside until [`Dropping::begin`] takes up those that it needs:
/// to be called before anything is opened. A program that has capabilities by its file would otherwise read any file that its
/// caller names. Root, who may read them anyway, keeps all, and everybody that to listen at a port below 1024.
pub fn set_aside() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    if let Ok(mut sets) = capabilities(None) {
        sets.effective &= CapabilitySet::NET_BIND_SERVICE;
        // Nobody may be refused to have less.
        _ = set_capabilities(None, sets);
    }
}

impl Dropping {
    /// For a collector with these options, to be called before it is opened. Makes those capabilities count that it
    /// needs and the thread may have, as with files that have them as permitted only. With `keep` all stay.
    #[must_use]
    pub fn begin(options: Options, keep: bool) -> Self {
        if let Ok(mut sets) = capabilities(None) {
            let permitted = Capabilities(sets.permitted);
            sets.effective |= needed(permitted, options, false).0;
            // Half of what the probes need is of no use, and counts, so that only the other half is said to be missing.
            sets.effective |= sets.permitted & Capabilities::PROBES.0;
            // What fails here is missed, and named, when it is needed.
            _ = set_capabilities(None, sets);
        }
        Self { options, keep }
    }

    /// Gives up what is not needed any more after this has been collected, in the calling thread, for ever.
    ///
    /// # Errors
    ///
    /// The kernel, or a filter of system calls, refuses it.
    pub fn after(&self, collected: Result<&Snapshot, &Error>) -> io::Result<()> {
        if self.keep {
            return Ok(());
        }
        let attached = collected.is_ok_and(|snapshot| {
            snapshot
                .source(Source::Probes)
                .is_some_and(|probes| probes.state == SourceState::On)
        });
        let permitted = Capabilities(capabilities(None)?.permitted);
        let kept = needed(permitted, self.options, attached);
        if attached && permitted.without(kept).lacking_for_probes().is_empty() {
            note_given_up();
        }
        keep_only(kept)
    }

    /// Gives up everything in the calling thread, which does not read the sources, unless all was to be kept.
    ///
    /// # Errors
    ///
    /// As of [`Self::after`].
    pub fn elsewhere(&self) -> io::Result<()> {
        match self.keep {
            true => Ok(()),
            false => drop_all(),
        }
    }
}

/// Gives up all capabilities of the calling thread, and of what it starts, for ever.
///
/// # Errors
///
/// The kernel, or a filter of system calls, refuses it.
pub fn drop_all() -> io::Result<()> {
    keep_only(Capabilities::NONE)
}

/// What the sources need of what they have.
fn needed(permitted: Capabilities, options: Options, attached: bool) -> Capabilities {
    let mut needed = Capabilities::NONE;
    if options.probes && !attached && permitted.lacking_for_probes().is_empty() {
        needed = needed.with(match permitted.contains(Capabilities::PROBES) {
            true => Capabilities::PROBES,
            false => Capabilities(CapabilitySet::SYS_ADMIN),
        });
    }
    if options.channels && permitted.lacking_for_channels().is_empty() {
        needed = needed.with(match permitted.contains(Capabilities::CHANNELS) {
            true => Capabilities::CHANNELS,
            false => Capabilities(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_OVERRIDE),
        });
    }
    needed
}

fn keep_only(kept: Capabilities) -> io::Result<()> {
    let wanted = CapabilitySets {
        effective: kept.0,
        permitted: kept.0,
        inheritable: CapabilitySet::empty(),
    };
    if capabilities(None)? != wanted {
        // What is not inheritable any more is not ambient either; said on its own, since it must not depend on that.
        clear_ambient_capability_set()?;
        set_capabilities(None, wanted)?;
    }
    // So that not even root gets them back by starting a program.
    set_no_new_privs(true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PROBES_ONLY: Options = Options {
        probes: true,
        kevents: true,
        channels: false,
        latency: true,
    };

    #[test]
    fn only_what_a_source_still_needs_is_kept() {
        let all = Options::default();
        let root = Capabilities(CapabilitySet::all());
        let both = Capabilities::PROBES.with(Capabilities::CHANNELS);
        assert_eq!(needed(root, all, false), both);
        assert_eq!(needed(root, all, true), Capabilities::CHANNELS);
        assert_eq!(needed(root, PROBES_ONLY, false), Capabilities::PROBES);
        assert_eq!(needed(root, PROBES_ONLY, true), Capabilities::NONE);

        // Half of what it takes is of no use.
        let half = Capabilities(CapabilitySet::BPF | CapabilitySet::SYS_PTRACE);
        assert_eq!(needed(half, all, false), Capabilities::NONE);
        let admin = Capabilities(CapabilitySet::SYS_ADMIN);
        assert_eq!(needed(admin, all, false), admin);
        assert_eq!(needed(admin, all, true), Capabilities::NONE);
    }

    #[test]
    fn a_thread_that_gave_up_all_has_none_and_gets_none() {
        let sets = thread::spawn(|| {
            drop_all().unwrap();
            assert!(rustix::thread::no_new_privs().unwrap());
            capabilities(None).unwrap()
        });
        let sets = sets.join().unwrap();
        assert!(sets.permitted.is_empty() && sets.effective.is_empty());
        assert!(sets.inheritable.is_empty());
    }
}
