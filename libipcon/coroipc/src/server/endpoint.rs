// SPDX-License-Identifier: MIT OR Apache-2.0
//! An endpoint: an address, services, and rules.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::builder::EndpointBuilder;
use super::call::Call;
use super::channel::Channel;
use super::ledger::Ledger;
use super::listener::Listener;
use super::looped::EndpointLoop;
use super::overflow::Overflow;
use super::placement::{Placement, Scheduling};
use super::queue;
use super::registry::Registry;
use super::running::Running;
use super::service::{AnyService, or_panicked};
use super::{acceptor, call};
use crate::handshake::{Address, Credentials, Refusal};
use crate::id::{CommandId, ServiceId};
use crate::sizes::Sizes;
use crate::statistics::{EndpointCounter, EndpointPage};
use crate::status::Status;
use crate::trace;

pub(super) type Policy = dyn Fn(&Credentials) -> Result<(), Refusal> + Send + Sync;
pub(super) type Admission = dyn Fn(&Call) -> Result<(), Duration> + Send + Sync;

/// A server's address with its services, before clients are served.
///
/// ```
/// use coroipc::{Address, Client, CommandId, Endpoint, Service, ServiceId};
///
/// let address = Address::abstract_name(format!("doc-endpoint-{}", std::process::id()));
/// let echo = Service::new(ServiceId::new(1), |_connection| Ok(()))
///     .command(CommandId::new(1), |_session, call| {
///         let payload = call.payload().to_vec();
///         call.reply(&payload);
///     });
/// let server = Endpoint::builder(address.clone()).service(echo).bind()?.spawn()?;
///
/// let client = Client::builder(address, ServiceId::new(1)).connect()?;
/// assert_eq!(client.call(CommandId::new(1), b"hello")?.to_vec(), b"hello");
///
/// server.shut_down(std::time::Duration::from_secs(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Endpoint {
    pub(super) shared: Arc<Shared>,
    pub(super) listener: Listener,
}

/// What all connections of an endpoint go by.
pub(super) struct Shared {
    pub(super) services: HashMap<ServiceId, Arc<dyn AnyService>>,
    pub(super) policies: Vec<Box<Policy>>,
    pub(super) admission: Option<Box<Admission>>,
    pub(super) least: Sizes,
    pub(super) most: Sizes,
    pub(super) ledger: Arc<Ledger>,
    pub(super) statistics: Arc<EndpointPage>,
    pub(super) greeting_time: Duration,
    pub(super) spin_limit: Duration,
    pub(super) stack_size: usize,
    pub(super) placement: Placement,
    pub(super) lock_memory: bool,
    pub(super) guard_against_own_user: bool,
    /// Whether connections are served from a loop of the application's.
    pub(super) looped: AtomicBool,
    /// A descriptor of this process, for clients to watch. It is made for the first client, since whoever listens may
    /// fork before it serves.
    pub(super) process: OnceLock<Option<OwnedFd>>,
    pub(super) registry: Registry,
}

impl Shared {
    pub(super) fn service(&self, id: ServiceId) -> Option<Arc<dyn AnyService>> {
        self.services.get(&id).cloned()
    }

    /// A descriptor of this process, if it can be had.
    pub(super) fn process(&self) -> Option<&OwnedFd> {
        self.process
            .get_or_init(crate::handshake::own_process)
            .as_ref()
    }

    /// What happens to the events of a service that a client is slow to read, where its ring has so many bytes.
    pub(super) fn events_of(
        &self,
        service: &dyn AnyService,
        ring: u32,
    ) -> (Overflow, queue::Limits) {
        let overflow = service.on_overflow().unwrap_or_else(|| {
            if self.looped.load(Ordering::Relaxed) {
                Overflow::Refuse
            } else {
                Overflow::Block
            }
        });
        let limits = service.queue().unwrap_or(match overflow {
            Overflow::DropOldest => queue::Limits {
                bytes: ring as usize,
                events: 1024,
            },
            _ => queue::Limits::NONE,
        });
        (overflow, limits)
    }

    /// Whether a client may connect.
    pub(super) fn permits(&self, client: &Credentials) -> Result<(), Refusal> {
        self.policies
            .iter()
            .try_for_each(|policy| or_panicked("the policy", || policy(client)))
    }

    /// A client, of a user if that is known, is refused: counts it, before it is told.
    pub(super) fn refused(&self, uid: Option<u32>, refusal: &Refusal) {
        self.statistics.refused(refusal.reason());
        trace::refused(uid, refusal);
    }

    /// A client is let in.
    pub(super) fn connected(&self, channel: &Channel, service: ServiceId) {
        self.statistics.count(EndpointCounter::Connected);
        trace::connected(channel.number, service, &channel.credentials);
    }

