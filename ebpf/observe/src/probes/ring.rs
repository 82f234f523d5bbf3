// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the ring buffer of exceptions.

use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use ipcon_probes_abi::{EXCEPTIONS_MAP, Exception};

use super::unavailable::Unavailable;

/// Exceptions that are kept for whoever takes them. A reading is usually followed by that.
const KEPT: usize = 16_384;

/// Bytes of a record with what the kernel puts before it.
const RECORD: u32 = Exception::SIZE as u32 + 8;

/// The ring buffer, and what was read from it and not yet taken.
pub(super) struct Ring {
    ring: RingBuf<MapData>,
    /// Records that it can hold.
    capacity: u32,
    kept: Vec<Exception>,
    /// All that were ever read from it.
    reported: u64,
    /// Those of them that were not kept, because there were too many.
    forgotten: u64,
}

impl Ring {
    /// `bytes` is the size of the ring.
    pub(super) fn open(programs: &mut Ebpf, bytes: u32) -> Result<Self, Unavailable> {
        Ok(Self {
            ring: super::loader::take(programs, EXCEPTIONS_MAP)?,
            capacity: bytes / RECORD,
            kept: Vec::new(),
            reported: 0,
            forgotten: 0,
        })
    }

    /// Reads what is there, as much as the ring can hold: there may be more at any time.
    pub(super) fn read(&mut self) {
        for _ in 0..=self.capacity {
            let Some(item) = self.ring.next() else {
                return;
            };
            self.reported += 1;
            let record = item.first_chunk().map(Exception::from_bytes);
            match record {
                Some(exception) if self.kept.len() < KEPT => self.kept.push(exception),
                _ => self.forgotten += 1,
            }
        }
    }

    /// All exceptions since the last call, oldest first.
    pub(super) fn take(&mut self) -> Vec<Exception> {
        let mut taken = std::mem::take(&mut self.kept);
        // Two processors may have reserved their places in another order than they looked at the clock.
        taken.sort_by_key(|exception| exception.time);
        taken
    }

    pub(super) fn reported(&self) -> u64 {
        self.reported
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
