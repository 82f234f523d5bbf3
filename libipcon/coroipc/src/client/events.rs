// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receiving the server's events.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::core::Core;
use super::error::Disconnected;
use super::polled::Awaited;
use crate::layout::{bell, client, server};
use crate::region::Bytes;
use crate::ring::{Consumer, Record};
use crate::wait::watcher::Watching;
use crate::wait::{Place, Spin, Stopped, publish_cpu};

/// The receiving end of a connection's events. Events that were sent before the connection ended can be received
/// after it.
pub struct Events {
    core: Arc<Core>,
    consumer: Consumer,
    spin: Spin,
    /// A poll loop or a task waits for the next one.
    polled: bool,
    _watching: Arc<Watching>,
}

impl Events {
    pub(super) fn new(core: Arc<Core>, watching: Arc<Watching>, spin_limit: Duration) -> Self {
        Self {
            consumer: Consumer::new(core.sizes.events),
            core,
            spin: Spin::new(spin_limit),
            polled: false,
            _watching: watching,
        }
    }

    /// The next event, in place; waits for it until the deadline, where there is one. `None` if there is none by then.
    ///
    /// Its room in the ring is given back when it is dropped. A sender that waits for room goes on once half of the
    /// ring is free.
    ///
    /// # Errors
    /// [`Disconnected`] when there is none any more, and will be none.
    pub fn next(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<EventRef<'_>>, Disconnected> {
        self.stop_polling();
        let Self {
            core,
            consumer,
            spin,
            ..
        } = self;
        let place = Place {
            state: core.own.word(client::EVENTS_WAIT),
            bell: core.bells.word(bell::EVENTS),
            peer_cpu: core.peer.word(server::CPU),
        };
        let look = || consumer.peek(&core.peer).transpose();
        let record = match crate::wait::wait(place, spin, &core.life, deadline, look) {
            Ok(Ok(record)) => record,
            Ok(Err(violation)) => return Err(core.violated(violation)),
            Err(Stopped::TimedOut) => return Ok(None),
            Err(Stopped::Over) => return Err(core.disconnected()),
        };
        publish_cpu(core.own.word(client::CPU));
        Ok(Some(EventRef {
            events: self,
            record,
        }))
    }

