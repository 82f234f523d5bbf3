// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a service to be registered.

use std::time::Instant;

use rustix::io::Errno;

use crate::error::{Error, Operation, Result};
use crate::kevent::{Event, KEVENT_GROUP};
use crate::peer::{Peer, Replay};
use crate::port::Port;

/// Waits for a service with a peer of its own, so that nobody else's messages are read. That peer joins the
/// kevent group before it looks: a registration before the look-up is found, one after it is announced.
pub(crate) fn for_service(name: &str, deadline: Instant) -> Result<Port> {
    let watcher = Peer::connect()?;
    watcher.join_group(KEVENT_GROUP, Replay::None)?;
    loop {
        match watcher.find_service(name) {
            Err(error) if error.is_not_found() => {}
            found => return found,
        }
        if let Some(port) = hear_of(&watcher, name, deadline)? {
            return Ok(port);
        }
    }
}

/// The port of the service once it is announced; `None` when announcements were lost, so that it has to be
/// looked up again.
fn hear_of(watcher: &Peer, name: &str, deadline: Instant) -> Result<Option<Port>> {
    loop {
        let Some(message) = watcher.recv_deadline(deadline)? else {
            return Err(Error::new(
                Operation::WaitForService(name.to_owned()),
                Errno::TIMEDOUT,
            ));
        };
        match message.kevent().transpose()?.map(|kevent| kevent.event) {
            Some(Event::ServiceAdded { name: added, port }) if added == *name => {
                return Ok(Some(port));
            }
            _ if message.lost > 0 => return Ok(None),
            _ => {}
        }
    }
}
