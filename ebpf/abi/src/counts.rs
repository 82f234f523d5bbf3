// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of the maps of peers and groups.

/// Name of the map from peer id to [`PeerCounts`].
pub const PEERS_MAP: &str = "PEERS";

/// Name of the map from group id to [`GroupCounts`].
pub const GROUPS_MAP: &str = "GROUPS";

/// Peers that the map holds unless the loader asks for another number.
pub const MAX_PEERS: u32 = 16_384;

/// Groups that the map holds unless the loader asks for another number.
pub const MAX_GROUPS: u32 = 16_384;

/// Drop reasons that these probes tell apart: `queue-full`, `no-peer` and `no-memory` of the wire
/// definition, numbered from 1.
pub const KNOWN_REASONS: u32 = 3;

/// Length of an array by [`reason_index`]. Index 0 is for reasons that these probes do not know.
pub const REASONS: usize = KNOWN_REASONS as usize + 1;

/// Where a drop reason of the tracepoint is counted: its own number, or 0 when it is not known.
#[inline(always)]
#[must_use]
pub const fn reason_index(reason: u32) -> usize {
    if reason <= KNOWN_REASONS {
        reason as usize
    } else {
        0
    }
}

/// Messages and their payload bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// Payload bytes of those messages.
    pub bytes: u64,
}

/// What one processor counted for one peer. The comment of each field names the program that writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// Unicast requests (`ipcon_send`).
    pub sent_unicast: Count,
    /// Multicast requests (`ipcon_send`).
    pub sent_multicast: Count,
    /// Unicast messages put into the receive queue (`ipcon_deliver`).
    pub delivered_unicast: Count,
    /// Copies of group messages put into the receive queue (`ipcon_deliver`).
    pub delivered_multicast: Count,
    /// Refused unicast requests of the peer, by [`reason_index`] (`ipcon_drop`).
    pub refused: [u64; REASONS],
    /// Lost copies for the peer, by [`reason_index`] (`ipcon_drop`).
    pub dropped: [u64; REASONS],
    /// Not 0 on one processor when the peer has left the bus (`ipcon_peer`).
    pub ended: u64,
}

/// What one processor counted for one group.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Messages sent to the group (`ipcon_send`).
    pub sent: Count,
    /// Copies delivered, without replays (`ipcon_deliver`).
    pub delivered: Count,
    /// Replays delivered (`ipcon_deliver`).
    pub replayed: Count,
    /// Lost copies, by [`reason_index`] (`ipcon_drop`).
    pub dropped: [u64; REASONS],
    /// Not 0 on one processor when the group was unregistered (`ipcon_group`).
    pub ended: u64,
}

// The two sides are built by different compilers for different targets: what they share is fixed here.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<Count>() == 16 && align_of::<Count>() == 8);
    assert!(offset_of!(Count, messages) == 0 && offset_of!(Count, bytes) == 8);
    assert!(size_of::<PeerCounts>() == 136 && align_of::<PeerCounts>() == 8);
    assert!(offset_of!(PeerCounts, sent_unicast) == 0);
    assert!(offset_of!(PeerCounts, sent_multicast) == 16);
    assert!(offset_of!(PeerCounts, delivered_unicast) == 32);
    assert!(offset_of!(PeerCounts, delivered_multicast) == 48);
    assert!(offset_of!(PeerCounts, refused) == 64);
    assert!(offset_of!(PeerCounts, dropped) == 96);
    assert!(offset_of!(PeerCounts, ended) == 128);
    assert!(size_of::<GroupCounts>() == 88 && align_of::<GroupCounts>() == 8);
    assert!(offset_of!(GroupCounts, sent) == 0);
    assert!(offset_of!(GroupCounts, delivered) == 16);
    assert!(offset_of!(GroupCounts, replayed) == 32);
    assert!(offset_of!(GroupCounts, dropped) == 48);
    assert!(offset_of!(GroupCounts, ended) == 80);
};

// SAFETY: `repr(C)` of `u64` only, so there is no padding and every bit pattern is a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Count {}

// SAFETY: as for `Count`; the size asserted above leaves no room for padding.
#[cfg(feature = "user")]
unsafe impl aya::Pod for PeerCounts {}

// SAFETY: as for `PeerCounts`.
#[cfg(feature = "user")]
unsafe impl aya::Pod for GroupCounts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_reasons_share_index_zero() {
        assert_eq!(
            [0, 1, 2, 3, 4, u32::MAX].map(reason_index),
            [0, 1, 2, 3, 0, 0]
        );
    }
}
