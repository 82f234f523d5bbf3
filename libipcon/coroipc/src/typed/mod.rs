// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests, replies and events that have types, and interfaces that both sides are built from.
//!
//! An interface is declared once, by [`interface!`](crate::interface), usually in a file or a crate that both sides use.
//! It has the types of all payloads, the commands and the events:
//!
//! ```
//! use std::time::Duration;
//!
//! use coroipc::typed::Responder;
//! use coroipc::{Address, Client, Endpoint, Session};
//!
//! coroipc::interface! {
//!     /// Sums up, for each connection from 0 on.
//!     pub mod adder = service 7, version 1;
//!
//!     types {
//!         /// What to add.
//!         struct Term { number: u64 }
//!         /// All that was added so far.
//!         struct Sum { total: u64 }
//!     }
//!     commands {
//!         /// Adds a term.
//!         add(Term) -> Sum = 1;
//!         /// Adds many.
//!         add_all([u64]) -> Sum = 2;
//!     }
//!     events {
//!         /// The sum has passed 10.
//!         Passed(Sum) = 1;
//!     }
//! }
//! use adder::{Sum, Term};
//!
//! struct Adder;
//!
//! impl adder::Server for Adder {
//!     type State = u64;
//!
//!     fn add(&self, session: &mut Session<u64>, term: Term, reply: Responder<Sum>) {
//!         self.add_all(session, vec![term.number], reply);
//!     }
//!
//!     fn add_all(&self, session: &mut Session<u64>, terms: Vec<u64>, reply: Responder<Sum>) {
//!         let before = session.state;
//!         session.state = terms.into_iter().fold(before, u64::saturating_add);
//!         let sum = Sum { total: session.state };
//!         if (before..sum.total).contains(&10) {
//!             let _ = session.connection().send::<adder::events::Passed>(&sum);
//!         }
//!         reply.send(&sum);
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let address = Address::abstract_name(format!("adder-{}", std::process::id()));
//! let server = Endpoint::builder(address.clone())
//!     .service(adder::service(Adder, |_connection| Ok(0)))
//!     .bind()?
//!     .spawn()?;
//!
//! // Usually in another process.
//! let adder = Client::builder(address, adder::SERVICE).connect_as::<adder::Client>()?;
//! assert_eq!(adder.add(&Term { number: 7 })?, Sum { total: 7 });
//! assert_eq!(adder.add_all(&[1, 2, 3])?.total, 13);
//! let mut events = adder.events().ok_or("without events")?;
//! let event = events.next(None)?.ok_or("no event")?;
//! assert_eq!(event, adder::Event::Passed(Sum { total: 13 }));
//! # drop(adder);
//! server.shut_down(Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```
//!
//! # What a payload may be
//!
//! A [`Plain`] value, a slice `[T]` of such, or one followed by a slice, [`WithTail`]. How each is given and got:
//!
//! | declared | sent | received |
//! |---|---|---|
//! | `T`, of any plain type | `&T` | `T` |
//! | `[T]` | `&[T]` | `Vec<T>` |
//! | `WithTail<T, U>` | `(&T, &[U])` | `(T, Vec<U>)` |
//! | `()` | `&()` | `()` |
//!
//! Plain data is what the traits of the crate `zerocopy` say it is. Its `IntoBytes` holds for types without padding
//! only, so that a message never has bytes that nobody wrote: what a process had in its memory before does not leak.
//! Its `TryFromBytes` knows which bytes are a value. What comes from the other process is copied out of the shared memory
//! first, and the copy is checked: a wrong length, or bytes that are no value of the type, are answered by
//! [`CallError::InvalidRequest`](crate::CallError::InvalidRequest), and the handler does not see them; in a reply or an
//! event they are [`Malformed`]. A payload that is not of its type does not end the connection.
//!
//! # What is checked, and when
//!
//! When it is compiled: that each command has a handler and no other has one, and that no two have the same number.
//! When a client connects: that both sides have the same [`Interface::FINGERPRINT`], which is made from the number of the
//! service, the version, all names and numbers, and the layout of all types down to the names of their fields. Otherwise the client is
//! refused, with [`Reason::Interface`](crate::Reason::Interface). It guards against mistakes, not against enemies. What
//! it cannot see is a change of meaning: that takes another version.
//!
//! ```compile_fail,E0046
//! # use coroipc::{Session, typed::Responder};
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     commands { on(()) -> () = 1; off(()) -> () = 2; }
//! }
//! struct Lamp;
//! // A command without a handler.
//! impl lamp::Server for Lamp {
//!     type State = ();
//!     fn on(&self, _: &mut Session<()>, _: (), reply: Responder<()>) { reply.send(&()) }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail,E0407
//! # use coroipc::{Session, typed::Responder};
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     commands { on(()) -> () = 1; }
//! }
//! struct Lamp;
//! impl lamp::Server for Lamp {
//!     type State = ();
//!     fn on(&self, _: &mut Session<()>, _: (), reply: Responder<()>) { reply.send(&()) }
//!     // A handler without a command.
//!     fn blink(&self, _: &mut Session<()>, _: (), reply: Responder<()>) { reply.send(&()) }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail,E0599
//! # use coroipc::{CommandId, Session, typed::Responder};
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     commands { on(()) -> () = 1; }
//! }
//! # struct Lamp;
//! # impl lamp::Server for Lamp {
//! #     type State = ();
//! #     fn on(&self, _: &mut Session<()>, _: (), reply: Responder<()>) { reply.send(&()) }
//! # }
//! # fn main() {
//! // Neither can one be added to the service.
//! lamp::service(Lamp, |_| Ok(())).command(CommandId::new(2), |_, call| call.reply(b""));
//! # }
//! ```
//!
//! ```compile_fail,E0081
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     // discriminant value `1` assigned more than once
//!     commands { on(()) -> () = 1; off(()) -> () = 1; }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail,E0081
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     events { On(()) = 1; Off(()) = 1; }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     // There is no command 65536.
//!     commands { on(()) -> () = 65536; }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail,E0277
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     // Seven bytes of padding.
//!     types { struct Light { on: bool, level: u64 } }
//!     commands { set(Light) -> () = 1; }
//! }
//! # fn main() {}
//! ```
//!
//! ```compile_fail,E0277
//! coroipc::interface! {
//!     pub mod lamp = service 1, version 1;
//!     // No plain data.
//!     commands { name(String) -> () = 1; }
//! }
//! # fn main() {}
//! ```

mod call;
mod client;
mod events;
mod fingerprint;
mod interface;
mod macros;
mod payload;
mod plain;
mod server;

pub use call::{Pending, Reply};
pub use client::{Client, Stub};
pub use events::{Events, ReceiveError};
pub use fingerprint::Fingerprint;
pub use interface::{Command, Event, Interface};
pub use payload::{Malformed, Payload, Received, Sent, WithTail};
pub use plain::Plain;
pub use server::Responder;
