// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals of coroipc endpoints by server: who was let in and who was refused.

use std::time::Duration;

use super::book::{Book, Entry};
use super::{entries, exported, label};
use crate::fields::{ENDPOINT_FIELDS, Field};
use crate::model::{Endpoint, Snapshot};

/// Totals of all endpoints, those that are gone included, by the command name of their server. What an endpoint counts
/// between the last snapshot and its end is not seen.
#[derive(Debug)]
pub struct Endpoints(Book);

impl Endpoints {
    pub(super) fn new(limit: usize, retain: Duration) -> Self {
        Self(Book::new(limit, retain, Self::fields().count(), &[]))
    }

    /// While channels are not read, nothing changes.
    pub(super) fn apply(&mut self, snapshot: &Snapshot) {
        if let Some(channels) = &snapshot.channels {
            let entries: Vec<Entry> = entries(ENDPOINT_FIELDS, &channels.endpoints, |row| {
                (row.id, label(&row.server_comm))
            });
            self.0.apply(snapshot.taken_at, entries, &[]);
        }
    }

    /// Counters exported for each label.
    pub fn fields() -> impl Iterator<Item = &'static Field<Endpoint>> {
        exported(ENDPOINT_FIELDS)
    }

    /// Labels with their totals, in order of label; the totals in the order of [`Endpoints::fields`].
    pub fn totals(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.0.totals()
    }

    /// The label of an endpoint of the last snapshot.
    pub fn label(&self, id: u64) -> Option<&str> {
        self.0.label_of(id)
    }

    /// How many times an endpoint had to go to [`OTHER`](super::OTHER).
    pub fn folded(&self) -> u64 {
        self.0.folded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DEPARTED, OTHER};
    use crate::model::{self, EndpointCounters};

    fn endpoint(id: u64, comm: &str, accepted: u64, denied: u64) -> Endpoint {
        Endpoint {
            id,
            server_comm: comm.into(),
            counters: EndpointCounters {
                accepted,
                refused_denied: denied,
                ..EndpointCounters::default()
            },
            ..Endpoint::default()
        }
    }

    fn at(seconds: u64, endpoints: Vec<Endpoint>) -> Snapshot {
        Snapshot {
            taken_at: Duration::from_secs(seconds),
            channels: Some(model::Channels {
                endpoints,
                ..model::Channels::default()
            }),
            ..Snapshot::default()
        }
    }

    /// Server, accepted and refused as denied.
    fn told(ledger: &Endpoints) -> Vec<(&str, u64, u64)> {
        let place = |key| Endpoints::fields().position(|it| it.key == key).unwrap();
        let (accepted, denied) = (place("accepted"), place("refused_denied"));
        let totals = ledger.totals();
        totals
            .map(|(server, counts)| (server, counts[accepted], counts[denied]))
            .collect()
    }

    #[test]
    fn endpoints_of_a_server_count_together_and_no_end_takes_anything_back() {
        let mut ledger = Endpoints::new(9, Duration::from_secs(300));
        let two = vec![endpoint(1, "clockd", 10, 2), endpoint(2, "clockd", 5, 1)];
        ledger.apply(&at(1, two));
        assert_eq!(told(&ledger), [("clockd", 15, 3)]);
        assert_eq!(ledger.label(2), Some("clockd"));
        ledger.apply(&at(2, vec![endpoint(2, "clockd", 6, 2)]));
        ledger.apply(&Snapshot::default());
        assert_eq!(told(&ledger), [("clockd", 16, 4)]);
        // It was started again, and begins at zero.
        ledger.apply(&at(3, vec![endpoint(3, "clockd", 1, 1)]));
        assert_eq!(told(&ledger), [("clockd", 17, 5)]);
        ledger.apply(&at(400, vec![]));
        assert_eq!(told(&ledger), [(DEPARTED, 17, 5)]);
    }

    #[test]
    fn too_many_share_a_label_and_no_server_makes_a_total_fall() {
        let mut ledger = Endpoints::new(1, Duration::from_secs(300));
        let both = |denied| {
            vec![
                endpoint(1, "a", 3, denied),
                endpoint(2, "_other", 4, denied),
            ]
        };
        let mut before = 0;
        for denied in [7, u64::MAX, 0, 5] {
            ledger.apply(&at(1, both(denied)));
            let now = told(&ledger)[0].2;
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
        let servers: Vec<_> = told(&ledger).iter().map(|it| (it.0, it.1)).collect();
        assert_eq!(servers, [(OTHER, 4), ("a", 3)]);
        assert_eq!(ledger.folded(), 1);
    }
}
