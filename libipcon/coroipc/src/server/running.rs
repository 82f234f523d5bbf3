// SPDX-License-Identifier: MIT OR Apache-2.0
//! An endpoint that is served by threads.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::connection::Connection;
use super::endpoint::Shared;

/// An endpoint that is being served by threads. Dropping it shuts it down at once.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    stop: Arc<OwnedFd>,
    acceptor: Option<JoinHandle<()>>,
    pid: u32,
}

impl Running {
    pub(super) fn new(shared: Arc<Shared>, stop: Arc<OwnedFd>, acceptor: JoinHandle<()>) -> Self {
        Self {
            shared,
            stop,
            acceptor: Some(acceptor),
            pid: std::process::id(),
        }
    }

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
