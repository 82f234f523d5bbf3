// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client's side: connecting, calling, receiving events.

mod call;
mod connect;
mod connecting;
pub(crate) mod core;
mod error;
mod events;
mod handle;
mod polled;
mod reach;
mod reconnecting;
mod request;
mod slots;

pub use call::{Pending, Reply};
pub use connect::ClientBuilder;
pub use connecting::{Connecting, Progress};
pub use error::{CallError, ConnectError, Disconnected};
pub use events::{EventRef, Events, FlowControl};
pub use handle::Client;
pub use reconnecting::{ReconnectError, Reconnecting};
pub use request::RequestRoom;
