// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sends to whom, and which requests fail. Both maps have one value for all processors.

/// Name of the hash map from [`FlowKey`] to [`FlowCounts`].
pub const FLOWS_MAP: &str = "FLOWS";

/// Name of the hash map from [`error_key`] to the number of requests, `u64`.
pub const ERRORS_MAP: &str = "ERRORS";

/// Flows that the map holds unless the loader asks for another number, [`FlowKey::OTHERS`] included.
pub const MAX_FLOWS: u32 = 16_384;

/// Pairs of command and error that the map holds, [`OTHER_ERRORS`] included.
pub const MAX_ERRORS: u32 = 256;

/// Counts the requests for which the map of errors has no room. User space makes this entry before anything is counted.
pub const OTHER_ERRORS: u64 = 0;

/// Where requests of `command` that were refused with `errno` are counted.
#[inline(always)]
#[must_use]
pub const fn error_key(command: u32, errno: u32) -> u64 {
    (command as u64) << 32 | errno as u64
}

/// The command and the errno of an [`error_key`].
#[must_use]
pub const fn command_and_errno(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Both ends of unicast messages.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// Id of the sender.
    pub from: u64,
    /// Id of the receiver; 0 when there is none.
    pub to: u64,
}

impl FlowKey {
    /// Counts the flows for which the map has no room. User space makes this entry before anything is counted.
    pub const OTHERS: Self = Self { from: 0, to: 0 };
}

/// What went from one peer to another.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// Messages put into the receive queue (`ipcon_deliver`).
    pub messages: u64,
    /// Payload bytes of those messages (`ipcon_deliver`).
    pub bytes: u64,
    /// Messages that were refused (`ipcon_drop`).
    pub refused: u64,
}

impl FlowCounts {
    /// Nothing went. As a constant it lies ready in memory; made anew it would be cleared byte by byte for each message.
    pub const NONE: Self = Self {
        messages: 0,
        bytes: 0,
        refused: 0,
    };
}

// As in `counts.rs`: both sides must see the same bytes.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<FlowKey>() == 16 && align_of::<FlowKey>() == 8);
    assert!(offset_of!(FlowKey, from) == 0 && offset_of!(FlowKey, to) == 8);
    assert!(size_of::<FlowCounts>() == 24 && align_of::<FlowCounts>() == 8);
    assert!(offset_of!(FlowCounts, messages) == 0 && offset_of!(FlowCounts, bytes) == 8);
    assert!(offset_of!(FlowCounts, refused) == 16);
};

// SAFETY: `repr(C)` of `u64` only, so there is no padding and every bit pattern is a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FlowKey {}

// SAFETY: as for `FlowKey`.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FlowCounts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_and_errno_share_a_key() {
        let key = error_key(14, 111);
        assert_eq!(command_and_errno(key), (14, 111));
        assert_ne!(key, OTHER_ERRORS);
        assert_eq!(command_and_errno(OTHER_ERRORS), (0, 0));
    }
}
