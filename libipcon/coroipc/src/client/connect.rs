// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connecting.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::connecting::{Connecting, Plan, Progress, system};
use super::error::ConnectError;
use super::handle::Client;
use super::reach::{Pauses, nobody_is_there};
use super::reconnecting::Reconnecting;
use crate::handshake::wire::{MOST_DESCRIPTORS, Message};
use crate::handshake::{Address, Credentials, Refusal, descriptors};
use crate::id::ServiceId;
use crate::sizes::Sizes;
use crate::trace;

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

impl ClientBuilder {
    pub(super) fn new(address: Address, service: ServiceId) -> Self {
        Self {
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
