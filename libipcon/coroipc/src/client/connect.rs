// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting, and the client itself.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::call::{Pending, Reply};
use super::connecting::{Connecting, Plan, Progress, system};
use super::core::Core;
use super::error::{CallError, ConnectError, Disconnected};
use super::events::Events;
use super::reach::{Pauses, nobody_is_there};
use super::reconnecting::Reconnecting;
use super::request::RequestRoom;
use crate::gather::{gather, total};
use crate::handshake::wire::{MOST_DESCRIPTORS, Message};
use crate::handshake::{Address, Credentials, Refusal, descriptors};
use crate::id::{CommandId, ServiceId};
use crate::sizes::Sizes;
use crate::trace;
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

type VerifyServer = dyn Fn(&Credentials) -> Result<(), Refusal> + Send + Sync;

/// Collects what makes a connection.
pub struct ClientBuilder {
    address: Address,
    service: ServiceId,
    sizes: Sizes,
    most: Option<Sizes>,
    interface: u64,
    connect_timeout: Duration,
    timeout: Option<Duration>,
    spin_limit: Duration,
    verify: Vec<Box<VerifyServer>>,
    lock_memory: bool,
    guard_against_own_user: bool,
    descriptors: u32,
    wait_until: Option<Instant>,
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
        ClientBuilder {
            address,
            service,
            sizes: Sizes::default(),
            most: None,
            interface: 0,
            connect_timeout: Duration::from_secs(5),
            timeout: None,
            spin_limit: crate::SPIN_LIMIT,
            verify: Vec::new(),
            lock_memory: false,
            guard_against_own_user: false,
            descriptors: 0,
            wait_until: None,
        }
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

impl ClientBuilder {
    /// The memory that is asked for; the server may decide otherwise.
    #[must_use]
    pub fn sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// The most memory that the server may decide on; otherwise connecting fails. The default is four times what is asked
    /// for, each way and of each kind, and of what [`Sizes::default`] asks for where that is more.
    #[must_use]
    pub fn most_sizes(mut self, most: Sizes) -> Self {
        self.most = Some(most);
        self
    }

    /// The most descriptors with a request, or a reply, up to 252; the service may want fewer. The default is none.
    #[must_use]
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = most.min(MOST_DESCRIPTORS as u32 - 1);
        self
    }

    /// The interface that this client was built for; see [`Service::interface`](crate::Service::interface). The default
    /// is 0.
    #[must_use]
    pub fn interface(mut self, interface: u64) -> Self {
        self.interface = interface;
        self
    }

    /// How long connecting may take; the default is 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long calls wait that name no deadline of their own. The default is as long as the server lives.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a thread spins at most before it sleeps; the default is 50 µs. It spins only while that has paid lately
    /// and the server runs on another processor. Zero: it never does.
    #[must_use]
    pub fn spin_limit(mut self, limit: Duration) -> Self {
        self.spin_limit = limit;
        self
    }

    /// Decides whether the server may be trusted, by what the kernel says of it, before anything is said to it. The
    /// process is the one that began to listen, which is not the one that serves where a service manager listens for it.
    /// All that are added must agree, and [`ClientBuilder::require_server_uid`] is one of them.
    #[must_use]
    pub fn verify_server(
        mut self,
        verify: impl Fn(&Credentials) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.verify.push(Box::new(verify));
        self
    }

    /// Wants the server to be of this user.
    #[must_use]
    pub fn require_server_uid(self, uid: u32) -> Self {
        self.verify_server(move |server| {
            if server.uid() == uid {
                return Ok(());
            }
            let text = format!("it belongs to user {}, not {uid}", server.uid());
            Err(Refusal::denied(text))
        })
    }

