// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client between being accepted and being served: the server's half of the handshake, which never waits.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;

use super::channel::Channel;
use super::endpoint::Shared;
use super::events::Events;
use super::ledger::Entry;
use super::service::AnyService;
use crate::handshake::socket::{self, Received};
use crate::handshake::wire::{Malformed, Message};
use crate::handshake::{Credentials, Reason, Refusal, closer::Closer, descriptors};
use crate::id::ServiceId;
use crate::layout::VERSION;
use crate::region::{Bells, Own, Peer};
use crate::ring::Producer;
use crate::sizes::Sizes;
use crate::statistics::Page;
use crate::wait::{Life, Spin};

/// A client that is being greeted.
pub(super) struct Greeting {
    socket: Arc<OwnedFd>,
    /// What it has of what its user may have.
    entry: Arc<Entry>,
    closer: Arc<Closer>,
    /// The client's user.
    pub(super) uid: u32,
    /// Until when it must have said all that it has to.
    pub(super) deadline: Instant,
    stage: Stage,
}

enum Stage {
    /// It has said nothing yet.
    Hello,
    /// It was let in, and owes its memory.
    Memory(Box<Welcomed>),
    /// It was refused, or has become a channel.
    Done,
}

struct Welcomed {
    credentials: Credentials,
    service: Arc<dyn AnyService>,
    sizes: Sizes,
    /// The most descriptors with a request, or a reply.
    most_descriptors: u32,
}

/// How far a greeting came.
pub(super) enum Progress {
    /// The client has to say more.
    Waiting,
    /// It is connected, but for the service's hook.
    Connected(Arc<Channel>, Arc<dyn AnyService>),
    /// It was refused, or has gone.
    Over,
}

impl Greeting {
    pub(super) fn new(socket: OwnedFd, entry: Entry, deadline: Instant) -> Self {
        let entry = Arc::new(entry);
        Self {
            socket: Arc::new(socket),
            uid: entry.uid,
            closer: Closer::on_behalf_of(entry.clone()),
            entry,
            deadline,
            stage: Stage::Hello,
        }
    }

    /// Reads what the client has sent by now, and answers.
    pub(super) fn advance(&mut self, shared: &Shared) -> Progress {
        loop {
            let received = match socket::receive(&self.socket, &self.closer) {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Progress::Waiting,
                Err(Errno::INTR) => continue,
                Err(_) => return Progress::Over,
            };
            let answer = match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Hello => self.hello(shared, received),
                Stage::Memory(welcomed) => return self.memory(shared, *welcomed, received),
                Stage::Done => return Progress::Over,
            };
            if let Err(refusal) = answer {
                return self.refuse(shared, refusal);
            }
        }
    }

    /// Tells the client why it is not wanted.
    pub(super) fn refuse(&mut self, shared: &Shared, refusal: Refusal) -> Progress {
        shared.refused(Some(self.uid), &refusal);
        let _ = socket::send(&self.socket, &Message::Refused(refusal), &[]);
        Progress::Over
    }

    fn hello(&mut self, shared: &Shared, received: Received) -> Result<(), Refusal> {
        let (service, wanted, interface, most_descriptors) = match received.message {
            Ok(Message::Hello {
                service,
                sizes,
                interface,
                descriptors,
            }) => (ServiceId::new(service), sizes, interface, descriptors),
            Err(Malformed::Version(_)) => {
                return Err(Refusal::new(Reason::Version(VERSION), ""));
            }
            _ => return Err(Refusal::new(Reason::Protocol, "a hello was expected")),
        };
        let credentials = Credentials::of_peer(self.socket.as_fd())
            .map_err(|errno| lacking("reading the client's credentials", errno))?;
        shared.permits(&credentials)?;
        let service = shared
            .service(service)
            .ok_or_else(|| Refusal::new(Reason::NoSuchService, service.to_string()))?;
        service.permits(&credentials)?;
        if service
            .wanted_interface()
            .is_some_and(|wanted| wanted != interface)
        {
            let text = format!("{} was built for another interface", service.id());
            return Err(Refusal::new(Reason::Interface, text));
        }
        let sizes = wanted.within(shared.least, shared.most);
        let most_descriptors = most_descriptors.min(service.descriptors());
        let welcome = Message::Welcome {
            sizes,
            descriptors: most_descriptors,
        };
        descriptors::let_in(&self.socket, true);
        socket::send(&self.socket, &welcome, &[]).map_err(|errno| lacking("answering", errno))?;
        self.stage = Stage::Memory(Box::new(Welcomed {
            credentials,
            service,
            sizes,
            most_descriptors,
        }));
        Ok(())
    }

    fn memory(&mut self, shared: &Shared, welcomed: Welcomed, received: Received) -> Progress {
        // The memory of large requests, and what was agreed on beside them, is to come, too.
        let more = welcomed.sizes.large != 0 || welcomed.most_descriptors != 0;
        descriptors::let_in(&self.socket, more);
        let service = welcomed.service.clone();
        match self.channel(shared, welcomed, received) {
            Ok(channel) => Progress::Connected(Arc::new(channel), service),
            Err(refusal) => self.refuse(shared, refusal),
        }
    }

    /// The connection. What the client gets is reserved only after what it gives has come and was found good.
    fn channel(
        &mut self,
        shared: &Shared,
        welcomed: Welcomed,
        received: Received,
    ) -> Result<Channel, Refusal> {
        let Welcomed {
            credentials,
            service,
            sizes,
            most_descriptors,
        } = welcomed;
        if let Err(lost @ Malformed::NoRoom) = received.message {
            return Err(Refusal::new(Reason::Resources, lost.to_string()));
        }
        let (Ok(Message::Memory), [region, bells]) =
            (&received.message, received.descriptors.as_slice())
        else {
            return Err(Refusal::new(Reason::Protocol, "memory was expected"));
        };
        let (peer, bells) = Peer::open(region, sizes.client_region())
            .and_then(|peer| Ok((peer, Bells::open(bells)?)))
            .map_err(|bad| Refusal::new(Reason::Protocol, format!("the client's memory: {bad}")))?;
        received.descriptors.close();
        self.entry.reserve(sizes.bytes())?;
        let parts = Own::create("coroipc-server", sizes.server_region())
            .map_err(|errno| lacking("reserving memory", errno))?;
        if shared.lock_memory {
            parts
                .words
                .lock()
                .and_then(|()| bells.lock())
                .map_err(|errno| lacking("locking memory", errno))?;
        }
        let events = Events::new(
            parts.ring.map(Producer::new),
            shared.events_of(service.as_ref(), sizes.events),
            service.wants_room(),
            Spin::new(shared.spin_limit),
        );
        let number = shared.registry.next_number();
        let statistics = Page::create(service.id(), &credentials, number)
            .map_err(|errno| lacking("reserving memory", errno))?;
        let guarded = shared.guard_against_own_user || !credentials.could_kill_us();
        Ok(Channel::new(
            (parts.words, parts.rooms, parts.file, events),
            (peer, bells),
            (sizes, most_descriptors),
            (self.socket.clone(), Life::new(guarded)),
            credentials,
            (number, self.entry.clone(), self.closer.clone()),
            statistics,
        ))
    }
}

fn lacking(what: &str, errno: Errno) -> Refusal {
    Refusal::new(Reason::Resources, format!("{what}: {errno}"))
}

impl AsFd for Greeting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
