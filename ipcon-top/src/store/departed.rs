// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that have just gone, and are shown for a while.

use std::time::Duration;

use ipcon_observe::Snapshot;

use super::{RETAIN, Store};

#[derive(Debug, Clone)]
pub(super) struct Departed<T> {
    pub(super) item: T,
    pub(super) noticed: Duration,
}

impl Store {
    pub(super) fn bury(&mut self, before: &Snapshot, now: &Snapshot) {
        let at = now.taken_at;
        retain(&mut self.departed_peers, at);
        retain(&mut self.departed_groups, at);
        let peers = before.peers.iter().filter(|p| now.peer(p.id).is_none());
        self.departed_peers.extend(peers.map(|p| Departed {
            item: p.clone(),
            noticed: at,
        }));
        let groups = before.groups.iter().filter(|g| now.group(g.id).is_none());
        self.departed_groups.extend(groups.map(|g| Departed {
            item: g.clone(),
            noticed: at,
        }));
    }

    /// While channels are not read, nobody knows which are gone.
    pub(super) fn bury_channels(&mut self, before: &Snapshot, now: &Snapshot) {
        retain(&mut self.departed_channels, now.taken_at);
        if now.channels.is_none() {
            return;
        }
        let gone = before
            .channels()
            .iter()
            .filter(|c| now.channel(c.id).is_none());
        self.departed_channels.extend(gone.map(|c| Departed {
            item: c.clone(),
            noticed: now.taken_at,
        }));
    }
}

fn retain<T>(departed: &mut Vec<Departed<T>>, now: Duration) {
    departed.retain(|d| now.saturating_sub(d.noticed) < RETAIN);
}
