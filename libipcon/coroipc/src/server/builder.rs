// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an endpoint is made of.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::call::Call;
use super::endpoint::{Admission, BindError, Endpoint, Policy, Shared};
use super::ledger::{self, Ledger};
use super::listener::Listener;
use super::placement::{Placement, Scheduling};
use super::registry::Registry;
use super::service::{AnyService, Service};
use crate::handshake::{Address, Credentials, Refusal};
use crate::sizes::Sizes;
use crate::statistics::EndpointPage;

/// Descriptors of a connection: its socket, the client's process, the page of statistics.
const DESCRIPTORS: usize = 3;

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
    /// Whether the application has said how many connections there may be, of all and of one user.
    chosen: (bool, bool),
    greeting_time: Duration,
    spin_limit: Duration,
    stack_size: usize,
    placement: Placement,
    lock_memory: bool,
    guard_against_own_user: bool,
}

impl EndpointBuilder {
    pub(super) fn new(address: Result<Address, OwnedFd>) -> Self {
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
            chosen: (false, false),
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

    /// How many connections there may be; the default is 4096, or as many as leave this process a quarter of the descriptors
    /// that it may have when it binds (`RLIMIT_NOFILE`), three for each and those of one message. Others are refused as
    /// overloaded. A client counts from being accepted until it is gone and no [`Connection`](super::Connection) and no
    /// [`Call`] of it is kept any more.
    #[must_use]
    pub fn most_connections(mut self, most: usize) -> Self {
        self.all.connections = most;
        self.chosen.0 = true;
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
    /// default is 1024, or a quarter of what [`EndpointBuilder::most_connections`] is by default, and 1 GiB. Others of that user are refused as overloaded.
    #[must_use]
    pub fn most_of_one_user(mut self, connections: usize, bytes: usize) -> Self {
        self.each = ledger::Limits {
            connections,
            memory: bytes,
        };
        self.chosen.1 = true;
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

    /// Lets in no more than this process may have descriptors for, where the application has not said how many.
    fn heed_limit_of_descriptors(&mut self) {
        let Some(limit) = getrlimit(Resource::Nofile).current else {
            return;
        };
        let attached = self.services.iter().map(|it| it.descriptors()).max();
        let of_one =
            DESCRIPTORS + attached.unwrap_or(0) as usize + usize::from(self.most.large != 0);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let all = ((limit - limit / 4) / of_one).max(1);
        if !self.chosen.0 {
            self.all.connections = self.all.connections.min(all);
        }
        if !self.chosen.1 {
            self.each.connections = self.each.connections.min((all / 4).max(1));
        }
    }

    /// Listens. Clients can connect from here on, and wait until they are served.
    ///
    /// # Errors
    /// [`BindError`] tells which part is wrong.
    pub fn bind(mut self) -> Result<Endpoint, BindError> {
        self.heed_limit_of_descriptors();
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

impl fmt::Debug for EndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointBuilder")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
