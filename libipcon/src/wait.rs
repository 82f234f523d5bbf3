// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a service to be registered.

use std::time::Instant;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::kevent::{Event, KEVENT_GROUP};
use crate::operation::Operation;
use crate::peer::{Peer, Replay};
use crate::port::Port;

impl Peer {
    /// Waits until a service is there and gives its port, at once if it is there already.
    ///
    /// No registration is missed, also not in a storm of others: a short-lived peer of its own hears of
    /// arrivals before it looks for the service, and it looks again whenever it may have lost some. Messages
    /// of this peer are not touched.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` when the service did not come before the deadline; `EINVAL` as in
    /// [`register_service`](Self::register_service); those of [`connect`](Self::connect).
    pub fn wait_for_service(&self, name: &str, deadline: Instant) -> Result<Port> {
        let watcher = Self::connect()?;
        watcher.join_group(KEVENT_GROUP, Replay::None)?;
        loop {
            // It looks once more when the deadline has passed, for what no memory was left to announce.
            let is_last = Instant::now() >= deadline;
            match watcher.find_service(name) {
                Err(error) if error.is_not_found() => {}
                found => return found,
            }
            if is_last {
                let operation = Operation::WaitForService(name.to_owned());
                return Err(Error::new(operation, Errno::TIMEDOUT));
            }
            if let Some(port) = hear_of(&watcher, name, deadline)? {
                return Ok(port);
            }
        }
    }
}

/// Waits for announcements and takes all that are queued: the port of the service if it is among them, `None`
/// when it is time to look it up.
///
/// What is lost finds the queue full, and the loss shows only with the next message, which may never come. So
/// whatever was lost was lost before the last message was taken from the queue, and between that and the next
/// wait there must be a look-up. The kernel makes a registration visible before it announces it.
fn hear_of(watcher: &Peer, name: &str, deadline: Instant) -> Result<Option<Port>> {
    let mut next = watcher.recv_deadline(deadline)?;
    while let Some(message) = next {
        match message.kevent().transpose()?.map(|kevent| kevent.event) {
            Some(Event::ServiceAdded { name: added, port }) if added == *name => {
                return Ok(Some(port));
            }
            // A queue that fills as fast as it is read must keep neither a loss nor the deadline waiting.
            _ if message.lost > 0 || Instant::now() >= deadline => return Ok(None),
            _ => {}
        }
        next = watcher.try_recv()?;
    }
    Ok(None)
}