    /// Whether both regions and the page of bells are kept in memory (`mlock`), so that no thread ever waits for a page.
    #[must_use]
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.lock_memory = lock;
        self
    }

    /// Whether a server of this process's own user, or of the superuser, is guarded against as any other: so that nothing it
    /// does keeps a thread asleep after the connection ended. That costs a few tenths of a microsecond each time that a
    /// thread sleeps, and is left out by default, since such a server could as well end this process. It is for servers that are
    /// confined in other ways.
    #[must_use]
    pub fn guard_against_own_user(mut self, guard: bool) -> Self {
        self.guard_against_own_user = guard;
        self
    }

    /// Waits until the deadline for a server that is not there yet, instead of failing at once: while nobody listens, and
    /// while one that does is going away. It tries again after pauses of up to 100 ms, and at once when the path appears. A
    /// server that refuses this client is not asked again.
    #[must_use]
    pub fn wait_for_server(mut self, deadline: Instant) -> Self {
        self.wait_until = Some(deadline);
        self
    }

    /// A client that connects when it is needed, and again when the server was gone. [`ClientBuilder::wait_for_server`] and
    /// [`ClientBuilder::timeout`] mean nothing for it, since each call says how long it waits.
    pub fn reconnecting(self) -> Reconnecting {
        Reconnecting::new(self)
    }

    /// The same for another service.
    pub(crate) fn service(mut self, service: ServiceId) -> Self {
        self.service = service;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`] says why it did not work; [`ConnectError::Refused`] has the server's reason.
    pub fn connect(self) -> Result<Client, ConnectError> {
        match self.wait_until {
            Some(deadline) => self.connect_by(deadline),
            None => self.told(self.attempt(self.connect_timeout)),
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Connects, and waits until the deadline for somebody who listens.
    pub(super) fn connect_by(&self, deadline: Instant) -> Result<Client, ConnectError> {
        let mut pauses = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match self.attempt(self.connect_timeout.min(left)) {
                Err(error) if nobody_is_there(&error) => error,
                other => return self.told(other),
            };
            if deadline <= Instant::now() {
                return self.told(Err(error));
            }
            match &mut pauses {
                // It may have come since.
                None => pauses = Some(Pauses::before(&self.address)),
                Some(pauses) => pauses.wait(deadline),
            }
        }
    }

    /// What came of it, after who listens for that was told.
    fn told(&self, connected: Result<Client, ConnectError>) -> Result<Client, ConnectError> {
        if let Err(error) = &connected {
            trace::not_connected(&self.address, self.service, error);
        }
        connected
    }

    fn attempt(&self, timeout: Duration) -> Result<Client, ConnectError> {
        let mut connecting = self.begin(SocketFlags::CLOEXEC, timeout)?;
        loop {
            connecting.wait()?;
            match connecting.advance()? {
                Progress::Connected(client) => return Ok(client),
                Progress::Waiting(again) => connecting = again,
            }
        }
    }

    /// Begins to connect, and does not wait: for poll loops, and for tasks, which have `AsyncClient::connect` where they run
    /// on tokio.
    ///
    /// # Errors
    /// [`ConnectError`] says why it did not work. [`ConnectError::TimedOut`] when the server's queue is full, as nothing says
    /// when it is not: try again a little later.
    pub fn start_connect(&self) -> Result<Connecting, ConnectError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        self.begin(flags, self.connect_timeout)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn patience(&self) -> Duration {
        self.connect_timeout
    }

    fn begin(&self, flags: SocketFlags, timeout: Duration) -> Result<Connecting, ConnectError> {
        let deadline = crate::clock::after(timeout);
        let socket = self.reach(flags, timeout)?;
        let server = Credentials::of_peer(socket.as_fd())
            .map_err(|errno| system("asking who the server is", errno))?;
        for verify in &self.verify {
            verify(&server).map_err(ConnectError::Untrusted)?;
        }
        let hello = Message::Hello {
            service: self.service.get(),
            sizes: self.sizes,
            interface: self.interface,
            descriptors: self.descriptors,
        };
        let plan = Plan {
            service: self.service,
            most: self.most.unwrap_or_else(|| self.sizes.usual_most()),
            most_descriptors: self.descriptors,
            timeout: self.timeout,
            spin_limit: self.spin_limit,
            lock_memory: self.lock_memory,
            guarded: self.guard_against_own_user || !server.could_kill_us(),
        };
        Connecting::new(socket, server, deadline, plan, &hello)
    }

    fn reach(&self, flags: SocketFlags, timeout: Duration) -> Result<OwnedFd, ConnectError> {
        let unreachable = |errno: Errno| ConnectError::Unreachable {
            address: self.address.to_string(),
            source: errno.into(),
        };
        let name = self.address.to_socket_address().map_err(unreachable)?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|errno| system("making a socket", errno))?;
        descriptors::let_in(&socket, false);
        // This is what limits the time that connecting waits for a place in the queue of the server.
        rustix::net::sockopt::set_socket_timeout(
            &socket,
            rustix::net::sockopt::Timeout::Send,
            // Zero would be no limit.
            Some(timeout.clamp(Duration::from_micros(1), crate::clock::LONGEST)),
        )
        .map_err(|errno| system("setting up a socket", errno))?;
        loop {
            match connect(&socket, &name) {
                Ok(()) => return Ok(socket),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(ConnectError::TimedOut("its queue was full")),
                Err(errno) => return Err(unreachable(errno)),
            }
        }
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("address", &self.address)
            .field("service", &self.service)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}
