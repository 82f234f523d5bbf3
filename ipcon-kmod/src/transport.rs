// SPDX-License-Identifier: GPL-2.0

//! The world around the bus, as the kernel has it.

use crate::bus::{
    Delivery, DropReason, Kevent, Marks, QueueFill, Resource, SocketKey, Trace, Transport,
};
use crate::ffi;
use crate::packet::Packet;
use crate::seam::{Counter, NoMemory};
use crate::socket::Socket;
use crate::uapi::drop_reason;

use kernel::error::code::{EAGAIN, ECONNREFUSED};

/// Netlink sockets and socket buffers.
pub(crate) struct Netlink;

static LAST_ID: Counter = Counter::new();

impl Transport for Netlink {
    type Socket = Socket;
    type Message = Packet;

    fn key(socket: &Socket) -> SocketKey {
        socket.key()
    }

    fn is_closed(socket: &Socket) -> bool {
        // SAFETY: The socket is held.
        unsafe { ffi::ipcon_sock_closed(socket.as_ptr()) }
    }

    fn queue_fill(socket: &Socket) -> QueueFill {
        // SAFETY: The socket is held.
        unsafe {
            QueueFill {
                bytes: ffi::ipcon_sock_queue_bytes(socket.as_ptr()),
                limit: ffi::ipcon_sock_queue_limit(socket.as_ptr()),
            }
        }
    }

    fn queue_oldest(socket: &Socket) -> Option<u64> {
        // SAFETY: The socket is held.
        let oldest = unsafe { ffi::ipcon_sock_queue_oldest(socket.as_ptr()) };
        (oldest != 0).then_some(oldest)
    }

    fn queue(
        socket: &Socket,
        message: Packet,
        limit: u32,
        delivery: Delivery,
    ) -> Result<(), DropReason> {
        let skb = message.into_raw();
        let delivery = ffi::Delivery {
            from: delivery.from,
            to: delivery.to,
            group: delivery.group,
            len: delivery.len,
            replay: u32::from(delivery.replay),
        };
        // SAFETY: The socket is held, the buffer is ours to give, and the rest is only looked at.
        let error = unsafe { ffi::ipcon_sock_queue(socket.as_ptr(), skb, limit, &delivery) };
        if error == 0 {
            return Ok(());
        }
        // SAFETY: The buffer is still ours when it was not queued.
        unsafe { Packet::free_raw(skb) };
        Err(match error {
            e if e == EAGAIN.to_errno() => DropReason::QueueFull,
            e if e == ECONNREFUSED.to_errno() => DropReason::NoPeer,
            _ => DropReason::NoMemory,
        })
    }

    fn leave_unread(socket: &Socket, peer: u64) {
        // SAFETY: The socket is held.
        unsafe { ffi::ipcon_sock_unread(socket.as_ptr(), peer) }
    }

    fn copy(message: &Packet, marks: Marks) -> Result<Packet, NoMemory> {
        message.copy(marks)
    }

    fn payload_len(message: &Packet) -> u32 {
        message.payload_len()
    }

    fn memory(message: &Packet) -> u64 {
        message.memory()
    }

    fn queue_bytes_per_peer() -> u32 {
        // SAFETY: No requirements.
        unsafe { ffi::ipcon_queue_bytes_per_peer() }
    }

    fn quota(resource: Resource) -> u64 {
        // SAFETY: No requirements.
        let limit = unsafe {
            match resource {
                Resource::Peers => ffi::ipcon_peers_per_user(),
                Resource::Services => ffi::ipcon_services_per_user(),
                Resource::Groups => ffi::ipcon_groups_per_user(),
                Resource::Memberships => ffi::ipcon_memberships_per_user(),
                Resource::CachedBytes => ffi::ipcon_cached_bytes_per_user(),
            }
        };
        u64::from(limit)
    }

    fn kevent(kevent: &Kevent) -> Result<Packet, NoMemory> {
        Packet::kevent(kevent)
    }

    fn now() -> u64 {
        // SAFETY: No requirements.
        unsafe { ffi::ipcon_now() }
    }

    fn new_id() -> u64 {
        LAST_ID.next()
    }

    fn trace(event: Trace) {
        trace(event)
    }
}

fn trace(event: Trace) {
    // SAFETY: The tracepoints take scalars only.
    unsafe {
        match event {
            Trace::Send {
                peer,
                group,
                port,
                len,
            } => ffi::ipcon_trace_send(peer, group, port, len),
            Trace::Drop {
                from,
                to,
                group,
                len,
                reason,
            } => ffi::ipcon_trace_drop(from, to, group, len, reason_number(reason)),
            Trace::Peer {
                id,
                port,
                pid,
                uid,
                added,
            } => ffi::ipcon_trace_peer(id, port, pid, uid, u32::from(added)),
            Trace::Service { id, peer, added } => {
                ffi::ipcon_trace_service(id, peer, u32::from(added))
            }
            Trace::Group { id, owner, added } => {
                ffi::ipcon_trace_group(id, owner, u32::from(added))
            }
            Trace::Member { group, peer, added } => {
                ffi::ipcon_trace_member(group, peer, u32::from(added))
            }
        }
    }
}

fn reason_number(reason: DropReason) -> u32 {
    match reason {
        DropReason::QueueFull => drop_reason::QUEUE_FULL,
        DropReason::NoPeer => drop_reason::NO_PEER,
        DropReason::NoMemory => drop_reason::NO_MEMORY,
    }
}
