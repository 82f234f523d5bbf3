// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals that an exporter may publish: by label, of bounded number, and never falling.
//!
//! Peers come and go and so do their names, but a published counter must only grow, and the sum over all
//! labels must be what the bus counted. So growth, not the counter itself, is added to the label that the
//! peer has at the moment:
//!
//! * a peer counts for its oldest service; peers without one share [`ANONYMOUS`], but for the observer's own
//!   peer, which is [`OBSERVER`];
//! * when there are too many labels, further ones share [`OTHER`];
//! * what the bus counted beyond all labels was counted by peers that left before anybody looked: it goes to
//!   [`DEPARTED`], together with labels that nobody has used for a while.
//!
//! Connections of coroipc count for the command name of their server and the number of their service, in the same way,
//! endpoints for the command name alone.
//!
//! What only the probes count begins again whenever they are attached anew. Its growth is added up in the same way, so
//! that it goes on here, also when the module was loaded anew.
//!
//! The totals of the bus must be read before the peers. Then a peer that is not listed has left for good,
//! the totals never hold more than peers listed and left have counted, and nothing is counted twice.

mod book;
mod channels;
mod endpoints;
mod probes;

use std::time::Duration;

use crate::fields::{BUS_FIELDS, Field, GROUP_FIELDS, Kind, PEER_FIELDS, find};
use crate::model::{Peer, Snapshot};
use book::{Book, Entry};

pub use channels::{ChannelLabel, ChannelTotals, Channels};
pub use endpoints::Endpoints;
pub use probes::Probed;

/// Label of all peers without a service.
pub const ANONYMOUS: &str = "_anonymous";
/// Label of the observer's own peer.
pub const OBSERVER: &str = "_observer";
/// Label of all rows beyond the limit.
pub const OTHER: &str = "_other";
/// Label of what left unseen or long ago.
pub const DEPARTED: &str = "_departed";

/// Bounds of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Labels of peers, beside those of the ledger's own.
    pub peers: usize,
    /// Labels of groups, beside those of the ledger's own.
    pub groups: usize,
    /// Labels of servers and services of coroipc, and as many of servers alone, beside those of the ledger's own.
    pub channels: usize,
    /// How long a label stays after the last row that had it.
    pub retain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 200,
            groups: 200,
            channels: 200,
            retain: Duration::from_secs(300),
        }
    }
}

/// Totals by label, kept from snapshot to snapshot.
#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    started_at: Option<Duration>,
    peers: Book,
    groups: Book,
    channels: Channels,
    endpoints: Endpoints,
    probed: Probed,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(limits: Limits) -> Self {
        let (peers, groups) = books(limits);
        Self {
            limits,
            started_at: None,
            peers,
            groups,
            channels: Channels::new(limits.channels, limits.retain),
            endpoints: Endpoints::new(limits.channels, limits.retain),
            probed: Probed::new(limits.peers, limits.retain),
        }
    }

    /// Adds what happened since the snapshot before. Snapshots must come in order of time.
    ///
    /// When the module was loaded anew, all its counters begin again, here as well; those of the probes go on. While
    /// there is no bus, nothing of it changes.
    pub fn apply(&mut self, snapshot: &Snapshot) {
        self.channels.apply(snapshot);
        self.endpoints.apply(snapshot);
        let Some(bus) = &snapshot.bus else { return };
        if let Some(started_at) = bus.started_at
            && self
                .started_at
                .replace(started_at)
                .is_some_and(|before| before != started_at)
        {
            (self.peers, self.groups) = books(self.limits);
        }
        let peers = entries(PEER_FIELDS, &snapshot.peers, |peer| {
            (peer.id, peer_label(peer))
        });
        let totals: Vec<_> = exported(PEER_FIELDS)
            .map(|field| find(BUS_FIELDS, field.key)?.counter(bus))
            .collect();
        self.peers.apply(snapshot.taken_at, peers, &totals);

        let groups = entries(GROUP_FIELDS, &snapshot.groups, |group| {
            (group.id, label(&group.name))
        });
        self.groups.apply(snapshot.taken_at, groups, &[]);
        self.probed.apply(snapshot, |id| self.peers.label_of(id));
    }

    /// Counters exported for each label of [`Ledger::peers`], in the same order as its numbers.
    pub fn peer_fields(&self) -> impl Iterator<Item = &'static Field<Peer>> {
        exported(PEER_FIELDS)
    }

    /// Counters exported for each label of [`Ledger::groups`], in the same order as its numbers.
    pub fn group_fields(&self) -> impl Iterator<Item = &'static Field<crate::model::Group>> {
        exported(GROUP_FIELDS)
    }

    /// Labels of peers with their totals, in order of label.
    pub fn peers(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.peers.totals()
    }

    /// Labels of groups with their totals, in order of label. The bus keeps no totals of groups, so what a
    /// group counted between the last snapshot and its end is missing.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.groups.totals()
    }

    /// The label of a peer of the last snapshot.
    pub fn peer_label(&self, id: u64) -> Option<&str> {
        self.peers.label_of(id)
    }

    /// The label of a group of the last snapshot.
    pub fn group_label(&self, id: u64) -> Option<&str> {
        self.groups.label_of(id)
    }

    /// Totals of the connections of coroipc.
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Totals of the endpoints of coroipc.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Totals of what only the probes count.
    pub fn probed(&self) -> &Probed {
        &self.probed
    }

    /// How many times a peer had to go to [`OTHER`].
    pub fn folded_peers(&self) -> u64 {
        self.peers.folded()
    }

    /// How many times a group had to go to [`OTHER`].
    pub fn folded_groups(&self) -> u64 {
        self.groups.folded()
    }
}

/// Empty books of peers and groups.
fn books(limits: Limits) -> (Book, Book) {
    let own = &[ANONYMOUS, DEPARTED];
    let (peers, groups) = (
        exported(PEER_FIELDS).count(),
        exported(GROUP_FIELDS).count(),
    );
    (
        Book::new(limits.peers, limits.retain, peers, own),
        Book::new(limits.groups, limits.retain, groups, &[]),
    )
}

/// The counters of a table that are exported.
fn exported<R>(fields: &'static [Field<R>]) -> impl Iterator<Item = &'static Field<R>> {
    fields
        .iter()
        .filter(|field| field.kind == Kind::Counter && field.metric.is_some())
}

fn entries<R>(
    fields: &'static [Field<R>],
    rows: &[R],
    identify: impl Fn(&R) -> (u64, String),
) -> Vec<Entry> {
    rows.iter()
        .map(|row| {
            let (id, label) = identify(row);
            let counts = exported(fields)
                .map(|field| field.counter(row).unwrap_or(0))
                .collect();
            Entry { id, label, counts }
        })
        .collect()
}

fn peer_label(peer: &Peer) -> String {
    match peer.name() {
        Some(name) => label(name),
        None if peer.observer => OBSERVER.to_owned(),
        None => ANONYMOUS.to_owned(),
    }
}

/// The label of a name. One that begins with an underscore gets another, so that nobody can take a label of
/// the ledger's own.
fn label(name: &str) -> String {
    if name.starts_with('_') {
        format!("_{name}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests;
