// SPDX-License-Identifier: GPL-2.0

//! Putting attributes to a message.

use core::ptr::NonNull;

use kernel::bindings;
use kernel::error::to_result;
use kernel::ffi::{c_int, c_void};

use crate::ffi;
use crate::seam::NoMemory;

/// Puts attributes to the end of a message. Each call fails when the buffer has no room.
///
/// # Invariants
///
/// The pointer is a valid `sk_buff` that nobody else changes.
pub(crate) struct Attributes {
    skb: NonNull<bindings::sk_buff>,
}

impl Attributes {
    /// # Safety
    ///
    /// `skb` must stay valid, and nobody else may change it, for as long as the object is used.
    pub(crate) unsafe fn new(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the requirements of this function.
        Self { skb }
    }

    pub(crate) fn bytes(&mut self, attribute: u16, value: &[u8]) -> Result<(), NoMemory> {
        let len = c_int::try_from(value.len()).map_err(|_| NoMemory)?;
        // SAFETY: The buffer is valid by the type invariants, and `value` has `len` bytes.
        let error = unsafe {
            bindings::nla_put(
                self.skb.as_ptr(),
                c_int::from(attribute),
                len,
                value.as_ptr().cast::<c_void>(),
            )
        };
        to_result(error).map_err(|_| NoMemory)
    }

    pub(crate) fn u32(&mut self, attribute: u16, value: u32) -> Result<(), NoMemory> {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    /// `pad` is the attribute that fills up to the alignment of 64 bits.
    pub(crate) fn u64(&mut self, attribute: u16, value: u64, pad: u16) -> Result<(), NoMemory> {
        let (attribute, pad) = (c_int::from(attribute), c_int::from(pad));
        // SAFETY: The buffer is valid by the type invariants.
        let error = unsafe { ffi::ipcon_put_u64(self.skb.as_ptr(), attribute, value, pad) };
        to_result(error).map_err(|_| NoMemory)
    }

    pub(crate) fn flag(&mut self, attribute: u16) -> Result<(), NoMemory> {
        self.bytes(attribute, &[])
    }

    /// A string, with its terminator.
    pub(crate) fn name(&mut self, attribute: u16, name: &[u8]) -> Result<(), NoMemory> {
        let mut terminated = [0; 32];
        let text = terminated.get_mut(..name.len()).ok_or(NoMemory)?;
        text.copy_from_slice(name);
        let with_end = terminated.get(..=name.len()).ok_or(NoMemory)?;
        self.bytes(attribute, with_end)
    }

    /// Puts what `fill` puts into a nest.
    pub(crate) fn nest(
        &mut self,
        attribute: u16,
        fill: impl FnOnce(&mut Self) -> Result<(), NoMemory>,
    ) -> Result<(), NoMemory> {
        // SAFETY: The buffer is valid by the type invariants.
        let nest = unsafe { ffi::ipcon_nest_start(self.skb.as_ptr(), c_int::from(attribute)) };
        if nest.is_null() {
            return Err(NoMemory);
        }
        // Whoever fails to put an attribute gives the whole message up, so the nest need not be cancelled.
        fill(self)?;
        // SAFETY: `nest` was started in this buffer just now.
        unsafe { ffi::ipcon_nest_end(self.skb.as_ptr(), nest) };
        Ok(())
    }
}
