// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an interface is. [`interface!`](crate::interface) makes all of it.

use std::fmt::Debug;

use super::payload::{Malformed, Payload};
use crate::id::{CommandId, ServiceId};
use crate::region::Bytes;

/// An interface: a service with commands and events.
pub trait Interface: 'static {
    /// Any of its events, received.
    type Event: Debug + Send + 'static;

    /// Its name.
    const NAME: &'static str;
    /// The service.
    const SERVICE: ServiceId;
    /// Its version, to be changed when the meaning of something changes.
    const VERSION: u32;
    /// What both sides must have in common. It goes to the server when a client connects.
    const FINGERPRINT: u64;

    /// An event, from its number and a copy of its payload.
    ///
    /// # Errors
    /// [`Malformed`] says why it is none of the interface's.
    fn event(number: u16, payload: Bytes<'_>) -> Result<Self::Event, Malformed>;
}

/// A command of an interface.
pub trait Command: 'static {
    /// Its interface.
    type Interface: Interface;
    /// What it takes.
    type Request: Payload + ?Sized;
    /// What it is answered with.
    type Reply: Payload + ?Sized;

    /// Its name.
    const NAME: &'static str;
    /// Its number.
    const ID: CommandId;
}

/// An event of an interface.
pub trait Event: 'static {
    /// Its interface.
    type Interface: Interface;
    /// What it carries.
    type Payload: Payload + ?Sized;

    /// Its name.
    const NAME: &'static str;
    /// Its number. As 16 bits in the machine's own order it comes before the payload.
    const NUMBER: u16;
}
