// SPDX-License-Identifier: MIT OR Apache-2.0
//! Client library of ipcon, packet IPC between the processes of one network namespace.
//!
//! A [`Peer`] is a connection point on the bus, known by its [`Port`]. It may register *services*, names under
//! which others find its port; it sends messages to other peers, and receives theirs:
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> libipcon::Result<()> {
//! let server = libipcon::Peer::connect()?;
//! server.register_service("clock")?;
//!
//! let client = libipcon::Peer::connect()?;
//! let clock = client.wait_for_service("clock", Instant::now() + Duration::from_secs(5))?;
//! client.send(clock, b"what time is it?")?;
//!
//! let question = server.recv()?;
//! if let libipcon::Origin::Peer(asker) = question.origin {
//!     server.send(asker, b"tea time")?;
//! }
//! assert_eq!(client.recv()?.data, b"tea time");
//! # Ok(())
//! # }
//! ```
//!
//! A *group* is a channel that one peer owns and sends to, and everybody may join. Who joins late can have the
//! last message first:
//!
//! ```no_run
//! use libipcon::{Peer, Replay};
//!
//! # fn main() -> libipcon::Result<()> {
//! let publisher = Peer::connect()?;
//! publisher.register_group("usb")?;
//! publisher.multicast("usb", b"stick inserted")?;
//!
//! let subscriber = Peer::connect()?;
//! subscriber.join_group("usb", Replay::Last)?;
//! let message = subscriber.recv()?;
//! assert!(message.replay);
//! assert_eq!(message.data, b"stick inserted");
//! # Ok(())
//! # }
//! ```
//!
//! The kernel announces on the group [`KEVENT_GROUP`] what comes and goes. Join it before looking for something,
//! or an arrival between the two is missed; [`Peer::wait_for_service`] does that.
//!
//! ```no_run
//! use libipcon::{Event, KEVENT_GROUP, Peer, Replay};
//!
//! # fn main() -> libipcon::Result<()> {
//! let peer = Peer::connect()?;
//! peer.join_group(KEVENT_GROUP, Replay::None)?;
//! loop {
//!     if let Some(kevent) = peer.recv()?.kevent() {
//!         match kevent?.event {
//!             Event::ServiceAdded { name, port } => println!("{name} is at port {port}"),
//!             Event::PeerRemoved { port } => println!("the peer at port {port} is gone"),
//!             _ => {}
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! [`Events`] do that for programs that keep a table of what is there, and start again from a [`Snapshot`] when
//! the kernel had to drop some.
//!
//! A [`Batch`] receives many messages in one system call, and [`Peer::send_batch`] sends them so.
//!
//! With the cargo feature `tokio` there are `AsyncPeer` and `AsyncEvents`, for programs that run on it.
//!
//! With the cargo feature `coroipc` there is `libipcon::coroipc`: authenticated requests and responses through shared
//! memory, which need no module, and `libipcon::discovery`, which finds their servers by the names of services.
//!
//! An [`Inspector`] asks about all peers, services, groups and memberships, with their counters.
//!
//! Messages arrive whole and, from one sender to one receiver, in order. The kernel stamps each with its
//! sender's port, and what any process sends around it is dropped: see [`Origin`].

// All of it is in `socket` and `asynchronous/descriptor.rs`.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "tokio")]
mod asynchronous;
mod batch;
mod control;
mod credentials;
#[cfg(feature = "coroipc")]
pub mod discovery;
mod errno;
mod error;
mod events;
mod info;
mod inspect;
mod kevent;
mod message;
mod name;
mod operation;
mod origin;
mod peer;
mod port;
mod receiver;
mod socket;
mod wait;
mod wire;

#[cfg(feature = "coroipc")]
pub use ::coroipc;
#[cfg(feature = "tokio")]
pub use asynchronous::{AsyncEvents, AsyncPeer};
pub use batch::{Batch, BatchError, BatchIter, MessageRef};
pub use credentials::Credentials;
pub use error::{Error, ErrorKind, Result};
pub use events::{Events, Snapshot, Update};
pub use info::{BusInfo, Counters, Dump, GroupInfo, MemberInfo, PeerInfo, ServiceInfo};
pub use inspect::Inspector;
pub use kevent::{Event, KEVENT_GROUP, Kevent};
pub use message::{Message, Received};
pub use name::Name;
pub use operation::Operation;
pub use origin::{KeventMeta, Origin};
pub use peer::{Peer, Replay};
pub use port::Port;

/// The programs of the README, so that they compile.
#[cfg(all(doctest, feature = "coroipc"))]
#[doc = include_str!("../../README.md")]
struct Readme;
