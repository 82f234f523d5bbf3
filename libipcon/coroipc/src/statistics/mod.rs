// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has happened on each connection and at each endpoint, in pages that others can read without asking the server.
//!
//! The server writes a page for each connection, in an anonymous file named `coroipc-stats`, and one for each endpoint,
//! named `coroipc-endpoint`. Whoever may look at the server's descriptors, which is its own user and those with more
//! rights, finds them below `/proc/PID/fd` and can map them for reading, but for nothing else. [`of_process`] and
//! [`endpoints_of_process`] do that.

mod counter;
mod endpoint;
mod find;
mod page;
mod read;

pub use counter::{Counter, EndpointCounter};
pub(crate) use endpoint::EndpointPage;
pub use endpoint::{EndpointSnapshot, endpoints_of_process};
pub(crate) use page::Page;
pub use read::{Snapshot, of_process};

/// Where in the page each thing is. `docs/coroipc.md` has it as a table.
mod layout {
    use super::counter::Counter;

    /// `cipcstat`, and the version of this layout.
    pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"cipcstat");
    pub(super) const VERSION: u64 = 1;

    pub(super) const AT_MAGIC: usize = 0;
    pub(super) const AT_VERSION: usize = 8;
    pub(super) const SERVICE: usize = 16;
    pub(super) const CLIENT_PID: usize = 24;
    pub(super) const CLIENT_UID: usize = 32;
    pub(super) const CONNECTION: usize = 40;
    pub(super) const STARTED: usize = 48;

    pub(super) const fn counter(counter: Counter) -> usize {
        64 + 8 * counter as usize
    }

    /// Counts by latency: bucket *n* is for less than 2^*n* nanoseconds and not less than half of that.
    pub(super) const BUCKETS: usize = 40;
    pub(super) const fn bucket(bucket: usize) -> usize {
        1024 + 8 * bucket
    }

    pub(super) const BYTES: usize = 4096;
}
