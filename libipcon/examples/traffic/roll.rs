// SPDX-License-Identifier: MIT OR Apache-2.0

//! Everybody's counts: those present, and the sums of those gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::counts::{Counts, Totals};
use crate::party::Party;

/// The counts of all that are or were there.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    present: Vec<Arc<Counts>>,
    departed: Departed,
}

/// Those who have left the bus.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Departed {
    pub(crate) peers: u64,
    pub(crate) totals: Totals,
}

impl Roll {
    /// Brings a new party onto the bus.
    pub(crate) fn party(&self, name: String) -> anyhow::Result<Party> {
        let counts = Arc::new(Counts::default());
        let party = Party::new(name, counts.clone())?;
        self.entries().present.push(counts);
        Ok(party)
    }

    /// Notes that the party with these counts has left the bus.
    pub(crate) fn strike(&self, counts: &Arc<Counts>) {
        let mut entries = self.entries();
        entries
            .present
            .retain(|present| !Arc::ptr_eq(present, counts));
        entries.departed.peers += 1;
        entries.departed.totals += counts.totals();
    }

    /// Sums over all.
    pub(crate) fn totals(&self) -> Totals {
        let entries = self.entries();
        let mut totals = entries.departed.totals;
        for counts in &entries.present {
            totals += counts.totals();
        }
        totals
    }

    /// Those who left.
    pub(crate) fn departed(&self) -> Departed {
        self.entries().departed
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
