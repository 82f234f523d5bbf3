// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the end-to-end tests stand on: the suite that runs them, child processes, the module, the counters' laws and
//! who tells of them, a netlink socket without manners, and the kernel's tracepoints.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod agree;
mod case;
pub mod clock;
pub mod counters;
pub mod faults;
pub mod fuzz;
mod kernel_log;
pub mod module;
pub mod netlink;
pub mod pace;
pub mod place;
pub mod process;
mod results;
pub mod settings;
pub mod step;
mod suite;
pub mod tracing;
mod watch;

pub use case::{Case, Need};
pub use suite::{in_vm, run};
