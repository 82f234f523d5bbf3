// SPDX-License-Identifier: MIT OR Apache-2.0
//! The module's dumps.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use libipcon::{Dump, Inspector, Result};

use crate::join::Dumps;

/// Attempts to read lists that belong to one state of the bus.
const ATTEMPTS: u32 = 5;
/// No further attempt is begun after this time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Reads the dumps. Needs no privilege and is no peer.
pub(crate) struct BusSource {
    inspector: Inspector,
}

impl BusSource {
    /// Opens the module's family.
    ///
    /// # Errors
    ///
    /// When the module is not loaded.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self {
            inspector: Inspector::open()?,
        })
    }

    /// Reads everything, again and again for a short while until nothing came or went meanwhile.
    ///
    /// # Errors
    ///
    /// The bus cannot be read.
    pub(crate) fn read(&self) -> Result<Dumps> {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            let dumps = self.read_once()?;
            if dumps.consistent || attempt == ATTEMPTS || begun.elapsed() > PATIENCE {
                return Ok(dumps);
            }
            attempt += 1;
        }
    }

    fn read_once(&self) -> Result<Dumps> {
        let bus = self.inspector.bus()?;
        let mut interrupted = false;
        let peers = items(self.inspector.peers()?, &mut interrupted);
        let peers_read_at = now();
        let services = items(self.inspector.services()?, &mut interrupted);
        let groups = items(self.inspector.groups()?, &mut interrupted);
        let members = items(self.inspector.members()?, &mut interrupted);
        let unchanged = self.inspector.bus()?.generation == bus.generation;
        let consistent = unchanged && !interrupted;
        Ok(Dumps {
            bus,
            peers,
            services,
            groups,
            members,
            peers_read_at,
            consistent,
        })
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn items<T>(dump: Dump<T>, interrupted: &mut bool) -> Vec<T> {
    *interrupted |= dump.interrupted;
    dump.items
}
