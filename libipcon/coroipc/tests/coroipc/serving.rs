// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both ways to serve, behind one face: what a client may expect does not depend on which it is.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use coroipc::{
    Address, Connection, Endpoint, EndpointBuilder, EndpointLoop, Overflow, Running, Service,
};
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::world::service;

/// How a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    /// [`Endpoint::spawn`]: a thread for each connection.
    Threads,
    /// [`Endpoint::into_loop`]: one loop for all.
    Loop,
}

/// A test that is run for both, by its name.
pub(crate) type ServedCase = (&'static str, fn(Serving));

/// A [`ServedCase`] of each function.
macro_rules! served_cases {
    ($($body:ident),+ $(,)?) => {
        vec![$((stringify!($body), $body as fn(Serving))),+]
    };
}
pub(crate) use served_cases;

impl Serving {
    pub(crate) const BOTH: [Self; 2] = [Self::Threads, Self::Loop];

    /// Its name, in the names of tests and as the argument of another process.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Loop => "loop",
        }
    }

    /// The one with this name.
    pub(crate) fn named(name: &str) -> Self {
        let mut both = Self::BOTH.into_iter();
        both.find(|it| it.name() == name).unwrap()
    }

    pub(crate) fn serve(self, builder: EndpointBuilder) -> Server {
        let endpoint = builder.bind().unwrap();
        match self {
            Self::Threads => Server::Threads(endpoint.spawn().unwrap()),
            Self::Loop => Server::Loop(Looped::new(endpoint.into_loop().unwrap())),
        }
    }

    /// A server of [`service`], all of whose events arrive.
    pub(crate) fn server(self, address: &Address) -> Server {
        self.serve(Endpoint::builder(address.clone()).service(self.patient(service())))
    }

    /// The service, so that no event of a test is refused: a thread waits for room, for a loop they wait in a queue.
    pub(crate) fn patient<S: Send + 'static>(self, service: Service<S>) -> Service<S> {
        match self {
            Self::Threads => service,
            Self::Loop => service.event_queue(64 << 20, 1 << 20),
        }
    }

    /// What can become of events that there is no room for.
    pub(crate) fn overflows(self) -> Vec<Overflow> {
        let mut all = vec![
            Overflow::Refuse,
            Overflow::DropOldest,
            Overflow::DropNewest,
            Overflow::Disconnect,
        ];
        if self == Self::Threads {
            all.push(Overflow::Block);
        }
        all
    }
}

/// A server, however it serves. Dropping it shuts it down at once.
pub(crate) enum Server {
    Threads(Running),
    Loop(Looped),
}

impl Server {
    pub(crate) fn connections(&self) -> Vec<Connection> {
        match self {
            Self::Threads(running) => running.connections(),
            Self::Loop(looped) => looped.connections(),
        }
    }

    /// Shuts down; a loop does so at once.
    pub(crate) fn shut_down(self, grace: Duration) {
        if let Self::Threads(running) = self {
            running.shut_down(grace);
        }
    }
}

/// A thread with a loop of the plainest kind.
pub(crate) struct Looped {
    server: Arc<Mutex<Option<EndpointLoop>>>,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Looped {
    fn new(server: EndpointLoop) -> Self {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        // Polled without the lock, so that others can look at the connections meanwhile.
        let descriptor = server.as_fd().try_clone_to_owned().unwrap();
        let server = Arc::new(Mutex::new(Some(server)));
        let (served, stopped) = (server.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            loop {
                let mut fds = [
                    PollFd::new(&descriptor, PollFlags::IN),
                    PollFd::new(&*stopped, PollFlags::IN),
                ];
                poll(&mut fds, None).unwrap();
                let stops = !fds[1].revents().is_empty();
                let mut served = served.lock();
                if stops {
                    *served = None;
                    return;
                }
                served.as_mut().unwrap().dispatch().unwrap();
            }
        });
        Self {
            server,
            stop,
            thread: Some(thread),
        }
    }

    fn connections(&self) -> Vec<Connection> {
        self.server.lock().as_ref().unwrap().connections()
    }
}

impl Drop for Looped {
    fn drop(&mut self) {
        rustix::io::write(&*self.stop, &1u64.to_ne_bytes()).unwrap();
        let ended = self.thread.take().unwrap().join();
        // A test that fails already is not to abort.
        assert!(ended.is_ok() || std::thread::panicking(), "the loop failed");
    }
}
