// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client itself.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{Pending, Reply};
use super::connect::ClientBuilder;
use super::core::Core;
use super::error::{CallError, Disconnected};
use super::events::Events;
use super::request::RequestRoom;
use crate::gather::{gather, total};
use crate::handshake::{Address, Credentials};
use crate::id::{CommandId, ServiceId};
use crate::sizes::Sizes;
use crate::wait::End;
use crate::wait::watcher::Watching;

/// A connection to a service. Any number of threads may call through it at once; calls of which there is no slot for
/// wait. Dropping it disconnects.
///
/// ```no_run
/// use coroipc::{Address, Client, CommandId, ServiceId};
///
/// let client = Client::builder(Address::path("/run/clock.sock"), ServiceId::new(1)).connect()?;
/// let reply = client.call(CommandId::new(3), b"what time is it?")?;
/// println!("{}", String::from_utf8_lossy(&reply.to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    pub(crate) core: Arc<Core>,
    timeout: Option<Duration>,
    events: parking_lot::Mutex<Option<Events>>,
    _watching: Arc<Watching>,
}

impl Client {
    pub(super) fn new(
        core: Arc<Core>,
        timeout: Option<Duration>,
        events: Option<Events>,
        watching: Arc<Watching>,
    ) -> Self {
        Self {
            core,
            timeout,
            events: parking_lot::Mutex::new(events),
            _watching: watching,
        }
    }

    /// A connection to a service at an address.
    pub fn builder(address: Address, service: ServiceId) -> ClientBuilder {
        ClientBuilder::new(address, service)
    }

