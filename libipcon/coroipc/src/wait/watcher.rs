// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that learns of the other side's end, for those who sleep on a futex.
//!
//! A socket hangs up when its last descriptor is closed, and a child of the other side may have one. So where there is a
//! descriptor of the other side's process, its end is watched too.
//!
//! There is one in each process that has a connection whose threads sleep so. It waits for sockets to hang up, and where
//! a slow client holds events back for its message that it has made room; so connections which do nothing, or work, never
//! wake it.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Weak, mpsc};

use parking_lot::Mutex;
use rustix::event::epoll;
use rustix::io::Errno;

/// A connection that wants to know when the other side is gone.
pub(crate) trait Watched: Send + Sync {
    /// The other side is gone: ends the connection and wakes who sleeps for it.
    fn hung_up(&self);

    /// The socket can be read, after [`Watching::listen`]. Nothing more is told of the socket, not even that it hung up,
    /// until [`Watching::quiet`] or [`Watching::listen`].
    fn readable(&self) {}
}

struct Watcher {
    /// The process whose it is.
    pid: u32,
    epoll: OwnedFd,
    watched: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    connections: HashMap<u64, Weak<dyn Watched>>,
}

/// Has a connection told when `socket` hangs up or `process` ends, until the returned is dropped.
pub(crate) fn watch(
    socket: impl AsFd,
    process: Option<Arc<OwnedFd>>,
    connection: Weak<dyn Watched>,
) -> Result<Watching, Errno> {
    let watcher = watcher()?;
    let number = {
        let mut table = watcher.watched.lock();
        table.next += 1;
        let number = table.next;
        table.connections.insert(number, connection);
        number
    };
    let mut watching = Watching {
        watcher,
        number,
        process: None,
    };
    let data = epoll::EventData::new_u64(number);
    epoll::add(&watcher.epoll, socket, data, QUIET)?;
    if let Some(process) = process {
        let data = epoll::EventData::new_u64(number | PROCESS);
        let ended = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        // Without it the socket tells, if later.
        if epoll::add(&watcher.epoll, &*process, data, ended).is_ok() {
            watching.process = Some(process);
        }
    }
    Ok(watching)
}

/// Tells a process's end from what happens on a socket.
const PROCESS: u64 = 1 << 63;

/// HUP is always reported. Once is enough.
const QUIET: epoll::EventFlags = epoll::EventFlags::RDHUP.union(epoll::EventFlags::ONESHOT);
const LISTENING: epoll::EventFlags = QUIET.union(epoll::EventFlags::IN);

/// As long as this lives, a connection is watched. Closing the socket takes it out of the kernel's list.
pub(crate) struct Watching {
    watcher: &'static Watcher,
    number: u64,
    /// What has to be taken out of the kernel's list: other processes may have it too, so that closing does not suffice.
    process: Option<Arc<OwnedFd>>,
}

impl Watching {
    /// Has the connection told, once, when its socket can be read.
    pub(crate) fn listen(&self, socket: impl AsFd) {
        self.modify(socket, LISTENING);
    }

    /// Has the connection told only when its socket hangs up.
    pub(crate) fn quiet(&self, socket: impl AsFd) {
        self.modify(socket, QUIET);
    }

    fn modify(&self, socket: impl AsFd, events: epoll::EventFlags) {
        let data = epoll::EventData::new_u64(self.number);
        // It was added, and needs no memory to be changed.
        let _ = epoll::modify(&self.watcher.epoll, socket, data, events);
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watching({})", self.number)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // In a process that was forked it is not this one's, and its lock may be held by a thread that is not there.
        if self.watcher.pid != std::process::id() {
            return;
        }
        if let Some(process) = &self.process {
            let _ = epoll::delete(&self.watcher.epoll, &**process);
        }
        self.watcher.watched.lock().connections.remove(&self.number);
    }
}

/// The watcher of this process, which is made for its first connection. One that was forked needs another: the thread is not
/// in there, and the kernel's list is that of the process it came from.
fn watcher() -> Result<&'static Watcher, Errno> {
    static WATCHER: AtomicPtr<Watcher> = AtomicPtr::new(std::ptr::null_mut());
    let pid = std::process::id();
    loop {
        let known = WATCHER.load(Ordering::Acquire);
        // SAFETY: What is stored there is never freed, and only ever shared.
        if let Some(watcher) = unsafe { known.as_ref() }
            && watcher.pid == pid
        {
            return Ok(watcher);
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let (begin, begun) = mpsc::sync_channel::<&'static Watcher>(1);
        // It is there before the watcher is known, so that nobody is watched by none.
        std::thread::Builder::new()
            .name("coroipc-watch".into())
            .stack_size(64 << 10)
            .spawn(move || begun.recv().map(Watcher::run))
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
        let ours = Box::into_raw(Box::new(Watcher {
            pid,
            epoll,
            watched: Mutex::default(),
        }));
        match WATCHER.compare_exchange(known, ours, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: It is never freed, and only ever shared.
                let watcher: &'static Watcher = unsafe { &*ours };
                // The thread waits for it.
                let _ = begin.send(watcher);
                return Ok(watcher);
            }
            // Another thread was faster. Ours ends, as nothing is sent to it.
            // SAFETY: It was made here, and nobody else has seen it.
            Err(_) => drop(unsafe { Box::from_raw(ours) }),
        }
    }
}

impl Watcher {
    fn run(&'static self) {
        let mut events = [const { MaybeUninit::uninit() }; 64];
        loop {
            let Ok((hung_up, _)) = epoll::wait(&self.epoll, &mut events, None) else {
                continue;
            };
            for event in hung_up {
                let (number, flags) = (event.data.u64() & !PROCESS, event.flags);
                let ended = event.data.u64() & PROCESS != 0;
                let connection = self
                    .watched
                    .lock()
                    .connections
                    .get(&number)
                    .and_then(Weak::upgrade);
                let Some(connection) = connection else {
                    continue;
                };
                let gone =
                    epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                if ended || flags.intersects(gone) {
                    connection.hung_up();
                } else {
                    connection.readable();
                }
            }
        }
    }
}

/// Keeps the type of the table's entries in one place.
pub(crate) fn weak<T: Watched + 'static>(connection: &Arc<T>) -> Weak<dyn Watched> {
    let weak: Weak<T> = Arc::downgrade(connection);
    weak
}
