// SPDX-License-Identifier: GPL-2.0

//! Held sockets.

use core::ptr::NonNull;

use kernel::bindings;

use crate::bus::SocketKey;
use crate::ffi;

/// A socket that a peer receives on or acts through.
///
/// Holding it keeps the memory of the socket, so that its address tells it from every other one, and keeps the
/// module loaded. It does not keep the program from closing it.
///
/// # Invariants
///
/// The pointer is valid, and one reference of the socket and one of the module belong to this object.
pub(crate) struct Socket(NonNull<bindings::sock>);

// SAFETY: A `struct sock` may be used and put from any thread.
unsafe impl Send for Socket {}
// SAFETY: All that is done through a shared `Socket` is atomic or takes the locks of the socket.
unsafe impl Sync for Socket {}

impl Socket {
    /// Holds `sk`, unless the module is just going.
    ///
    /// # Safety
    ///
    /// `sk` must be valid during the call.
    pub(crate) unsafe fn hold(sk: NonNull<bindings::sock>) -> Option<Self> {
        // SAFETY: No requirements.
        if !unsafe { ffi::ipcon_module_get() } {
            return None;
        }
        // SAFETY: `sk` is valid by the requirements of this function.
        unsafe { ffi::ipcon_sock_hold(sk.as_ptr()) };
        // INVARIANT: Both references were just taken.
        Some(Self(sk))
    }

    /// What tells this socket from others.
    pub(crate) fn key(&self) -> SocketKey {
        SocketKey(self.0.as_ptr() as usize)
    }

    /// The socket, for C.
    pub(crate) fn as_ptr(&self) -> *mut bindings::sock {
        self.0.as_ptr()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: Both references belong to this object. The code that runs here stays: it was called by netlink
        // or by a network namespace that ends, and unregistering from either waits for that.
        unsafe {
            ffi::ipcon_sock_put(self.0.as_ptr());
            ffi::ipcon_module_put();
        }
    }
}