    /// Sends a request and waits for its reply, for as long as [`ClientBuilder::timeout`] says.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    #[inline]
    pub fn call(&self, command: CommandId, payload: &[u8]) -> Result<Reply<'_>, CallError> {
        let deadline = self.deadline();
        let mut room = self.room(payload.len(), deadline)?;
        room.bytes().copy_from_slice(payload);
        room.call(command, deadline)
    }

    /// Sends a request that consists of several pieces, and waits for its reply until a deadline.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    pub fn call_vectored(
        &self,
        command: CommandId,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<Reply<'_>, CallError> {
        self.start(command, payload, deadline)?.wait()
    }

    /// Sends a request and does not wait: its reply is asked for later. Several may be under way, and be answered in
    /// any order. Where all slots are taken it waits for one until the deadline.
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub fn start(
        &self,
        command: CommandId,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<Pending<'_>, CallError> {
        let mut room = self.room(total(payload), deadline)?;
        // It has exactly this length.
        let _ = gather(payload, room.bytes());
        Ok(room.start(command, deadline))
    }

    /// Sends a request with copies of descriptors, no more than [`Client::most_descriptors`], and waits for its reply, which
    /// may have some, too: [`Reply::take_descriptors`]. It waits for as long as [`ClientBuilder::timeout`] says.
    ///
    /// ```
    /// use std::io::{IoSlice, Read, Write};
    /// use std::os::fd::AsFd;
    ///
    /// use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId};
    ///
    /// # let address = Address::abstract_name(format!("doc-descriptors-{}", std::process::id()));
    /// // Writes to what it gets, and gives the other end of a pipe back.
    /// let service = Service::new(ServiceId::new(1), |_| Ok(()))
    ///     .accepts_descriptors(1)
    ///     .command(CommandId::new(1), |_, mut call| {
    ///         let Some(file) = call.take_descriptors().pop() else {
    ///             return call.fail(1);
    ///         };
    ///         let _ = std::fs::File::from(file).write_all(b"from the server");
    ///         call.reply(b"");
    ///     });
    /// let _server = Endpoint::builder(address.clone()).service(service).bind()?.spawn()?;
    ///
    /// let client = Client::builder(address, ServiceId::new(1)).descriptors(1).connect()?;
    /// let (mut reader, writer) = std::io::pipe()?;
    /// client.call_with_descriptors(CommandId::new(1), b"", &[writer.as_fd()])?;
    /// drop(writer);
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "from the server");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    pub fn call_with_descriptors(
        &self,
        command: CommandId,
        payload: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Reply<'_>, CallError> {
        let deadline = self.deadline();
        let mut room = self.room(payload.len(), deadline)?;
        room.bytes().copy_from_slice(payload);
        room.start_with_descriptors(command, descriptors, deadline)?
            .wait()
    }

    /// The most descriptors with a request, or a reply, that both sides agreed on.
    pub fn most_descriptors(&self) -> usize {
        self.core.most_descriptors as usize
    }

    /// Sends a request that is not answered. It waits where all slots are taken.
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub fn notify(&self, command: CommandId, payload: &[IoSlice<'_>]) -> Result<(), CallError> {
        let mut room = self.room(total(payload), self.deadline())?;
        let _ = gather(payload, room.bytes());
        room.notify(command)
    }

    /// The memory for a request of `len` bytes, to be written in place. More than [`Sizes::request`] bytes get memory of
    /// their own, up to [`Sizes::large`].
    ///
    /// ```
    /// # use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId};
    /// # let address = Address::abstract_name(format!("doc-room-{}", std::process::id()));
    /// # let sum = Service::new(ServiceId::new(1), |_| Ok(())).command(CommandId::new(1), |_, call| {
    /// #     let sum: u64 = call.payload().to_vec().iter().map(|&byte| u64::from(byte)).sum();
    /// #     call.reply(&sum.to_ne_bytes());
    /// # });
    /// # let server = Endpoint::builder(address.clone()).service(sum).bind()?.spawn()?;
    /// # let client = Client::builder(address, ServiceId::new(1)).connect()?;
    /// let mut room = client.room(4, None)?;
    /// room.bytes().copy_from_slice(&[1, 2, 3, 4]);
    /// let reply = room.call(CommandId::new(1), None)?;
    /// assert_eq!(reply.bytes().first(), Some(10u64.to_ne_bytes()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError::TooLong`], [`CallError::NoMemory`], [`CallError::TimedOut`] where no slot was free until the deadline, or
    /// [`CallError::Disconnected`].
    #[inline]
    pub fn room(
        &self,
        len: usize,
        deadline: Option<Instant>,
    ) -> Result<RequestRoom<'_>, CallError> {
        self.fits(len)?;
        let slot = self.core.slot(deadline)?;
        RequestRoom::new(&self.core, slot, len)
    }

    /// Whether a request of so many bytes can be sent at all.
    #[inline]
    pub(crate) fn fits(&self, len: usize) -> Result<(), CallError> {
        let sizes = &self.core.sizes;
        let most = sizes.request.max(sizes.large) as usize;
        if len > most {
            return Err(CallError::TooLong { len, most });
        }
        Ok(())
    }

    /// The receiving end of the server's events: there is one, so only the first call gets it, and only if the
    /// connection has a ring of events.
    pub fn events(&self) -> Option<Events> {
        self.events.lock().take()
    }

    /// The memory that both sides agreed on.
    pub fn sizes(&self) -> Sizes {
        self.core.sizes
    }

    /// Who the server is: whoever began to listen at the address.
    pub fn server(&self) -> &Credentials {
        &self.core.server
    }

    /// Why the connection is over, if it is.
    pub fn disconnected(&self) -> Option<Disconnected> {
        self.core.life.over().map(|_| self.core.disconnected())
    }

    /// Hears what came through the socket, and wakes the tasks that wait for it. A poll loop need not call it, since asking
    /// for what it waits for does the same.
    ///
    /// It is for futures on any runtime: where somebody calls this whenever the descriptor can be read,
    /// [`Pending::poll_reply`] and [`Events::poll_next`] wake their tasks. Whether that was all that had come; otherwise call
    /// it again.
    pub fn dispatch(&self) -> bool {
        self.core.hear()
    }

    /// Until when a call waits that begins now and names no deadline.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // What is too far away to be told is no limit.
        self.timeout
            .and_then(|timeout| Instant::now().checked_add(timeout))
    }
}

impl AsFd for Client {
    /// For reading only: to poll, after [`Pending::try_reply`] has found nothing. It can be read while something is there that
    /// a poll loop has asked for in vain, and not asked for again, be it a reply or an event; and when the connection is
    /// over.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.core.socket.as_fd()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.core.end(End::Closed);
    }
}
