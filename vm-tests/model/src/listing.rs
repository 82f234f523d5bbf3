// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the model lists.

use super::snapshot::{Counters, GroupRow, MemberRow, PeerRow, ServiceRow, Snapshot};
use super::{Group, Member, Model, Service};

impl Model {
    /// Everything that an observer is told.
    pub fn snapshot(&self) -> Snapshot {
        let live = |peer: &usize| self.peers[*peer].alive;
        let mut totals = Counters::default();
        for peer in &self.peers {
            totals += peer.counters;
        }
        Snapshot {
            peers: (0..self.peers.len())
                .filter(live)
                .map(|peer| self.peer_row(peer))
                .collect(),
            services: self
                .services
                .iter()
                .map(|service| self.service_row(service))
                .collect(),
            groups: self
                .live_groups()
                .map(|(n, group)| self.group_row(n, group))
                .collect(),
            members: self
                .live_groups()
                .flat_map(|(n, group)| self.member_rows(n, group))
                .collect(),
            kevent_sequence: self.kevent_sequence,
            totals,
        }
    }

    fn live_groups(&self) -> impl Iterator<Item = (u64, &Group)> {
        (0..).zip(&self.groups).filter(|(_, group)| group.alive)
    }

    fn peer_row(&self, at: usize) -> PeerRow {
        let peer = &self.peers[at];
        let newest = self.sockets.get(&peer.port);
        let open = newest.filter(|socket| socket.number == peer.socket && socket.open);
        PeerRow {
            peer: at as u64 + 1,
            port: peer.port,
            queued: open.map(|socket| socket.queue.len()),
            lost: peer.lost,
            counters: peer.counters,
        }
    }

    fn service_row(&self, service: &Service) -> ServiceRow {
        ServiceRow {
            service: service.ordinal,
            name: service.name.clone(),
            peer: service.peer as u64 + 1,
            port: self.peers[service.peer].port,
        }
    }

    fn group_row(&self, group: u64, entry: &Group) -> GroupRow {
        GroupRow {
            group,
            name: entry.name.clone(),
            owner: entry.owner.map_or(0, |owner| owner as u64 + 1),
            owner_port: entry.owner.map_or(0, |owner| self.peers[owner].port),
            members: entry.members.len(),
            last_len: entry.last.as_ref().map(|(_, content)| content.len()),
            counts: entry.counts,
        }
    }

    fn member_rows(&self, group: u64, entry: &Group) -> Vec<MemberRow> {
        let row = |member: &Member| MemberRow {
            group,
            name: entry.name.clone(),
            peer: member.peer as u64 + 1,
            port: self.peers[member.peer].port,
            copies: member.copies,
        };
        let mut rows: Vec<_> = entry.members.iter().map(row).collect();
        rows.sort_unstable_by_key(|row| row.peer);
        rows
    }
}