    /// The next event in place, if there is one. If there is none, the descriptor can be read once there is, or once
    /// the connection is over: that is how a poll loop receives events. Call this until it finds none before you poll.
    ///
    /// ```
    /// # use coroipc::{Address, Client, Endpoint, Service, ServiceId};
    /// # use rustix::event::{PollFd, PollFlags, poll};
    /// # let address = Address::abstract_name(format!("doc-events-{}", std::process::id()));
    /// # let greeter = Service::new(ServiceId::new(1), |connection| {
    /// #     let _ = connection.send_event(&[std::io::IoSlice::new(b"welcome")]);
    /// #     Ok(())
    /// # });
    /// # let _server = Endpoint::builder(address.clone()).service(greeter).bind()?.spawn()?;
    /// # let client = Client::builder(address, ServiceId::new(1)).connect()?;
    /// let mut events = client.events().ok_or("without events")?;
    /// loop {
    ///     while let Some(event) = events.try_next()? {
    ///         assert_eq!(event.to_vec(), b"welcome");
    /// #       return Ok(());
    ///     }
    ///     poll(&mut [PollFd::new(&events, PollFlags::IN)], None)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Disconnected`] when there is none any more, and will be none.
    pub fn try_next(&mut self) -> Result<Option<EventRef<'_>>, Disconnected> {
        let record = self.look(None)?;
        Ok(record.map(|record| EventRef {
            events: self,
            record,
        }))
    }

    /// The next event in place, if there is one. If there is none, the task is woken by whoever hears that there is: a call
    /// of [`Client::dispatch`](super::Client::dispatch), which somebody must make whenever the descriptor can be read.
    /// `AsyncEvents` do so for programs that run on tokio.
    ///
    /// # Errors
    /// [`Disconnected`] when there is none any more, and will be none.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<EventRef<'_>, Disconnected>> {
        match self.look(Some(context.waker())) {
            Ok(None) => Poll::Pending,
            Ok(Some(record)) => Poll::Ready(Ok(EventRef {
                events: self,
                record,
            })),
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    /// As [`Events::poll_next`], but the event is left for the next call.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_ready(&mut self, context: &Context<'_>) -> Poll<Result<(), Disconnected>> {
        match self.look(Some(context.waker())) {
            Ok(None) => Poll::Pending,
            Ok(Some(_)) => Poll::Ready(Ok(())),
            Err(end) => Poll::Ready(Err(end)),
        }
    }

    /// The next event, or else it is polled for.
    fn look(&mut self, waker: Option<&Waker>) -> Result<Option<Record>, Disconnected> {
        let mut record = self.peek()?;
        if record.is_none() {
            self.polled = true;
            let there = self.core.poll(Awaited::Events, waker);
            // What was sent before the end comes before it.
            let over = self.core.life.over().is_some();
            record = self.peek()?;
            if record.is_none() && over {
                return Err(self.core.disconnected());
            }
            if record.is_none()
                && there
                && let Some(waker) = waker
            {
                // The server took it back, and nobody has the waker: it was not waited for.
                waker.wake_by_ref();
            }
        }
        if record.is_some() {
            self.stop_polling();
        }
        Ok(record)
    }

    #[inline]
    fn stop_polling(&mut self) {
        if self.polled {
            self.polled = false;
            self.core.stop_polling(Awaited::Events);
        }
    }

    /// What the server says about the events that are under way. It costs no system call.
    pub fn flow_control(&self) -> FlowControl {
        let word = |at| self.core.peer.word(at).load();
        FlowControl {
            held_back: word(server::EVENTS_HELD_BACK) != 0,
            queued: word(server::EVENTS_QUEUED),
            dropped: word(server::EVENTS_DROPPED),
        }
    }

    fn peek(&mut self) -> Result<Option<Record>, Disconnected> {
        let peeked = self.consumer.peek(&self.core.peer);
        peeked.map_err(|violation| self.core.violated(violation))
    }

    fn give_back(&mut self, record: Record) {
        let free_enough = self.consumer.give_back(&self.core.own, record);
        if free_enough {
            let bell = self.core.bells.word(bell::ROOM);
            let state = self.core.peer.word(server::EVENTS_WAIT);
            if crate::wait::wake(bell, state, &self.core.events_rung) {
                self.core.outgoing.ring(&self.core.socket);
            }
        }
    }
}

/// What a server says about the events of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FlowControl {
    /// The ring was too full for an event, and half of it has not been free since: read faster, or ask for less.
    pub held_back: bool,
    /// Events that wait in the server's queue. They come once there is room.
    pub queued: u32,
    /// Events that were dropped so far, modulo 2^32.
    pub dropped: u32,
}

/// An event, in place. Its memory belongs to it until it is dropped.
pub struct EventRef<'e> {
    events: &'e mut Events,
    record: Record,
}

impl EventRef<'_> {
    /// The payload, in place: see [`Bytes`].
    #[inline]
    pub fn bytes(&self) -> Bytes<'_> {
        self.record.bytes(&self.events.core.peer)
    }

    /// Counts the events of the connection from 0 on, modulo 2^32. Where the server drops events of slow clients, a gap
    /// shows how many.
    pub fn number(&self) -> u32 {
        self.record.number
    }

    /// A copy of the payload.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }
}

impl Drop for EventRef<'_> {
    fn drop(&mut self) {
        self.events.give_back(self.record);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.stop_polling();
    }
}

impl AsFd for Events {
    /// That of the [`Client`](super::Client). For reading only: to poll, after [`Events::try_next`] has found nothing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.core.socket.as_fd()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventRef({})", self.record.number)
    }
}
