// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients and endpoints for programs that run on tokio.
//!
//! The futures themselves are of no runtime: they leave wakers with the connection. One task of each connection waits for
//! its socket, and has whoever was rung for woken.

mod call;
mod client;
mod descriptor;
mod endpoint;
mod events;

pub use call::{AsyncPending, AsyncRoom};
pub use client::AsyncClient;
pub use endpoint::AsyncEndpoint;
pub use events::AsyncEvents;
