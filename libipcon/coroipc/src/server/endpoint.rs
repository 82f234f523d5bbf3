// SPDX-License-Identifier: MIT OR Apache-2.0
//! An endpoint: an address, services, and rules.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::call::Call;
use super::channel::Channel;
use super::connection::Connection;
use super::ledger::{self, Ledger};
use super::listener::Listener;
use super::looped::EndpointLoop;
use super::overflow::Overflow;
use super::placement::{Placement, Scheduling};
use super::queue;
use super::registry::Registry;
use super::service::{AnyService, Service, or_panicked};
use super::{acceptor, call};
use crate::handshake::{Address, Credentials, Refusal};
use crate::id::{CommandId, ServiceId};
use crate::sizes::Sizes;
use crate::statistics::{EndpointCounter, EndpointPage};
use crate::status::Status;
use crate::trace;

type Policy = dyn Fn(&Credentials) -> Result<(), Refusal> + Send + Sync;
type Admission = dyn Fn(&Call) -> Result<(), Duration> + Send + Sync;

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
    shared: Arc<Shared>,
    listener: Listener,
}

/// What all connections of an endpoint go by.
pub(super) struct Shared {
    services: HashMap<ServiceId, Arc<dyn AnyService>>,
    policies: Vec<Box<Policy>>,
    admission: Option<Box<Admission>>,
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
    process: OnceLock<Option<OwnedFd>>,
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

/// Collects what makes an [`Endpoint`].
pub struct EndpointBuilder {
    address: Result<Address, OwnedFd>,
    services: Vec<Arc<dyn AnyService>>,
    policies: Vec<Box<Policy>>,
    admission: Option<Box<Admission>>,
    least: Sizes,
    most: Sizes,
    all: ledger::Limits,
    each: ledger::Limits,
    greeting_time: Duration,
    spin_limit: Duration,
    stack_size: usize,
    placement: Placement,
    lock_memory: bool,
    guard_against_own_user: bool,
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
        Ok(Running {
            shared,
            stop,
            acceptor: Some(acceptor),
            pid: std::process::id(),
        })
    }

    /// As [`Endpoint::spawn`], for as long as the process lives: it returns only if it cannot begin.
    ///
    /// # Errors
    /// [`BindError::Start`] when the first thread cannot be had.
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

impl EndpointBuilder {
    fn new(address: Result<Address, OwnedFd>) -> Self {
        Self {
            address,
            services: Vec::new(),
            policies: Vec::new(),
            admission: None,
            least: Sizes::MIN,
            most: Sizes {
                slots: 64,
                request: 1 << 20,
                reply: 1 << 20,
                events: 4 << 20,
                large: 64 << 20,
            },
            all: ledger::Limits {
                connections: 4096,
                memory: 4 << 30,
            },
            each: ledger::Limits {
                connections: 1024,
                memory: 1 << 30,
            },
            greeting_time: Duration::from_secs(2),
            spin_limit: crate::SPIN_LIMIT,
            stack_size: 512 << 10,
            placement: Placement::default(),
            lock_memory: false,
            guard_against_own_user: false,
        }
    }

    /// Adds a service. Each has a number of its own.
    #[must_use]
    pub fn service<S: Send + 'static, I: 'static>(mut self, service: Service<S, I>) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Decides who may connect, by what the kernel says of a client. It runs in the thread that accepts, so it must not
    /// wait. Of several policies all must let it pass. A client at which one panics is refused. Without any everybody may,
    /// whom the address lets through.
    #[must_use]
    pub fn policy(
        mut self,
        policy: impl Fn(&Credentials) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.policies.push(Box::new(policy));
        self
    }

    /// Decides about each call before its handler runs: an error turns it down as overloaded, and is the time after
    /// which the client may try again. [`RateLimit`](super::RateLimit) makes one.
    #[must_use]
    pub fn admission(
        mut self,
        admission: impl Fn(&Call) -> Result<(), Duration> + Send + Sync + 'static,
    ) -> Self {
        self.admission = Some(Box::new(admission));
        self
    }

    /// Bounds of what a client gets: at least this, at most that. The default is from [`Sizes::MIN`] to 64 slots of 1
    /// MiB each way, 4 MiB of events, and 64 MiB of what is longer than a slot.
    #[must_use]
    pub fn sizes(mut self, least: Sizes, most: Sizes) -> Self {
        (self.least, self.most) = (least, most);
        self
    }

    /// How many connections there may be; the default is 4096. Others are refused as overloaded. A client counts
    /// from being accepted until it is gone and no [`Connection`] and no [`Call`] of it is kept any more.
    #[must_use]
    pub fn most_connections(mut self, most: usize) -> Self {
        self.all.connections = most;
        self
    }

    /// Bytes that all connections together may have, both sides' memory as in [`Sizes`]; the default is 4 GiB. Others are
    /// refused as overloaded.
    #[must_use]
    pub fn most_memory(mut self, bytes: usize) -> Self {
        self.all.memory = bytes;
        self
    }

