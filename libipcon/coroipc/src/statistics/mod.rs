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
pub mod layout;
mod page;
mod read;

pub use counter::{Counter, EndpointCounter};
pub(crate) use endpoint::EndpointPage;
pub use endpoint::{EndpointSnapshot, endpoints_of_process};
pub(crate) use page::Page;
pub use read::{Snapshot, of_process};
