// SPDX-License-Identifier: GPL-2.0

//! The bus of one network namespace: who is on it, and where a message goes.
//!
//! Everything here is safe code that knows neither netlink nor the kernel. It asks a [`Transport`]
//! to queue messages, and `crate::seam` for collections, locks and counters.
//!
//! # Locks
//!
//! In the order in which they are taken:
//!
//! 1. `Bus::control` – who holds what. Every change of peers, services, groups and memberships
//!    happens under it, and so does the kevent that announces the change: events have the order of
//!    the changes.
//! 2. `Group::state` – members and last message of one group. Each message of a group is handed to
//!    all members under it, which makes the order the same for all and joining atomic with the
//!    replay.
//! 3. `Peer::telling` – the right to tell one peer of its losses. Held while one message is queued,
//!    and only for a peer that has lost some.
//! 4. `Bus::routes` – the look-up tables of the sending paths. Held for one look-up, never while a
//!    message is queued.
//! 5. `Accounts::open` – who pays for what, for all namespaces. A leaf, like the routes.
//!
//! Sending takes 4 to find the receiver, lets it go, and takes 2 for a group. So senders of different
//! groups never wait for each other, and none waits for the handing out of kevents. A change that
//! joins, leaves or ends a group waits for the one message that is just handed out there, and the
//! changes behind it wait as well.

mod control;
mod counters;
mod delivery;
mod error;
mod group;
mod groups;
mod kevent;
mod name;
mod peer;
mod peers;
mod quota;
mod routes;
mod send;
mod service;
mod services;
mod transport;
mod views;

pub use counters::Counters;
pub use delivery::{Delivery, DropReason, Marks, QueueFill};
pub use error::Error;
pub use group::Group;
pub use kevent::{Event, KEVENT_GROUP, KEVENT_LEN, Kevent};
pub use name::{GroupName, Name, ServiceName};
pub use peer::{Identity, Peer};
pub use quota::{Accounts, Resource};
pub use service::Service;
pub use transport::{SocketKey, Trace, Transport};
pub use views::{GroupView, MemberView};

use crate::locked;
use crate::seam::{Arc, Locked, Map, NoMemory, arc};

use control::Control;
use routes::Routes;

/// The bus of one network namespace.
pub struct Bus<T: Transport> {
    control: Locked<Control<T>>,
    routes: Locked<Routes<T>>,
    kevents: Arc<Group<T>>,
    totals: Counters,
    accounts: Arc<Accounts>,
}

impl<T: Transport> Bus<T> {
    /// A bus with nobody on it but the kevent group, whose users pay from `accounts`.
    ///
    /// # Errors
    ///
    /// [`Error::NoMemory`].
    pub fn new(accounts: Arc<Accounts>) -> Result<Self, Error> {
        let name = GroupName::new(KEVENT_GROUP)?;
        let kevents = arc(Group::new(T::new_id(), name, None)?)?;
        let mut control = Control::new();
        control
            .groups
            .put(Map::slot()?, kevents.id, kevents.clone());
        let mut routes = Routes::new();
        routes.groups.put(Map::slot()?, name, kevents.clone());
        Ok(Self {
            control: locked!(control, "ipcon control")?,
            routes: locked!(routes, "ipcon routes")?,
            kevents,
            totals: Counters::default(),
            accounts,
        })
    }

    /// Sums over all peers that are or were on the bus.
    pub fn totals(&self) -> &Counters {
        &self.totals
    }

    /// Gives the change that was just made a number and announces it. The caller holds the control
    /// lock, so that events have the order of the changes.
    fn announce(&self, control: &mut Control<T>, event: Event, pid: u32) {
        control.kevent_sequence += 1;
        let kevent = Kevent {
            sequence: control.kevent_sequence,
            time: T::now(),
            pid,
            event,
        };
        match T::kevent(&kevent) {
            // The group of the kernel is open for as long as the bus exists.
            Ok(message) => drop(self.kevents.publish(0, message, &self.totals)),
            Err(NoMemory) => self.kevents.lose(0, KEVENT_LEN, &self.totals),
        }
    }
}
