// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is observed on an ipcon bus.
//!
//! Sources (the module's dumps, kevents, eBPF probes) feed one pure model; one field table says how its
//! fields are named for people, for JSON and for Prometheus.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod collector;
pub mod fields;
pub mod format;
mod join;
pub mod ledger;
pub mod linter;
pub mod model;
mod optional;
pub mod privilege;
pub mod probes;
mod rates;
pub mod reconcile;
pub mod recording;
pub mod senders;
mod sources;

pub use collector::{Collector, Error, Options};
pub use ledger::Ledger;
pub use model::Snapshot;
pub use rates::{ProbeRates, Rates, RowRates};
pub use reconcile::reconcile;
