// SPDX-License-Identifier: GPL-2.0

//! The bus of each network namespace.

use core::ptr::NonNull;

use kernel::bindings;
use kernel::ffi::c_void;
use kernel::prelude::*;
use kernel::sync::ArcBorrow;

use crate::bus::{Accounts, Bus};
use crate::ffi;
use crate::transport::Netlink;

/// The bus of the network namespace that a request came from.
///
/// # Safety
///
/// `info` must be valid. The bus lives as long as the namespace, which the socket of the request holds.
pub(crate) unsafe fn bus_of_request<'a>(info: *const bindings::genl_info) -> &'a Bus<Netlink> {
    // SAFETY: `info` is valid; the pointer was made by `ipcon_bus_new`.
    unsafe { &*ffi::ipcon_info_bus(info).cast() }
}

/// The bus of the network namespace of a dump.
///
/// # Safety
///
/// `skb` must be a buffer that a dump is written to. The bus lives as long as the namespace, which the socket of
/// the dump holds.
pub(crate) unsafe fn bus_of_dump<'a>(skb: *const bindings::sk_buff) -> &'a Bus<Netlink> {
    // SAFETY: `skb` belongs to a socket; the pointer was made by `ipcon_bus_new`.
    unsafe { &*ffi::ipcon_skb_bus(skb).cast() }
}

/// A bus for a new network namespace, or null without memory.
///
/// # Safety
///
/// `accounts` must come from [`Arc::as_ptr`] of accounts that outlive the call.
#[no_mangle]
pub(crate) unsafe extern "C" fn ipcon_bus_new(accounts: *const c_void) -> *mut c_void {
    // SAFETY: `accounts` is shared by the requirements of this function, and not mutably.
    let accounts = unsafe { ArcBorrow::from_raw(accounts.cast::<Accounts>()) };
    let bus = match Bus::<Netlink>::new(accounts.into()) {
        Ok(bus) => bus,
        Err(_) => return core::ptr::null_mut(),
    };
    match KBox::new(bus, GFP_KERNEL) {
        Ok(bus) => KBox::into_raw(bus).cast(),
        Err(_) => core::ptr::null_mut(),
    }
}

/// Ends the bus of a network namespace.
///
/// # Safety
///
/// `bus` must come from [`ipcon_bus_new`], and no socket may be left in the namespace.
#[no_mangle]
pub(crate) unsafe extern "C" fn ipcon_bus_free(bus: *mut c_void) {
    if let Some(bus) = NonNull::new(bus) {
        // SAFETY: `bus` came from `KBox::into_raw` and nobody else uses it any more.
        drop(unsafe { KBox::<Bus<Netlink>>::from_raw(bus.as_ptr().cast()) });
    }
}

/// A socket of generic netlink that was bound to `portid` has been closed.
///
/// # Safety
///
/// `bus` must come from [`ipcon_bus_new`] and not have been freed.
#[no_mangle]
pub(crate) unsafe extern "C" fn ipcon_bus_socket_closed(bus: *mut c_void, portid: u32) {
    if let Some(bus) = NonNull::new(bus.cast::<Bus<Netlink>>()) {
        // SAFETY: The closing socket holds the namespace, and so the bus.
        unsafe { bus.as_ref() }.socket_closed(portid);
    }
}
