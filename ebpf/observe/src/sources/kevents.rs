// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kevent group.
//!
//! A peer of our own listens. A thread empties its queue as events arrive, because the queue holds few and
//! whoever asks for snapshots may do so rarely.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use libipcon::{KEVENT_GROUP, Message, Peer, Replay};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use super::kevent_log::KeventLog;
use crate::model::{Event, EventKind, Kevents, display_name};
use crate::privilege;

/// Room for some thousand events, in bytes of kernel memory.
const QUEUE_LIMIT: usize = 4 << 20;

/// Listens to the kevents.
pub(crate) struct KeventSource {
    listener: Arc<Listener>,
    thread: Option<JoinHandle<()>>,
}

struct Listener {
    peer: Peer,
    account: Account,
    /// Readable when the thread shall end.
    stop: OwnedFd,
}

/// What was heard, which may be by several sources one after the other.
#[derive(Clone, Default)]
pub(crate) struct Account(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    kevents: KeventLog,
    /// Why the source that listens does not do it any more.
    failed: Option<String>,
}

/// What was heard since the last reading.
pub(crate) struct Heard {
    /// Counts since the account was opened.
    pub(crate) counts: Kevents,
    /// The events, oldest first.
    pub(crate) events: Vec<Event>,
    /// Events that are in no reading since the account was opened.
    pub(crate) lost: u64,
}

/// The kevent source cannot be used.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeventSource {
    /// Becomes a peer, joins the group and goes on with `account`: what happened since the source before
    /// this one failed counts as lost.
    ///
    /// # Errors
    ///
    /// Why that is not possible.
    pub(crate) fn open(account: &Account) -> Result<Self, Unavailable> {
        let peer = Peer::connect().map_err(bus_error)?;
        // As much as this process may have; the default works as well.
        _ = peer.set_queue_limit(QUEUE_LIMIT);
        peer.join_group(KEVENT_GROUP, Replay::None)
            .map_err(bus_error)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(thread_error)?;
        let listener = Arc::new(Listener {
            peer,
            account: account.clone(),
            stop,
        });
        listener.account.log().failed = None;
        let listening = listener.clone();
        let thread = thread::Builder::new()
            .name("kevents".to_owned())
            .spawn(move || {
                // It only receives. Where a filter refuses this, it is no worse than it was.
                _ = privilege::drop_all();
                listening.run();
            })
            .map_err(thread_error)?;
        Ok(Self {
            listener,
            thread: Some(thread),
        })
    }

    /// Id of the listening peer.
    pub(crate) fn peer_id(&self) -> u64 {
        self.listener.peer.id()
    }

    /// Takes the events that arrived since the last call. `sequence` is the number of an event that was sent
    /// before now: all up to it must be here or are lost.
    ///
    /// # Errors
    ///
    /// What broke the source.
    pub(crate) fn read(&self, sequence: u64) -> Result<Heard, Unavailable> {
        let mut log = self.listener.account.log();
        self.listener.drain(&mut log);
        match &log.failed {
            Some(reason) => Err(Unavailable(reason.clone())),
            None => {
                log.kevents.expect(sequence);
                Ok(Heard {
                    counts: log.kevents.counts(),
                    events: log.kevents.take(),
                    lost: log.kevents.lost(),
                })
            }
        }
    }
}

impl Drop for KeventSource {
    fn drop(&mut self) {
        let stopped = rustix::io::write(&self.listener.stop, &1u64.to_ne_bytes());
        if let (Ok(_), Some(thread)) = (stopped, self.thread.take()) {
            _ = thread.join();
        }
    }
}

impl Listener {
    /// Empties the queue whenever something is in it.
    fn run(&self) {
        loop {
            let mut ready = [
                PollFd::new(&self.stop, PollFlags::IN),
                PollFd::from_borrowed_fd(self.peer.as_fd(), PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    self.account.log().failed = Some(format!("cannot wait for kevents: {error}"));
                    return;
                }
            }
            if !ready[0].revents().is_empty() {
                return;
            }
            let mut log = self.account.log();
            self.drain(&mut log);
            if log.failed.is_some() {
                return;
            }
        }
    }

    /// Takes everything that is in the queue now.
    fn drain(&self, log: &mut Log) {
        if log.failed.is_some() {
            return;
        }
        let drained = log.kevents.drain(|| {
            let message = self.peer.try_recv()?;
            Ok(message.map(|message| event(&message)))
        });
        log.failed = drained.err().map(|error| bus_error(error).0);
    }
}

impl Account {
    fn log(&self) -> MutexGuard<'_, Log> {
        // Counts are whole even if a thread that held the lock has died.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A kevent that cannot be read leaves a gap in the numbers and so counts as lost.
fn event(message: &Message) -> Option<Event> {
    let kevent = message.kevent()?.ok()?;
    let plain = Event {
        sequence: kevent.sequence,
        time: kevent.time,
        pid: kevent.pid,
        ..Event::default()
    };
    let service = |kind, name: libipcon::Name, port: libipcon::Port| Event {
        kind,
        name: Some(display_name(name.as_bytes())),
        port: Some(port.get()),
        ..plain.clone()
    };
    let group = |kind, name: libipcon::Name, group_id: u32| Event {
        kind,
        name: Some(display_name(name.as_bytes())),
        group_id: Some(group_id.into()),
        ..plain.clone()
    };
    Some(match kevent.event {
        libipcon::Event::ServiceAdded { name, port } => service(EventKind::ServiceAdd, name, port),
        libipcon::Event::ServiceRemoved { name, port } => {
            service(EventKind::ServiceRemove, name, port)
        }
        libipcon::Event::GroupAdded { name, group_id } => {
            group(EventKind::GroupAdd, name, group_id)
        }
        libipcon::Event::GroupRemoved { name, group_id } => {
            group(EventKind::GroupRemove, name, group_id)
        }
        libipcon::Event::PeerRemoved { port } => Event {
            kind: EventKind::PeerRemove,
            port: Some(port.get()),
            ..plain
        },
    })
}

fn bus_error(error: libipcon::Error) -> Unavailable {
    Unavailable(format!("cannot listen to kevents: {error}"))
}

fn thread_error(error: impl Into<io::Error>) -> Unavailable {
    Unavailable(format!(
        "cannot start to listen to kevents: {}",
        error.into()
    ))
}
