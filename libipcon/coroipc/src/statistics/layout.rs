// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where in the pages each thing is: numbers of 64 bits in the machine's own order, at these bytes. `docs/coroipc.md` has
//! it as a table.
//!
//! It is for those who find pages in a way of their own, and have to tell each page from all others; others have
//! [`of_process`](super::of_process) and [`endpoints_of_process`](super::endpoints_of_process).

/// Bytes of a page of either kind.
pub const BYTES: usize = 4096;
/// What kind of page it is.
pub const AT_MAGIC: usize = 0;
/// The version of the layout of that kind.
pub const AT_VERSION: usize = 8;

/// The page of a connection.
pub mod connection {
    use crate::statistics::Counter;

    /// The name of its file.
    pub const NAME: &str = "coroipc-stats";
    /// `cipcstat`.
    pub const MAGIC: u64 = u64::from_ne_bytes(*b"cipcstat");
    /// The version of this layout.
    pub const VERSION: u64 = 1;

    /// The service.
    pub const SERVICE: usize = 16;
    /// The client's process, as the server sees it.
    pub const CLIENT_PID: usize = 24;
    /// The client's user, as the server sees it.
    pub const CLIENT_UID: usize = 32;
    /// The number of the connection; the first is 1.
    pub const CONNECTION: usize = 40;
    /// When it began, in nanoseconds of the monotonic clock.
    pub const STARTED: usize = 48;

    /// What was counted.
    #[must_use]
    pub const fn counter(counter: Counter) -> usize {
        64 + 8 * counter as usize
    }

    /// Counts by latency: bucket *n* is for less than 2^*n* nanoseconds and not less than half of that.
    pub const BUCKETS: usize = 40;

    /// A bucket of [`BUCKETS`].
    #[must_use]
    pub const fn bucket(bucket: usize) -> usize {
        1024 + 8 * bucket
    }
}

/// The page of an endpoint.
pub mod endpoint {
    use crate::statistics::EndpointCounter;

    /// The name of its file.
    pub const NAME: &str = "coroipc-endpoint";
    /// `cipcends`.
    pub const MAGIC: u64 = u64::from_ne_bytes(*b"cipcends");
    /// The version of this layout.
    pub const VERSION: u64 = 1;

    /// When it began to serve, in nanoseconds of the monotonic clock.
    pub const STARTED: usize = 16;
    /// Bytes of the address.
    pub const ADDRESS_LEN: usize = 24;
    /// The address.
    pub const ADDRESS: usize = 32;
    /// The most bytes of the address that are there.
    pub const ADDRESS_MOST: usize = 480;

    /// What was counted.
    #[must_use]
    pub const fn counter(counter: EndpointCounter) -> usize {
        512 + 8 * counter as usize
    }
}
