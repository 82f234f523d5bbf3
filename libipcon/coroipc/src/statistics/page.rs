// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of a connection, as the server writes it.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::Counter;
use super::layout::{self, connection};
use crate::handshake::Credentials;
use crate::id::ServiceId;
use crate::region::{Own, Parts, Shape};
use crate::sync::Ordering;

/// The statistics of a connection. Any thread may count.
#[derive(Debug)]
pub(crate) struct Page {
    words: Own,
    /// So that others find it.
    _file: OwnedFd,
}

pub(super) fn shape() -> Shape {
    Shape {
        control: layout::BYTES,
        rooms: 0,
        room: 0,
        ring: 0,
    }
}

impl Page {
    pub(crate) fn create(
        service: ServiceId,
        client: &Credentials,
        connection: u64,
    ) -> Result<Self, Errno> {
        let Parts { words, file, .. } = Own::create(connection::NAME, shape())?;
        let put = |at, value| words.counter(at).store(value, Ordering::Relaxed);
        put(layout::AT_VERSION, connection::VERSION);
        put(connection::SERVICE, service.get().into());
        put(connection::CLIENT_PID, client.pid().into());
        put(connection::CLIENT_UID, client.uid().into());
        put(connection::CONNECTION, connection);
        put(connection::STARTED, crate::clock::now());
        // Last, so that whoever finds it finds the rest.
        words
            .counter(layout::AT_MAGIC)
            .store(connection::MAGIC, Ordering::Release);
        Ok(Self { words, _file: file })
    }

    #[inline]
    pub(crate) fn add(&self, counter: Counter, value: u64) {
        self.words
            .counter(connection::counter(counter))
            .fetch_add(value, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Says what something is now.
    #[inline]
    pub(crate) fn set(&self, counter: Counter, value: u64) {
        self.words
            .counter(connection::counter(counter))
            .store(value, Ordering::Relaxed);
    }

    /// Takes one from what goes up and down.
    #[inline]
    pub(crate) fn one_less(&self, counter: Counter) {
        self.words
            .counter(connection::counter(counter))
            .fetch_sub(1, Ordering::Relaxed);
    }

    /// Raises what only grows to a new most.
    #[inline]
    pub(crate) fn raise(&self, counter: Counter, value: u64) {
        let most = self.words.counter(connection::counter(counter));
        if most.load(Ordering::Relaxed) < value {
            most.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// Notes whether the ring of events is full, and counts if that is new.
    #[inline]
    pub(crate) fn flow_control(&self, on: bool) {
        let state = self
            .words
            .counter(connection::counter(Counter::FlowControl));
        if state.load(Ordering::Relaxed) != u64::from(on) {
            state.store(on.into(), Ordering::Relaxed);
            self.count(Counter::FlowControlCount);
        }
    }

    /// Notes how long a request took from being read to being answered.
    pub(crate) fn latency(&self, nanoseconds: u64) {
        let bucket = (u64::BITS - nanoseconds.leading_zeros()) as usize;
        let bucket = connection::bucket(bucket.min(connection::BUCKETS - 1));
        self.words.counter(bucket).fetch_add(1, Ordering::Relaxed);
    }
}
