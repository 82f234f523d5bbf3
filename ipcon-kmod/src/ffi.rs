// SPDX-License-Identifier: GPL-2.0

//! The C half of the module, as `shell.h` declares it.

use kernel::bindings::{genl_info, netlink_callback, nlattr, sk_buff, sock};
use kernel::ffi::{c_int, c_void};

/// `struct ipcon_request_head`, into which Rust does not look.
#[repr(C)]
#[derive(Default)]
pub(crate) struct RequestHead([u32; 7]);

/// `struct ipcon_delivery`.
#[repr(C)]
pub(crate) struct Delivery {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) group: u64,
    pub(crate) len: u32,
    pub(crate) replay: u32,
}

// The kernel structures hold zero-sized lock classes, which C never looks at.
#[allow(improper_ctypes)]
extern "C" {
    pub(crate) fn ipcon_shell_register(accounts: *const c_void) -> c_int;
    pub(crate) fn ipcon_shell_unregister();
    pub(crate) fn ipcon_warn_if(accounts_left: bool);
    pub(crate) fn ipcon_max_msg_len() -> u32;
    pub(crate) fn ipcon_queue_bytes_per_peer() -> u32;
    pub(crate) fn ipcon_peers_per_user() -> u32;
    pub(crate) fn ipcon_services_per_user() -> u32;
    pub(crate) fn ipcon_groups_per_user() -> u32;
    pub(crate) fn ipcon_memberships_per_user() -> u32;
    pub(crate) fn ipcon_cached_bytes_per_user() -> u32;
    pub(crate) fn ipcon_module_get() -> bool;
    pub(crate) fn ipcon_module_put();

    pub(crate) fn ipcon_info_bus(info: *const genl_info) -> *mut c_void;
    pub(crate) fn ipcon_skb_bus(skb: *const sk_buff) -> *mut c_void;

    pub(crate) fn ipcon_skb_sender(skb: *mut sk_buff) -> *mut sock;
    pub(crate) fn ipcon_skb_sender_port(skb: *mut sk_buff) -> u32;
    pub(crate) fn ipcon_sock_hold(sk: *mut sock);
    pub(crate) fn ipcon_sock_put(sk: *mut sock);
    pub(crate) fn ipcon_sock_closed(sk: *const sock) -> bool;
    pub(crate) fn ipcon_sock_queue_bytes(sk: *const sock) -> u32;
    pub(crate) fn ipcon_sock_queue_limit(sk: *const sock) -> u32;
    pub(crate) fn ipcon_sock_queue_oldest(sk: *mut sock) -> u64;
    pub(crate) fn ipcon_sock_unread(sk: *mut sock, peer: u64);
    pub(crate) fn ipcon_sock_queue(
        sk: *mut sock,
        skb: *mut sk_buff,
        limit: u32,
        delivery: *const Delivery,
    ) -> c_int;

    pub(crate) fn ipcon_message_new(payload: usize) -> *mut sk_buff;
    pub(crate) fn ipcon_message_stamp(skb: *mut sk_buff);
    pub(crate) fn ipcon_reply_new(
        info: *mut genl_info,
        payload: usize,
        cmd: u8,
        skb: *mut *mut sk_buff,
    ) -> *mut c_void;
    pub(crate) fn ipcon_reply_send(
        info: *mut genl_info,
        skb: *mut sk_buff,
        header: *mut c_void,
    ) -> c_int;
    pub(crate) fn ipcon_dump_put(
        skb: *mut sk_buff,
        cb: *mut netlink_callback,
        cmd: u8,
    ) -> *mut c_void;
    pub(crate) fn ipcon_message_end(skb: *mut sk_buff, header: *mut c_void);
    pub(crate) fn ipcon_message_close(skb: *mut sk_buff);
    pub(crate) fn ipcon_message_cancel(skb: *mut sk_buff, header: *mut c_void);
    pub(crate) fn ipcon_message_clone(skb: *mut sk_buff) -> *mut sk_buff;
    pub(crate) fn ipcon_message_grow(skb: *const sk_buff, room: usize) -> *mut sk_buff;
    pub(crate) fn ipcon_message_memory(skb: *const sk_buff) -> u32;
    pub(crate) fn ipcon_message_free(skb: *mut sk_buff);

    pub(crate) fn ipcon_message_relay(
        skb: *mut sk_buff,
        from: u32,
        kept: *mut RequestHead,
    ) -> *mut sk_buff;
    pub(crate) fn ipcon_request_restore(skb: *mut sk_buff, kept: *const RequestHead);

    pub(crate) fn ipcon_nest_start(skb: *mut sk_buff, r#type: c_int) -> *mut nlattr;
    pub(crate) fn ipcon_nest_end(skb: *mut sk_buff, nest: *mut nlattr);
    pub(crate) fn ipcon_put_u64(skb: *mut sk_buff, r#type: c_int, value: u64, pad: c_int) -> c_int;

    pub(crate) fn ipcon_current_pid() -> u32;
    pub(crate) fn ipcon_payer_uid(skb: *const sk_buff) -> u32;
    pub(crate) fn ipcon_payer_sponsor(skb: *const sk_buff) -> u32;
    pub(crate) fn ipcon_current_comm(comm: *mut u8, size: usize);
    pub(crate) fn ipcon_now() -> u64;

    pub(crate) fn ipcon_trace_send(peer: u64, group: u64, port: u32, len: u32);
    pub(crate) fn ipcon_trace_drop(from: u64, to: u64, group: u64, len: u32, reason: u32);
    pub(crate) fn ipcon_error_is_traced() -> bool;
    pub(crate) fn ipcon_trace_error(peer: u64, command: u32, error: u32);
    pub(crate) fn ipcon_trace_peer(id: u64, port: u32, pid: u32, uid: u32, added: u32);
    pub(crate) fn ipcon_trace_service(id: u64, peer: u64, added: u32);
    pub(crate) fn ipcon_trace_group(id: u64, owner: u64, added: u32);
    pub(crate) fn ipcon_trace_member(group: u64, peer: u64, added: u32);
}
