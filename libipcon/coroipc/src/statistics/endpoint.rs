// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of an endpoint: as the server writes it, and as others read it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::io::Errno;

use super::layout::{self, endpoint};
use super::page::shape;
use super::{EndpointCounter, find};
use crate::handshake::{Address, Reason};
use crate::region::{Own, Parts, Peer};
use crate::sync::{AtomicU64, Ordering};

/// The statistics of an endpoint. Any thread may count.
#[derive(Debug)]
pub(crate) struct EndpointPage {
    address: String,
    /// Nothing before [`EndpointPage::begin`], when there is nothing to count.
    begun: OnceLock<Begun>,
}

#[derive(Debug)]
struct Begun {
    words: Own,
    /// So that others find it.
    _file: OwnedFd,
    /// The process that serves: one that is forked from it has the page, but only a copy of what it counts.
    pid: u32,
}

impl EndpointPage {
    /// Of an endpoint at an address, if it has made its socket itself.
    pub(crate) fn new(address: Option<&Address>) -> Self {
        Self {
            address: address.map(Address::to_string).unwrap_or_default(),
            begun: OnceLock::new(),
        }
    }

    /// Makes the page, in the process that is going to serve: whoever listens may fork before that.
    pub(crate) fn begin(&self) -> Result<(), Errno> {
        let Parts { words, file, .. } = Own::create(endpoint::NAME, shape())?;
        let put = |at, value| words.counter(at).store(value, Ordering::Relaxed);
        put(layout::AT_VERSION, endpoint::VERSION);
        put(endpoint::STARTED, crate::clock::now());
        let address = self.address.as_bytes();
        let address = &address[..address.len().min(endpoint::ADDRESS_MOST)];
        for (word, bytes) in address.chunks(8).enumerate() {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            put(endpoint::ADDRESS + 8 * word, u64::from_ne_bytes(whole));
        }
        put(endpoint::ADDRESS_LEN, address.len() as u64);
        // Last, so that whoever finds it finds the rest.
        words
            .counter(layout::AT_MAGIC)
            .store(endpoint::MAGIC, Ordering::Release);
        let _ = self.begun.set(Begun {
            words,
            _file: file,
            pid: std::process::id(),
        });
        Ok(())
    }

    pub(crate) fn count(&self, counter: EndpointCounter) {
        if let Some(begun) = self.begun.get() {
            begun.word(counter).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A client was refused.
    pub(crate) fn refused(&self, reason: Reason) {
        self.count(EndpointCounter::refused(reason));
    }

    /// Says how many there are now, and the most that there ever were. One thread does so at a time.
    pub(crate) fn set(&self, now: EndpointCounter, most: EndpointCounter, value: usize) {
        if let Some(begun) = self.begun.get()
            && begun.pid == std::process::id()
        {
            begun.word(now).store(value as u64, Ordering::Relaxed);
            begun.word(most).fetch_max(value as u64, Ordering::Relaxed);
        }
    }
}

impl Begun {
    fn word(&self, counter: EndpointCounter) -> &AtomicU64 {
        self.words.counter(endpoint::counter(counter))
    }
}

/// The statistics of an endpoint at one moment. Counters that belong together may be one apart, since nobody waits while
/// they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSnapshot {
    address: String,
    started: u64,
    counters: Vec<u64>,
}

impl EndpointSnapshot {
    /// Where it listens, as [`Address`] is shown; empty if it was given a socket. It is what the process says of itself,
    /// and may have any characters.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// When it began to serve, on the monotonic clock.
    pub fn started(&self) -> Duration {
        Duration::from_nanos(self.started)
    }

    /// What a counter holds.
    pub fn get(&self, counter: EndpointCounter) -> u64 {
        self.counters[counter as usize]
    }

    /// How many clients were refused for this reason. A number that goes with the reason makes no difference.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.get(EndpointCounter::refused(reason))
    }

    fn read(page: &Peer) -> Option<Self> {
        let get = |at| page.counter(at);
        if get(layout::AT_MAGIC) != endpoint::MAGIC || get(layout::AT_VERSION) != endpoint::VERSION
        {
            return None;
        }
        let len = usize::try_from(get(endpoint::ADDRESS_LEN)).ok()?;
        let len = len.min(endpoint::ADDRESS_MOST);
        let mut address: Vec<u8> = (0..len.div_ceil(8))
            .flat_map(|word| get(endpoint::ADDRESS + 8 * word).to_ne_bytes())
            .collect();
        address.truncate(len);
        Some(Self {
            address: String::from_utf8_lossy(&address).into_owned(),
            started: get(endpoint::STARTED),
            counters: EndpointCounter::ALL
                .iter()
                .map(|&it| get(endpoint::counter(it)))
                .collect(),
        })
    }
}

/// The statistics of all endpoints that a process has, in no order. None if it has none; of a process that claims to have
/// more than 65,536, those of so many.
///
/// ```
/// use coroipc::statistics::{EndpointCounter, endpoints_of_process};
/// use coroipc::{Address, Client, Endpoint, Reason, ServiceId};
///
/// let address = Address::abstract_name(format!("doc-endpoints-{}", std::process::id()));
/// let _server = Endpoint::builder(address.clone()).bind()?.spawn()?;
/// Client::builder(address, ServiceId::new(1)).connect().unwrap_err();
///
/// let endpoints = endpoints_of_process(std::process::id())?;
/// assert_eq!(endpoints[0].refused(Reason::NoSuchService), 1);
/// assert_eq!(endpoints[0].get(EndpointCounter::Accepted), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the descriptors of the process may not be looked at, or it does not exist.
pub fn endpoints_of_process(pid: u32) -> io::Result<Vec<EndpointSnapshot>> {
    find::pages(pid, endpoint::NAME, shape(), EndpointSnapshot::read)
}
