// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding a [`coroipc`] server by the name of its service on the bus.
//!
//! A server [`announce`]s itself under a name, a client [`find`]s it. Neither names an address:
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use libipcon::coroipc::{Client, CommandId, Endpoint, Service, ServiceId};
//! use libipcon::discovery;
//!
//! const CLOCK: ServiceId = ServiceId::new(1);
//! const TIME: CommandId = CommandId::new(1);
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = std::env::temp_dir().join(format!("clock-{}.sock", std::process::id()));
//! let clock = Service::new(CLOCK, |_connection| Ok(()))
//!     .command(TIME, |_session, call| call.reply(b"tea time"));
//! let server = discovery::announce("clock")
//!     .or_path(&path)
//!     .bind(|address| Endpoint::builder(address).service(clock))?
//!     .spawn()?;
//!
//! // Usually in another process.
//! let client = discovery::find("clock")
//!     .or_path(&path)
//!     .wait_until(Instant::now() + Duration::from_secs(5))
//!     .connect(|address| Client::builder(address, CLOCK).timeout(Duration::from_secs(1)))?;
//! assert_eq!(client.call(TIME, b"what time is it?")?.to_vec(), b"tea time");
//! # drop(client);
//! server.shut_down(Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```
//!
//! # With and without the bus
//!
//! When the module is not loaded, both sides take the path that they named with `or_path`, or fail with `NoBus` if they
//! named none. When it is loaded, only the bus counts: a service that is not there is not looked for at the path. So
//! load the module before either side begins.
//!
//! # How it works
//!
//! A server listens at an abstract address, then registers the name of that address on the bus as a service of its own,
//! and then the name that clients ask for, both with one peer:
//!
//! ```text
//! service on the bus           coroipc:INODE-RANDOM
//! abstract address       ipcon/coroipc:INODE-RANDOM
//! ```
//!
//! *INODE* is the number, in hexadecimal digits, by which the kernel knows the process that listens: the inode of its
//! descriptor (`pidfd_open(2)`), which no other process has until the next boot, and which is the same in each pid
//! namespace. *RANDOM* are six hexadecimal digits, so that nobody can take the address before the server.
//!
//! A client asks the bus which peer holds the name, takes the endpoint that this peer registered, and connects. Before
//! it says anything there it asks the kernel who listens (`SO_PEERPIDFD`), and the bus whether both names are still held
//! as they were. So the server that is reached
//!
//! - is the process that the holder of the name says it is, on the kernel's word: who takes the address has another
//!   number,
//! - has agreed to it: the name of an endpoint is taken on the bus, so no other peer can register it as its own,
//! - still holds the name. If it went to another meanwhile, or the server was started again, the client looks again.
//!
//! Who holds a name is the bus's business: the first who registers it. Which user that is, the client can ask for
//! itself with `verify_server` and `require_server_uid` of its builder.
//!
//! A network namespace has a bus and abstract addresses of its own, so both sides are in the same one. Pid and user
//! namespaces may differ. None of it takes a privilege.

mod announce;
mod endpoint;
mod error;
mod find;
mod process;

pub use announce::{Announce, Announced, announce};
pub use error::{AnnounceError, FindError};
pub use find::{Find, find};
