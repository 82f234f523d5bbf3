// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that wait in slots of their own: an array of the kernel, which this process sees in its memory. Reading it by
//! calls would take one for each slot, and none of them could free a slot only if it is still the same message's.

use std::io;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};

use ipcon_probes_abi::Slot;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A [`Slot`] that programs change meanwhile.
#[repr(C)]
struct Shared {
    message: AtomicU64,
    at: AtomicU64,
    peer: AtomicU64,
    kind: AtomicU64,
}

const _: () = assert!(size_of::<Shared>() == size_of::<Slot>());

/// All slots.
pub(super) struct Slots {
    shared: NonNull<[Shared]>,
}

// SAFETY: the memory belongs to the process, not to a thread, and all of it is accessed atomically.
unsafe impl Send for Slots {}

/// A slot that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waits {
    slot: usize,
    message: u64,
    at: u64,
    peer: u64,
}

impl Slots {
    /// Shows this process an array of so many slots, which has one at least.
    ///
    /// # Errors
    ///
    /// The kernel's, when it does not do that.
    pub(super) fn open(array: impl AsFd, count: u32) -> io::Result<Self> {
        let count = count as usize;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: nobody asks for a place, so no memory that is in use is replaced.
        let memory = unsafe {
            mmap(
                null_mut(),
                count * size_of::<Shared>(),
                access,
                MapFlags::SHARED,
                array,
                0,
            )
        }?;
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::Other)?;
        Ok(Self {
            shared: NonNull::slice_from_raw_parts(memory, count),
        })
    }

    /// How many messages wait.
    pub(super) fn count(&self) -> u64 {
        self.waiting().count() as u64
    }

    /// Frees the slots of the messages of these peers, which are in ascending order. Gives how many it were.
    pub(super) fn sweep(&self, departed: &[u64]) -> u64 {
        let is_stale = |it: &Waits| departed.binary_search(&it.peer).is_ok();
        let stale: Vec<_> = self.waiting().filter(is_stale).collect();
        let mut swept = 0;
        for found in stale {
            // A slot that was taken a moment ago tells its message before it tells of which peer. By now it does.
            if self.at(found.slot) == Some(found) {
                let message = &self.shared()[found.slot].message;
                let freed =
                    message.compare_exchange(found.message, 0, Ordering::AcqRel, Ordering::Relaxed);
                swept += u64::from(freed.is_ok());
            }
        }
        swept
    }

    fn waiting(&self) -> impl Iterator<Item = Waits> {
        (0..self.shared().len()).filter_map(|slot| self.at(slot))
    }

    fn at(&self, slot: usize) -> Option<Waits> {
        let shared = &self.shared()[slot];
        let message = shared.message.load(Ordering::Acquire);
        (message != 0).then(|| Waits {
            slot,
            message,
            at: shared.at.load(Ordering::Relaxed),
            peer: shared.peer.load(Ordering::Relaxed),
        })
    }

    fn shared(&self) -> &[Shared] {
        // SAFETY: `open` mapped so many of them, readable, writable and aligned to a page, until this is dropped. Any
        // bytes are values, and both sides access them atomically: the programs word by word.
        unsafe { self.shared.as_ref() }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: it is what `open` mapped, and nobody has a reference into it any more.
        let unmapped = unsafe { munmap(self.shared.as_ptr().cast(), size_of_val(self.shared())) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    /// Slots in a file instead of an array of the kernel: message, time, peer and kind of each.
    fn slots(words: &[[u64; 4]]) -> (File, Slots) {
        let file = File::from(memfd_create("slots", MemfdFlags::CLOEXEC).unwrap());
        let bytes = words.iter().flatten().flat_map(|word| word.to_ne_bytes());
        file.write_all_at(&bytes.collect::<Vec<_>>(), 0).unwrap();
        let slots = Slots::open(&file, words.len() as u32).unwrap();
        (file, slots)
    }

    fn message(file: &File, slot: u64) -> u64 {
        let mut word = [0; 8];
        file.read_exact_at(&mut word, 32 * slot).unwrap();
        u64::from_ne_bytes(word)
    }

    #[test]
    fn those_that_are_not_free_are_counted() {
        let (file, slots) = slots(&[[0, 9, 9, 1], [100, 5, 1, 0], [200, 6, 2, 1]]);
        assert_eq!(slots.count(), 2);
        file.write_all_at(&300_u64.to_ne_bytes(), 0).unwrap();
        assert_eq!(slots.count(), 3);
    }

    #[test]
    fn those_of_the_departed_are_freed() {
        let peers = [1, 2, 3, 2, 4];
        let (file, slots) = slots(&peers.map(|peer| [100 * peer, 5, peer, 0]));
        assert_eq!(slots.sweep(&[2, 4, 9]), 3);
        let messages = [0, 1, 2, 3, 4].map(|slot| message(&file, slot));
        assert_eq!(messages, [100, 0, 300, 0, 0]);
        assert_eq!((slots.count(), slots.sweep(&[2, 4, 9])), (2, 0));
    }
}