    /// The call, unless it is too late for it or there is too much to do. An error when deciding that panicked.
    #[inline]
    pub(super) fn admit(&self, call: Call) -> Result<Option<Call>, ()> {
        if call::is_late(&call) {
            call.turn_down(Status::Expired, 0);
            return Ok(None);
        }
        let Some(admission) = &self.admission else {
            return Ok(Some(call));
        };
        match catch_unwind(AssertUnwindSafe(|| admission(&call))) {
            Ok(Ok(())) => Ok(Some(call)),
            Ok(Err(retry_after)) => {
                call.overloaded(retry_after);
                Ok(None)
            }
            Err(_) => {
                call.turn_down(Status::Panicked, 0);
                Err(())
            }
        }
    }
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Two services have this number.
    #[error("{0} was added twice")]
    ServiceTwice(ServiceId),
    /// A service has two handlers for this command.
    #[error("{1} of {0} was added twice")]
    CommandTwice(ServiceId, CommandId),
    /// The service's events wait for room, [`Overflow::Block`](super::Overflow::Block), and so would the loop.
    #[error("{0} is served from a loop, which its events could block; give it another overflow")]
    BlocksLoop(ServiceId),
    /// The address cannot be listened on. A server may be there already.
    #[error("listening on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// Threads of this process may not be scheduled so. That takes `CAP_SYS_NICE`, or a limit of at least the priority.
    #[error(
        "running threads with {policy} at priority {priority}: {source}; the limit RLIMIT_RTPRIO is {most}; raise it (LimitRTPRIO= of systemd, ulimit -r), or ask for less"
    )]
    Schedule {
        /// How they were to be scheduled.
        policy: Scheduling,
        /// Their priority.
        priority: u8,
        /// The highest priority without a capability; 0 for none.
        most: u64,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// None of these processors is there, or may be used by this process.
    #[error("running threads on the processors {processors:?}: {source}")]
    Processors {
        /// Where they were to run.
        processors: Vec<usize>,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// A thread could not be started, or what it needs be made.
    #[error("starting to serve: {0}")]
    Start(#[source] std::io::Error),
}

impl Endpoint {
    /// An endpoint that listens on an address of its own.
    pub fn builder(address: Address) -> EndpointBuilder {
        EndpointBuilder::new(Ok(address))
    }

    /// An endpoint on a socket that listens already, as from a service manager or a predecessor. It must be of the
    /// kind `SOCK_SEQPACKET`.
    pub fn builder_on(socket: OwnedFd) -> EndpointBuilder {
        EndpointBuilder::new(Err(socket))
    }

    /// Serves clients from now on: one thread accepts them, and each gets a thread of its own.
    ///
    /// # Errors
    /// [`BindError::Start`] when the first thread cannot be had; [`BindError::Schedule`] and [`BindError::Processors`] when
    /// those of connections may not be as [`EndpointBuilder::schedule`] and [`EndpointBuilder::processors`] want them.
    pub fn spawn(self) -> Result<Running, BindError> {
        self.shared.placement.check()?;
        let start = |errno: Errno| BindError::Start(errno.into());
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).map_err(start)?);
        self.shared.statistics.begin().map_err(start)?;
        let (shared, theirs) = (self.shared.clone(), stop.clone());
        let acceptor = std::thread::Builder::new()
            .name("coroipc-accept".into())
            .spawn(move || acceptor::run(&self.shared, &self.listener, &theirs))
            .map_err(BindError::Start)?;
        Ok(Running::new(shared, stop, acceptor))
    }

    /// As [`Endpoint::spawn`], for as long as the process lives: it returns only if it cannot begin.
    ///
    /// # Errors
    /// Those of [`Endpoint::spawn`].
    pub fn serve(self) -> Result<(), BindError> {
        let _running = self.spawn()?;
        loop {
            std::thread::park();
        }
    }
}

impl Endpoint {
    /// Has clients served from a loop of the application's own.
    ///
    /// # Errors
    /// [`BindError::BlocksLoop`] when a service's events may wait for room; [`BindError::Start`] when what it needs
    /// cannot be made.
    pub fn into_loop(self) -> Result<EndpointLoop, BindError> {
        let Self { shared, listener } = self;
        let blocks =
            |service: &&Arc<dyn AnyService>| service.on_overflow() == Some(Overflow::Block);
        if let Some(service) = shared.services.values().find(blocks) {
            return Err(BindError::BlocksLoop(service.id()));
        }
        shared.looped.store(true, Ordering::Relaxed);
        let begun = shared.statistics.begin();
        begun
            .and_then(|()| EndpointLoop::new(shared, listener))
            .map_err(|errno| BindError::Start(errno.into()))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("services", &self.services.keys())
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
