// SPDX-License-Identifier: MIT OR Apache-2.0
//! From what was observed to metric families: one file and one function for each source. Pure.

mod bus;
mod families;
mod kevents;
mod own;
mod probes;
#[cfg(test)]
mod tests;

use ipcon_observe::{Ledger, Snapshot};

pub(crate) use families::CONTENT_TYPE;
use families::Families;

/// What one scrape shows.
pub(crate) struct Scrape<'a> {
    /// The bus; `None` when it could not be read.
    pub(crate) snapshot: Option<&'a Snapshot>,
    /// Totals up to and with the snapshot.
    pub(crate) ledger: &'a Ledger,
    /// Whether probes were asked for.
    pub(crate) probes_wanted: bool,
}

/// The whole page.
pub(crate) fn page(scrape: &Scrape<'_>) -> prometheus::Result<String> {
    let mut families = Families::default();
    for collect in [
        bus::collect,
        kevents::collect,
        probes::collect,
        own::collect,
    ] {
        collect(scrape, &mut families);
    }
    families.encode()
}
