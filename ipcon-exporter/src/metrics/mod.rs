// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what was observed to metric families: one file and one function for each source. Pure.

mod bus;
mod channels;
mod endpoints;
#[cfg(test)]
mod extremes;
mod families;
mod kevents;
mod own;
mod parts;
mod probed;
mod probes;
mod process;
#[cfg(test)]
mod tests;

use ipcon_observe::{Ledger, Snapshot};

pub use families::CONTENT_TYPE;
use families::Families;
pub use parts::Parts;

use crate::process::Usage;

/// What one scrape shows.
#[derive(Debug)]
pub struct Scrape<'a> {
    /// The bus and the channels; `None` when neither could be read.
    pub snapshot: Option<&'a Snapshot>,
    /// Totals up to and with the snapshot.
    pub ledger: &'a Ledger,
    /// Whether probes were asked for.
    pub probes_wanted: bool,
    /// What this process takes; `None` when it cannot be told.
    pub process: Option<&'a Usage>,
}

/// Adds what one source tells.
type Collect = fn(&Scrape<'_>, &mut Families);

/// The page with these parts.
///
/// # Errors
///
/// A family has no samples, which does not happen.
pub fn page(scrape: &Scrape<'_>, parts: Parts) -> prometheus::Result<String> {
    let mut families = Families::default();
    for collect in parts.collectors() {
        collect(scrape, &mut families);
    }
    own::collect(scrape, &mut families);
    families.encode()
}
