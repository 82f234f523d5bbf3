// SPDX-License-Identifier: MIT OR Apache-2.0
//! The eBPF probes: counters that the kernel keeps at the module's tracepoints.

mod reading;

pub use reading::{
    ByReason, Drops, DropsOfKind, Fill, GroupProbe, PeerProbe, ProbeReading, Program,
    SizeHistogram, Sizes, Tally, Unbalanced, Volume,
};