    /// How many connections one user may have, and how many bytes they, as in [`EndpointBuilder::most_memory`]; the
    /// default is 1024, and 1 GiB. Others of that user are refused as overloaded.
    #[must_use]
    pub fn most_of_one_user(mut self, connections: usize, bytes: usize) -> Self {
        self.each = ledger::Limits {
            connections,
            memory: bytes,
        };
        self
    }

    /// How long a client may take to say what it wants; the default is 2 s.
    #[must_use]
    pub fn greeting_time(mut self, time: Duration) -> Self {
        self.greeting_time = time;
        self
    }

    /// How long a thread spins at most before it sleeps; the default is 50 µs. It spins only while that has paid lately
    /// and the client runs on another processor. Zero: it never does.
    #[must_use]
    pub fn spin_limit(mut self, limit: Duration) -> Self {
        self.spin_limit = limit;
        self
    }

    /// Bytes of stack for the thread of each connection; the default is 512 KiB.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// Has the threads of connections run with real-time scheduling, at a priority from 1 to 99; what handlers start does
    /// not inherit it. The default is how the thread runs that calls [`Endpoint::spawn`]. In a loop it means nothing, since
    /// the loop's thread is the application's.
    ///
    /// A handler that never sleeps then keeps all else from its processor, but for what the kernel leaves to others
    /// (`sched_rt_runtime_us`).
    #[must_use]
    pub fn schedule(mut self, policy: Scheduling, priority: u8) -> Self {
        self.placement.schedule = Some((policy, priority));
        self
    }

    /// Has the threads of connections run on these processors only, by their numbers from 0 on. The default, and what an
    /// empty list means, are those of the thread that calls [`Endpoint::spawn`]. In a loop it means nothing.
    #[must_use]
    pub fn processors(mut self, processors: &[usize]) -> Self {
        self.placement.processors = processors.into();
        self
    }

    /// Whether the server's regions and the pages of bells are kept in memory (`mlock`), so that no thread ever waits for a
    /// page of these. Clients are refused where the limit does not allow it.
    #[must_use]
    pub fn lock_memory(mut self, lock: bool) -> Self {
        self.lock_memory = lock;
        self
    }

    /// Whether clients of this process's own user, and of the superuser, are guarded against as all others are: so that
    /// nothing they do keeps a thread asleep after the connection ended. That costs a few tenths of a microsecond each time
    /// that a thread sleeps, and is left out by default, since such a client could as well end this process. It is for clients
    /// that are confined in other ways.
    #[must_use]
    pub fn guard_against_own_user(mut self, guard: bool) -> Self {
        self.guard_against_own_user = guard;
        self
    }

    /// Listens. Clients can connect from here on, and wait until they are served.
    ///
    /// # Errors
    /// [`BindError`] tells which part is wrong.
    pub fn bind(self) -> Result<Endpoint, BindError> {
        let mut services = HashMap::new();
        for service in self.services {
            let id = service.id();
            if let Some(command) = service.twice() {
                return Err(BindError::CommandTwice(id, command));
            }
            if services.insert(id, service).is_some() {
                return Err(BindError::ServiceTwice(id));
            }
        }
        let statistics = Arc::new(EndpointPage::new(self.address.as_ref().ok()));
        let (listener, address) = match self.address {
            Ok(address) => (Listener::bind(&address), address.to_string()),
            Err(socket) => (Listener::of(socket), "the given socket".into()),
        };
        let listener = listener.map_err(|errno| BindError::Listen {
            address,
            source: errno.into(),
        })?;
        let shared = Arc::new(Shared {
            services,
            policies: self.policies,
            admission: self.admission,
            least: self.least,
            most: self.most,
            ledger: Ledger::new(self.all, self.each, statistics.clone()),
            statistics,
            greeting_time: self.greeting_time,
            spin_limit: self.spin_limit,
            stack_size: self.stack_size,
            placement: self.placement,
            lock_memory: self.lock_memory,
            guard_against_own_user: self.guard_against_own_user,
            looped: AtomicBool::new(false),
            process: OnceLock::new(),
            registry: Registry::default(),
        });
        Ok(Endpoint { shared, listener })
    }
}

/// An endpoint that is being served by threads. Dropping it shuts it down at once.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    stop: Arc<OwnedFd>,
    acceptor: Option<JoinHandle<()>>,
    pid: u32,
}

impl Running {
    /// Those who are connected now.
    pub fn connections(&self) -> Vec<Connection> {
        let channels = self.shared.registry.all();
        channels.into_iter().map(Connection::new).collect()
    }

    /// Accepts nobody any more, ends each connection once its calls are answered, all of them after `grace`, and
    /// returns when the threads of all connections have ended. Clients are told.
    pub fn shut_down(mut self, grace: Duration) {
        self.stop(grace);
    }

    fn stop(&mut self, grace: Duration) {
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        // The threads of a process are not in one that was forked from it.
        if self.pid != std::process::id() {
            return;
        }
        let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes());
        let _ = acceptor.join();
        self.shared.registry.end(crate::clock::after(grace));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
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

impl fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointBuilder")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
