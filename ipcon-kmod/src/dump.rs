// SPDX-License-Identifier: GPL-2.0

//! Dumps: lists that may take several buffers.
//!
//! A dump remembers the id after the last object that it gave out, and flags `NLM_F_DUMP_INTR` when the bus
//! changed on the way.

use core::ptr::NonNull;

use kernel::bindings;
use kernel::ffi::{c_int, c_long};

use crate::attributes::Attributes;
use crate::bus::Bus;
use crate::ffi;
use crate::namespace::bus_of_dump;
use crate::replies;
use crate::seam::NoMemory;
use crate::transport::Netlink;
use crate::uapi::cmd;

/// Where a dump goes on: an id, and for memberships the id of the peer as well.
#[derive(Clone, Copy)]
struct Position(u64, u64);

/// The next object and the position after it.
type Next<O> = Option<(O, Position)>;

/// Fills one buffer of a dump.
///
/// # Safety
///
/// `skb` and `cb` must be the arguments of a `dumpit` of the family.
unsafe fn fill<O>(
    skb: *mut bindings::sk_buff,
    cb: *mut bindings::netlink_callback,
    cmd: u8,
    next: impl Fn(&Bus<Netlink>, Position) -> Next<O>,
    put: impl Fn(&mut Attributes, &O) -> Result<(), NoMemory>,
) -> c_int {
    let Some(buffer) = NonNull::new(skb) else {
        return 0;
    };
    // SAFETY: `skb` is the buffer of a dump.
    let bus = unsafe { bus_of_dump(skb) };
    // SAFETY: `cb` is valid and nobody else uses it during the call; its context belongs to the family and was
    // zero at first.
    let args = unsafe { &mut (*cb).__bindgen_anon_1.args };
    let note_generation = || {
        // SAFETY: `cb` is valid, and `args` is another field of it.
        unsafe { (*cb).seq = bus.census().generation as u32 }
    };

    note_generation();
    while let Some((object, after)) = next(bus, Position(args[0] as u64, args[1] as u64)) {
        // SAFETY: `skb` and `cb` are valid.
        let header = unsafe { ffi::ipcon_dump_put(skb, cb, cmd) };
        if header.is_null() {
            break;
        }
        // SAFETY: `skb` is valid and nobody else changes it during the call.
        let mut attributes = unsafe { Attributes::new(buffer) };
        if put(&mut attributes, &object).is_err() {
            // SAFETY: `header` was put into `skb` just now.
            unsafe { ffi::ipcon_message_cancel(skb, header) };
            break;
        }
        // SAFETY: As before.
        unsafe { ffi::ipcon_message_end(skb, header) };
        args[0] = after.0 as c_long;
        args[1] = after.1 as c_long;
    }
    // So that a change after the last object is flagged as well, in the message that ends the dump.
    note_generation();
    // SAFETY: `skb` is valid.
    unsafe { (*skb).len as c_int }
}

/// Defines the functions that the operation table names.
macro_rules! dumpit {
    ($($symbol:ident => $cmd:expr, $next:expr, $put:expr;)*) => {$(
        /// # Safety
        ///
        /// To be called by generic netlink only.
        #[no_mangle]
        pub(crate) unsafe extern "C" fn $symbol(
            skb: *mut bindings::sk_buff,
            cb: *mut bindings::netlink_callback,
        ) -> c_int {
            // SAFETY: Generic netlink calls this with the buffer and the state of the dump.
            unsafe { fill(skb, cb, $cmd, $next, $put) }
        }
    )*};
}

dumpit! {
    ipcon_nl_peer_get_dumpit => cmd::PEER_GET,
        |bus, from| bus.peer_from(from.0).map(|peer| {
            let after = Position(peer.id + 1, 0);
            (peer, after)
        }),
        |out, peer| replies::peer(out, peer);
    ipcon_nl_service_get_dumpit => cmd::SERVICE_GET,
        |bus, from| bus.service_from(from.0).map(|service| {
            let after = Position(service.id + 1, 0);
            (service, after)
        }),
        |out, service| replies::service(out, service);
    ipcon_nl_group_get_dumpit => cmd::GROUP_GET,
        |bus, from| bus.group_from(from.0).map(|view| {
            let after = Position(view.group.id + 1, 0);
            (view, after)
        }),
        replies::group;
    ipcon_nl_member_get_dumpit => cmd::MEMBER_GET,
        |bus, from| bus.member_from(from.0, from.1).map(|view| {
            let after = Position(view.group.id, view.peer.id + 1);
            (view, after)
        }),
        replies::member;
}
