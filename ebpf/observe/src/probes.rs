// SPDX-License-Identifier: MIT OR Apache-2.0
//! The eBPF probes: counters that the kernel keeps at the tracepoints of the module.
//!
//! [`Probes::attach`] loads the programs and attaches them, or tells in one sentence why that is not
//! possible ([`Unavailable`]). [`Probes::read`] sums the counters over all processors into a
//! [`ProbeReading`]; dropping [`Probes`] detaches them. While they are attached the kernel holds the
//! module: `rmmod ipcon` is refused.
//!
//! The numbers carry their own proof: every program accounts for what it saw, and
//! [`ProbeReading::identities`] tells what must be equal on a quiet bus.

mod counters;
mod flows;
mod identity;
mod loader;
mod object;
mod program_info;
mod read_error;
mod reading;
mod ring;
mod settings;
mod slots;
mod stamps;
mod sum;
mod timing;
mod unavailable;
mod waiting;

pub use identity::Identity;
pub use loader::Probes;
pub use read_error::ReadError;
pub use reading::{
    ByReason, Drops, DropsOfKind, Fill, FlowEnds, FlowProbe, GroupProbe, PeerProbe, ProbeReading,
    Program, SizeHistogram, Sizes, Tally, Volume,
};
pub use settings::{Limits, Settings};
pub use unavailable::{Capability, Unavailable};
pub use waiting::{PeerWaiting, Stamps, Waiting};

/// Whether the library was compiled with the probes.
pub(crate) fn are_built_in() -> bool {
    object::embedded().is_some()
}
