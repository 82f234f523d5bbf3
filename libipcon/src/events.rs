// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is on the bus, and each change of it, with no change missed unnoticed.

mod follower;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::info::{GroupInfo, PeerInfo, ServiceInfo};
use crate::kevent::Kevent;
use crate::operation::Operation;
use crate::peer::Peer;
use crate::receiver::Wait;

pub(crate) use follower::Follower;

/// What [`Events`] tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Everything that is there now. It replaces what was known before: what is not in it is gone.
    ///
    /// It comes first of all, and again whenever kevents were lost, or came behind a thousand messages of
    /// others that are nothing to tell.
    Snapshot(Snapshot),
    /// One change.
    Kevent(Kevent),
}

/// What is on the bus.
///
/// What follows it are the changes since then, in their order. On a bus that does not come to rest for the time
/// of a look at it, the first of them may tell again what is in the snapshot already. Who inserts what is added
/// and deletes what is removed, by name, has the right table after them in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// All services, in order of registration.
    pub services: Vec<ServiceInfo>,
    /// All groups, in order of registration; the kevent group is the first.
    pub groups: Vec<GroupInfo>,
    /// All peers, in order of id. Their departures are announced, their arrivals are not.
    pub peers: Vec<PeerInfo>,
    /// Number of the last kevent that it stands for; the next one to be told has the number after it.
    pub sequence: u64,
    /// Kevents that were lost or overtaken, so that nobody is told of them; 0 in the first snapshot.
    pub missed: u64,
}

/// The kevents, for programs that keep a table of services or groups.
///
/// ```no_run
/// use std::collections::BTreeMap;
///
/// use libipcon::{Event, Events, Update};
///
/// # fn main() -> libipcon::Result<()> {
/// let mut services = BTreeMap::new();
/// let mut events = Events::open()?;
/// loop {
///     match events.recv()? {
///         Update::Snapshot(now) => {
///             services = now.services.iter().map(|it| (it.name, it.port)).collect();
///         }
///         Update::Kevent(kevent) => match kevent.event {
///             Event::ServiceAdded { name, port } => _ = services.insert(name, port),
///             Event::ServiceRemoved { name, .. } => _ = services.remove(&name),
///             _ => {}
///         },
///     }
///     println!("{} services", services.len());
/// }
/// # }
/// ```
///
/// The kernel drops a kevent for a listener whose queue is full. A listener that only counts what it is told
/// would be wrong from then on; this one notices, also when nothing follows what was lost, and starts again from
/// a [`Snapshot`]. A kevent for which the kernel has no memory shows as lost when the next one comes.
///
/// It is a peer of its own, which sends nothing.
#[derive(Debug)]
pub struct Events {
    peer: Peer,
    follower: Follower,
}

impl Events {
    /// Listens from now on. The first update is a [`Snapshot`].
    ///
    /// # Errors
    ///
    /// Those of [`Peer::connect`], [`Peer::join_group`] and [`Inspector::open`](crate::Inspector::open).
    pub fn open() -> Result<Self> {
        let (peer, follower) = Follower::open()?;
        Ok(Self { peer, follower })
    }

    /// The peer that listens: its port is in the snapshots, and its queue may be made
    /// [larger](Peer::set_queue_limit). What is received from it directly is missing here.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The next update, waiting for as long as it takes.
    ///
    /// # Errors
    ///
    /// `EBADMSG` for a kevent that this library does not know; those after it still come. Those of
    /// [`Inspector::bus`](crate::Inspector::bus), when what was lost cannot be made up for now; the next call
    /// tries again.
    pub fn recv(&mut self) -> Result<Update> {
        loop {
            if let Some(update) = self.next_update(Wait::Forever)? {
                return Ok(update);
            }
        }
    }

    /// The next update; `None` when there was none before the deadline, as in [`Peer::recv_deadline`].
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Option<Update>> {
        self.next_update(Wait::Until(deadline))
    }

    /// The next update if there is one now. The first call always has one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Update>> {
        self.next_update(Wait::Never)
    }

    fn next_update(&mut self, wait: Wait) -> Result<Option<Update>> {
        loop {
            if let Some(update) = self.follower.step(&self.peer)? {
                return Ok(Some(update));
            }
            let readable = self.peer.wait(wait);
            if !readable.map_err(|failure| Error::new(Operation::Receive, failure))? {
                return Ok(None);
            }
        }
    }
}

/// Each update, for as long as it takes; it has no end.
impl Iterator for Events {
    type Item = Result<Update>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.recv())
    }
}

/// Readable when there may be an update, but for the first. Poll it after [`Events::try_recv`] gave `None`.
impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.peer.as_fd()
    }
}
