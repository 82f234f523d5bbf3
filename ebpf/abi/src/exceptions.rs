// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single events that did not go as they should, in a ring buffer. All of them are counted elsewhere as well.

/// Name of the ring buffer of [`Exception`].
pub const EXCEPTIONS_MAP: &str = "EXCEPTIONS";

/// Bytes of the ring buffer unless the loader asks for another number; a power of two, and of whole pages. Each record
/// takes 8 more than its size.
pub const EXCEPTIONS_BYTES: u32 = 128 << 10;

/// Name of the constant that says how long a message must wait to be an exception, in nanoseconds.
pub const SLOW_CONSTANT: &str = "SLOW_NANOS";

/// Name of the constant, one byte, that says whether messages are stamped: 0 or 1.
pub const LATENCY_CONSTANT: &str = "LATENCY";

/// What an [`Exception`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ExceptionKind {
    /// A unicast message was refused. `detail` is the number of the reason, `value` the payload bytes.
    Refused = 1,
    /// A member lost its copy of a group message. `detail` and `value` as for `Refused`.
    Dropped = 2,
    /// A request of `from` was refused. `detail` is its [`crate::error_key`].
    Failed = 3,
    /// A message for `to` waited long before it was read. `value` is how long, in nanoseconds.
    Slow = 4,
}

/// One record. What its kind does not name is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub time: u64,
    /// An [`ExceptionKind`].
    pub kind: u64,
    /// Id of the sender, or of the peer that asked.
    pub from: u64,
    /// Id of the receiver.
    pub to: u64,
    /// Id of the group.
    pub group: u64,
    /// See the kind.
    pub detail: u64,
    /// See the kind.
    pub value: u64,
}

impl Exception {
    /// Bytes of a record.
    pub const SIZE: usize = 56;

    /// The record in these bytes, which are as many as [`Self::SIZE`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let word = |place: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 * place..8 * place + 8]);
            u64::from_ne_bytes(word)
        };
        Self {
            time: word(0),
            kind: word(1),
            from: word(2),
            to: word(3),
            group: word(4),
            detail: word(5),
            value: word(6),
        }
    }
}

// As in `counts.rs`: both sides must see the same bytes.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<Exception>() == Exception::SIZE && align_of::<Exception>() == 8);
    assert!(offset_of!(Exception, time) == 0 && offset_of!(Exception, kind) == 8);
    assert!(offset_of!(Exception, from) == 16 && offset_of!(Exception, to) == 24);
    assert!(offset_of!(Exception, group) == 32 && offset_of!(Exception, detail) == 40);
    assert!(offset_of!(Exception, value) == 48);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_a_record_is_its_own_field() {
        let mut bytes = [0; Exception::SIZE];
        for (place, word) in bytes.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&(place as u64 + 1).to_ne_bytes());
        }
        let expected = Exception {
            time: 1,
            kind: 2,
            from: 3,
            to: 4,
            group: 5,
            detail: 6,
            value: 7,
        };
        assert_eq!(Exception::from_bytes(&bytes), expected);
    }
}
