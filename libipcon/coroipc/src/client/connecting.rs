// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client's half of the handshake, which never waits.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::core::Core;
use super::error::ConnectError;
use super::events::Events;
use super::handle::Client;
use super::slots::Slots;
use crate::handshake::socket::{self, Received};
use crate::handshake::wire::{Malformed, Message};
use crate::handshake::{Credentials, closer::Closer, descriptors, is_process};
use crate::id::ServiceId;
use crate::region::{Own, Parts, Peer, Unsealed};
use crate::sizes::Sizes;
use crate::trace;
use crate::wait::watcher;
use crate::wait::{Life, Spin};

/// A connection that is being made: [`ClientBuilder::start_connect`](super::ClientBuilder::start_connect) begins it.
///
/// Whenever the descriptor can be read, and at the deadline, [`Connecting::advance`] goes on. Dropping it gives up.
///
/// ```
/// # use coroipc::{Address, Client, CommandId, Connecting, Endpoint, Progress, Service, ServiceId};
/// # use rustix::event::{PollFd, PollFlags, poll};
/// # let address = Address::abstract_name(format!("doc-connecting-{}", std::process::id()));
/// # let echo = Service::new(ServiceId::new(1), |_| Ok(()));
/// # let _server = Endpoint::builder(address.clone()).service(echo).bind()?.spawn()?;
/// let mut connecting = Client::builder(address, ServiceId::new(1)).start_connect()?;
/// let client = loop {
///     poll(&mut [PollFd::new(&connecting, PollFlags::IN)], None)?;
///     match connecting.advance()? {
///         Progress::Connected(client) => break client,
///         Progress::Waiting(again) => connecting = again,
///     }
/// };
/// # let _ = client;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connecting {
    socket: OwnedFd,
    server: Credentials,
    deadline: Instant,
    plan: Plan,
    /// What the server was given. Nothing before it has said how much that is to be.
    offered: Option<Box<Offered>>,
}

/// What becomes of a connection that is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) service: ServiceId,
    /// The most descriptors that may come with a message.
    pub(super) most_descriptors: u32,
    /// The most memory that the server may decide on.
    pub(super) most: Sizes,
    pub(super) timeout: Option<Duration>,
    pub(super) spin_limit: Duration,
    pub(super) lock_memory: bool,
    /// Whether it is made safe from a server that could not end this process anyway.
    pub(super) guarded: bool,
}

struct Offered {
    sizes: Sizes,
    /// The most descriptors with a message, as decided.
    most_descriptors: u32,
    parts: Parts,
    bells: Unsealed,
}

/// How far a connection came.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is looked at at once")]
pub enum Progress {
    /// The server has to say more.
    Waiting(Connecting),
    /// It is made.
    Connected(Client),
}

impl Connecting {
    /// Says hello.
    pub(super) fn new(
        socket: OwnedFd,
        server: Credentials,
        deadline: Instant,
        plan: Plan,
        hello: &Message,
    ) -> Result<Self, ConnectError> {
        let connecting = Self {
            socket,
            server,
            deadline,
            plan,
            offered: None,
        };
        socket::send(&connecting.socket, hello, &[]).map_err(|errno| connecting.failed(errno))?;
        Ok(connecting)
    }

    /// Does what can be done without waiting.
    ///
    /// # Errors
    /// [`ConnectError`] says why there will be no connection: [`ConnectError::TimedOut`] after the deadline.
    pub fn advance(mut self) -> Result<Progress, ConnectError> {
        loop {
            let received = match socket::receive(&self.socket, &Closer::of_process()) {
                Ok(received) => received,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if self.deadline <= Instant::now() => {
                    return Err(ConnectError::TimedOut(self.doing()));
                }
                Err(Errno::AGAIN) => return Ok(Progress::Waiting(self)),
                Err(errno) => return Err(self.failed(errno)),
            };
            if let Ok(Message::Refused(refusal)) = received.message {
                return Err(ConnectError::Refused(refusal));
            }
            match self.offered.take() {
                None => self.offered = Some(self.welcomed(&received)?),
                Some(offered) => return self.ready(received, *offered).map(Progress::Connected),
            }
        }
    }

    /// By when it must be made, as [`ClientBuilder::connect_timeout`](super::ClientBuilder::connect_timeout) says.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits until there is something to do.
    pub(super) fn wait(&self) -> Result<(), ConnectError> {
        socket::readable_by(&self.socket, self.deadline).map_err(|errno| self.failed(errno))
    }

