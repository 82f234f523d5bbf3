// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a connection comes to be.
//!
//! ```text
//! client                                    server
//!   │ Hello: version, service, sizes, …         │
//!   ├──────────────────────────────────────────▶│  the kernel says who it is; the policy decides
//!   │ Welcome: sizes                            │
//!   │◀──────────────────────────────────────────┤  or Refused: reason, text
//!   │ Memory: the client's region, bells        │
//!   ├──────────────────────────────────────────▶│  checks it, then reserves its own; the connect hook decides
//!   │ Ready: the server's region, its process   │
//!   │◀──────────────────────────────────────────┤  or Refused
//! ```
//!
//! The socket is of the kind `SOCK_SEQPACKET`: a message arrives whole, with its descriptor. It stays open as the
//! connection's sign of life, and carries doorbells for poll loops and the reason of a disconnection.

mod address;
pub(crate) mod closer;
mod credentials;
pub(crate) mod descriptors;
pub(crate) mod outgoing;
mod process;
mod refusal;
pub(crate) mod socket;
pub(crate) mod wire;

pub use address::Address;
pub use credentials::Credentials;
pub(crate) use credentials::{is_process, own_process};
pub(crate) use refusal::micros;
pub use refusal::{Reason, Refusal};
