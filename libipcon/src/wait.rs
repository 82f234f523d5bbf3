// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a service to be registered.

use std::time::Instant;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::kevent::{Event, KEVENT_GROUP};
use crate::message::Message;
use crate::operation::Operation;
use crate::peer::{Peer, Replay};
use crate::port::Port;

/// So many messages are taken before one looks at what is there, which always tells, and whoever else wants to
/// run may.
pub(crate) const AT_ONCE: usize = 1000;

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
    pub fn wait_for_service(&self, name: impl AsRef<[u8]>, deadline: Instant) -> Result<Port> {
        let search = Search::new(name.as_ref(), deadline);
        let watcher = search.watcher()?;
        loop {
            if let Some(port) = search.look(&watcher)? {
                return Ok(port);
            }
            let first = watcher.recv_deadline(deadline)?;
            if let Some(port) = search.hear(&watcher, first)? {
                return Ok(port);
            }
        }
    }
}

/// The steps of a wait: with a watcher, look, wait for an announcement, hear what was announced, and look again.
///
/// What is lost finds the queue full, and the loss shows only with the next message, which may never come. So
/// whatever was lost was lost before the last message was taken from the queue, and between that and the next
/// wait there must be a look-up. The kernel makes a registration visible before it announces it.
pub(crate) struct Search<'a> {
    name: &'a [u8],
    deadline: Instant,
}

impl<'a> Search<'a> {
    pub(crate) fn new(name: &'a [u8], deadline: Instant) -> Self {
        Self { name, deadline }
    }

    /// A peer that hears of arrivals.
    pub(crate) fn watcher(&self) -> Result<Peer> {
        let watcher = Peer::connect()?;
        watcher.join_group(KEVENT_GROUP, Replay::None)?;
        Ok(watcher)
    }

    /// Looks the service up; `None` when it is not there and the deadline has not passed.
    pub(crate) fn look(&self, watcher: &Peer) -> Result<Option<Port>> {
        // It looks once more when the deadline has passed, for what no memory was left to announce.
        let is_last = Instant::now() >= self.deadline;
        match watcher.find_service(self.name) {
            Err(error) if error.is_not_found() && is_last => {
                let operation = Operation::WaitForService(self.name.to_owned());
                Err(Error::new(operation, Errno::TIMEDOUT))
            }
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }

    /// Takes what was announced, beginning with `first`: the port of the service if it is among it, `None` when
    /// it is time to look it up.
    pub(crate) fn hear(&self, watcher: &Peer, first: Option<Message>) -> Result<Option<Port>> {
        let mut next = first;
        for _ in 0..AT_ONCE {
            let Some(message) = next else { break };
            if let Some(port) = announced(&message, self.name) {
                return Ok(Some(port));
            }
            // A queue that fills as fast as it is read must keep neither a loss nor the deadline waiting.
            if message.lost > 0 || Instant::now() >= self.deadline {
                break;
            }
            next = watcher.try_recv()?;
        }
        Ok(None)
    }
}

/// The port of a service, if a message announces that it was registered. Whatever else there is says nothing about it,
/// also a kevent that only a newer library knows.
fn announced(message: &Message, service: &[u8]) -> Option<Port> {
    match message.kevent()?.ok()?.event {
        Event::ServiceAdded { name, port } if name.as_bytes() == service => Some(port),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::origin::{KeventMeta, Origin};

    /// A message of the kernel with `struct ipcon_kevent` of this type about this service at port 9.
    fn kevent(kind: u32, service: &[u8]) -> Message {
        let mut data = vec![0; 40];
        data[..4].copy_from_slice(&kind.to_ne_bytes());
        data[4..4 + service.len()].copy_from_slice(service);
        data[36..].copy_from_slice(&9_u32.to_ne_bytes());
        let origin = Origin::Kevent(KeventMeta {
            sequence: 1,
            time: Duration::ZERO,
            pid: 1,
        });
        Message {
            origin,
            data,
            replay: false,
            lost: 0,
            credentials: None,
        }
    }

    #[test]
    fn only_the_registration_of_the_service_announces_it() {
        assert_eq!(announced(&kevent(0, b"clock"), b"clock"), Port::new(9));
        assert_eq!(announced(&kevent(0, b"cloc"), b"clock"), None);
        assert_eq!(announced(&kevent(1, b"clock"), b"clock"), None);
        let mut of_a_peer = kevent(0, b"clock");
        of_a_peer.origin = Origin::Peer(Port::new(7).unwrap());
        assert_eq!(announced(&of_a_peer, b"clock"), None);
    }

    #[test]
    fn a_kevent_that_cannot_be_read_is_passed_over() {
        let unknown = kevent(5, b"clock");
        assert!(unknown.kevent().unwrap().is_err());
        assert_eq!(announced(&unknown, b"clock"), None);
    }
}