    /// Learns which sizes the memory has, and gives the server its own.
    fn welcomed(&self, received: &Received) -> Result<Box<Offered>, ConnectError> {
        let Ok(Message::Welcome { sizes, descriptors }) = received.message else {
            return Err(protocol("it did not answer with a welcome"));
        };
        if !sizes.possible() {
            return Err(protocol(&format!("impossible sizes: {sizes:?}")));
        }
        let most = self.plan.most;
        if sizes != sizes.within(Sizes::MIN, most) {
            let text = format!("it wants memory of {sizes:?}, more than {most:?}");
            return Err(protocol(&text));
        }
        if descriptors > self.plan.most_descriptors {
            let text = format!("it wants {descriptors} descriptors with a message");
            return Err(protocol(&text));
        }
        let parts = Own::create("coroipc-client", sizes.client_region())
            .map_err(|errno| system("reserving memory", errno))?;
        let bells = Unsealed::create().map_err(|errno| system("reserving memory", errno))?;
        descriptors::let_in(&self.socket, true);
        let offered = Box::new(Offered {
            sizes,
            most_descriptors: descriptors,
            parts,
            bells,
        });
        let memory = [offered.parts.file.as_fd(), offered.bells.file.as_fd()];
        socket::send(&self.socket, &Message::Memory, &memory)
            .map_err(|errno| self.failed(errno))?;
        Ok(offered)
    }

    /// Gets the server's region, and a descriptor of the process that serves, if it could be had: that need not be the one
    /// which began to listen.
    fn ready(self, received: Received, offered: Offered) -> Result<Client, ConnectError> {
        let Offered {
            sizes,
            most_descriptors,
            parts,
            bells,
        } = offered;
        // The memory of large replies, and what was agreed on beside them, is to come, too.
        descriptors::let_in(&self.socket, sizes.large != 0 || most_descriptors != 0);
        if let Err(Malformed::NoRoom) = received.message {
            return Err(system("receiving the server's memory", Errno::MFILE));
        }
        let (Ok(Message::Ready), [file, process @ ..]) =
            (received.message, received.descriptors.as_slice())
        else {
            return Err(protocol("it did not say that it is ready"));
        };
        if process.iter().any(|it| !is_process(it.as_fd())) {
            return Err(protocol("it sent something else as its process"));
        }
        let peer = Peer::open(file, sizes.server_region())
            .map_err(|bad| protocol(&format!("its memory: {bad}")))?;
        let mut files = received.descriptors.into_vec().into_iter();
        drop(files.next());
        let process = files.next().map(Arc::new);
        let bells = bells
            .sealed()
            .map_err(|bad| protocol(&format!("the page of bells: {bad}")))?;
        if self.plan.lock_memory {
            parts
                .words
                .lock()
                .and_then(|()| peer.lock())
                .and_then(|()| bells.lock())
                .map_err(|errno| system("locking memory", errno))?;
        }
        let core = Arc::new(Core::new(
            (parts.words, Slots::new(parts.rooms)),
            (peer, bells),
            (sizes, most_descriptors),
            self.socket,
            self.server,
            Spin::new(self.plan.spin_limit),
            Life::new(self.plan.guarded),
        ));
        let watching = watcher::watch(&core.socket, process, watcher::weak(&core))
            .map_err(|errno| system("watching the connection", errno))?;
        let watching = Arc::new(watching);
        let events = (sizes.events != 0)
            .then(|| Events::new(core.clone(), watching.clone(), self.plan.spin_limit));
        trace::connected_to(&core.server, self.plan.service);
        Ok(Client::new(core, self.plan.timeout, events, watching))
    }

    /// What the server does meanwhile.
    fn doing(&self) -> &'static str {
        match self.offered {
            None => "it decided about us",
            Some(_) => "it prepared the connection",
        }
    }

    fn failed(&self, errno: Errno) -> ConnectError {
        match errno {
            Errno::TIMEDOUT => ConnectError::TimedOut(self.doing()),
            // It may have said why before it hung up.
            Errno::PIPE | Errno::CONNRESET => {
                match socket::receive(&self.socket, &Closer::of_process()) {
                    Ok(Received {
                        message: Ok(Message::Refused(refusal)),
                        ..
                    }) => ConnectError::Refused(refusal),
                    _ => ConnectError::HungUp(self.doing()),
                }
            }
            errno => system("talking to the server", errno),
        }
    }
}

pub(super) fn system(doing: &'static str, errno: Errno) -> ConnectError {
    ConnectError::System {
        doing,
        source: errno.into(),
    }
}

fn protocol(what: &str) -> ConnectError {
    ConnectError::Protocol(what.into())
}

impl AsFd for Connecting {
    /// For reading only: to poll.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
