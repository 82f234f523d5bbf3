// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the pages of another process.

use std::io;
use std::time::Duration;

use super::layout::{self, connection};
use super::{Counter, find, page};
use crate::id::ServiceId;
use crate::region::Peer;

/// The statistics of a connection at one moment. Counters that belong together may be one apart, since nobody waits while
/// they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    service: u64,
    client_pid: u64,
    client_uid: u64,
    connection: u64,
    started: u64,
    counters: Vec<u64>,
    latency: Vec<u64>,
}

impl Snapshot {
    /// The service that the client is connected to.
    pub fn service(&self) -> ServiceId {
        ServiceId::new(self.service as u16)
    }

    /// The client's process, as the kernel told the server.
    pub fn client_pid(&self) -> u32 {
        self.client_pid as u32
    }

    /// The client's user, as the kernel told the server.
    pub fn client_uid(&self) -> u32 {
        self.client_uid as u32
    }

    /// The number of the connection; see [`Connection::number`](crate::Connection::number).
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// When the client connected, on the monotonic clock.
    pub fn started(&self) -> Duration {
        Duration::from_nanos(self.started)
    }

    /// What a counter holds.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }

    /// How long requests took from being read to being answered: for each number *n* from 0, how many took less than
    /// 2^*n* nanoseconds and not less than half of that; the last one has all that took longer. One request of sixteen
    /// is timed.
    pub fn latency(&self) -> &[u64] {
        &self.latency
    }

    fn read(page: &Peer) -> Option<Self> {
        let get = |at| page.counter(at);
        if get(layout::AT_MAGIC) != connection::MAGIC
            || get(layout::AT_VERSION) != connection::VERSION
        {
            return None;
        }
        let counters = Counter::ALL.iter().map(|&it| get(connection::counter(it)));
        Some(Self {
            service: get(connection::SERVICE),
            client_pid: get(connection::CLIENT_PID),
            client_uid: get(connection::CLIENT_UID),
            connection: get(connection::CONNECTION),
            started: get(connection::STARTED),
            counters: counters.collect(),
            latency: (0..connection::BUCKETS)
                .map(|bucket| get(connection::bucket(bucket)))
                .collect(),
        })
    }
}

/// The statistics of all connections that a process serves, in no order. None if it serves none; of a process that
/// claims to serve more than 65,536, those of so many.
///
/// # Errors
/// When the descriptors of the process may not be looked at, or it does not exist.
pub fn of_process(pid: u32) -> io::Result<Vec<Snapshot>> {
    find::pages(pid, connection::NAME, page::shape(), Snapshot::read)
}
