// SPDX-License-Identifier: GPL-2.0

//! What an observer is told: the attributes of peers, services, groups, members and the bus.

use core::ptr::NonNull;

use kernel::bindings;
use kernel::error::to_result;
use kernel::ffi::c_void;

use crate::attributes::Attributes;
use crate::bus::{Bus, Counters, GroupView, MemberView, Peer, Service};
use crate::ffi;
use crate::refusal::Refusal;
use crate::seam::{NoMemory, allocated};
use crate::transport::Netlink;
use crate::uapi;

/// Bytes that are enough for the attributes of any one object.
const ROOM: usize = 1024;

type Put = Result<(), NoMemory>;

/// The answer to a request.
///
/// # Invariants
///
/// `info` is the request that is being handled; `skb` is a valid buffer that belongs to this object and begins
/// with the headers of the answer, the latter of which `header` points to.
pub(crate) struct Reply {
    info: *mut bindings::genl_info,
    skb: NonNull<bindings::sk_buff>,
    header: *mut c_void,
}

impl Reply {
    /// An answer without attributes.
    ///
    /// # Safety
    ///
    /// `info` must be the request that is being handled, and outlive the answer.
    pub(crate) unsafe fn new(info: *mut bindings::genl_info, cmd: u8) -> Result<Self, NoMemory> {
        let mut skb = core::ptr::null_mut();
        // SAFETY: `info` is valid by the requirements of this function.
        let header = unsafe { ffi::ipcon_reply_new(info, ROOM, cmd, &mut skb) };
        allocated(header)?;
        // INVARIANT: With a header there is a buffer.
        Ok(Self {
            info,
            skb: allocated(skb)?,
            header,
        })
    }

    pub(crate) fn attributes(&mut self) -> Attributes {
        // SAFETY: The buffer is valid, and this object is borrowed while the attributes are put.
        unsafe { Attributes::new(self.skb) }
    }

    /// Sends the answer.
    pub(crate) fn send(self) -> Result<(), Refusal> {
        let reply = core::mem::ManuallyDrop::new(self);
        // SAFETY: All three are valid by the type invariants; the buffer is given away.
        let sent = unsafe { ffi::ipcon_reply_send(reply.info, reply.skb.as_ptr(), reply.header) };
        let text = c"receive queue of the requesting socket is full";
        to_result(sent).map_err(|error| Refusal::new(error, text))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // SAFETY: The buffer belongs to this object.
        unsafe { ffi::ipcon_message_free(self.skb.as_ptr()) }
    }
}

pub(crate) fn new_peer(out: &mut Attributes, peer: &Peer<Netlink>) -> Put {
    use uapi::attr::peer::{ID, MAX_MSG_LEN, PAD, PORT};
    out.u32(PORT, peer.port)?;
    out.u64(ID, peer.id, PAD)?;
    // SAFETY: No requirements.
    out.u32(MAX_MSG_LEN, unsafe { ffi::ipcon_max_msg_len() })
}

pub(crate) fn peer(out: &mut Attributes, peer: &Peer<Netlink>) -> Put {
    use uapi::attr::peer::{
        COMM, COUNTERS, CREATED_AT, ID, LOST, PAD, PID, PORT, QUEUE_BYTES, QUEUE_LIMIT,
        QUEUE_OLDEST, UID,
    };
    let comm = &peer.identity.comm;
    let fill = peer.queue_fill();
    out.u32(PORT, peer.port)?;
    out.u64(ID, peer.id, PAD)?;
    out.u32(PID, peer.identity.pid)?;
    out.u32(UID, peer.identity.uid)?;
    out.name(
        COMM,
        comm.split(|byte| *byte == 0).next().unwrap_or_default(),
    )?;
    out.u64(CREATED_AT, peer.created_at, PAD)?;
    out.u32(QUEUE_BYTES, fill.bytes)?;
    out.u32(QUEUE_LIMIT, fill.limit)?;
    if let Some(oldest) = peer.queue_oldest() {
        out.u64(QUEUE_OLDEST, oldest, PAD)?;
    }
    out.u64(LOST, peer.unreported_losses(), PAD)?;
    out.nest(COUNTERS, |nest| counters(nest, &peer.counters, PAD))
}

pub(crate) fn service(out: &mut Attributes, service: &Service<Netlink>) -> Put {
    use uapi::attr::service::{CREATED_AT, ID, NAME, PAD, PEER_ID, PORT};
    out.name(NAME, service.name.as_bytes())?;
    out.u64(ID, service.id, PAD)?;
    out.u32(PORT, service.peer.port)?;
    out.u64(PEER_ID, service.peer.id, PAD)?;
    out.u64(CREATED_AT, service.created_at, PAD)
}

pub(crate) fn group(out: &mut Attributes, view: &GroupView<Netlink>) -> Put {
    use uapi::attr::group as a;
    out.name(a::NAME, view.group.name.as_bytes())?;
    out.u64(a::ID, view.group.id, a::PAD)?;
    out.u32(a::OWNER_PORT, view.group.owner_port)?;
    out.u64(a::OWNER_ID, view.group.owner, a::PAD)?;
    out.u64(a::CREATED_AT, view.group.created_at, a::PAD)?;
    out.u32(a::MEMBERS, view.members)?;
    if let Some(len) = view.last_len {
        out.u32(a::LAST_LEN, len)?;
    }
    let (counts, copies) = (&view.counts, &view.counts.copies);
    for (attribute, value) in [
        (a::SENT_MESSAGES, counts.sent_messages),
        (a::SENT_BYTES, counts.sent_bytes),
        (a::DELIVERED_MESSAGES, copies.delivered_messages),
        (a::DELIVERED_BYTES, copies.delivered_bytes),
        (a::REPLAYED_MESSAGES, copies.replayed_messages),
        (a::REPLAYED_BYTES, copies.replayed_bytes),
        (a::DROPPED_QUEUE_FULL, copies.dropped_queue_full),
        (a::DROPPED_NO_MEMORY, copies.dropped_no_memory),
        (a::UNHEARD_MESSAGES, counts.unheard_messages),
        (a::DROPPED_QUEUE_FULL_BYTES, copies.dropped_queue_full_bytes),
        (a::DROPPED_NO_MEMORY_BYTES, copies.dropped_no_memory_bytes),
    ] {
        out.u64(attribute, value, a::PAD)?;
    }
    Ok(())
}

pub(crate) fn member(out: &mut Attributes, view: &MemberView<Netlink>) -> Put {
    use uapi::attr::member as a;
    out.u64(a::GROUP_ID, view.group.id, a::PAD)?;
    out.name(a::GROUP_NAME, view.group.name.as_bytes())?;
    out.u64(a::PEER_ID, view.peer.id, a::PAD)?;
    out.u32(a::PORT, view.peer.port)?;
    out.u64(a::JOINED_AT, view.joined_at, a::PAD)?;
    let copies = &view.counts;
    for (attribute, value) in [
        (a::DELIVERED_MESSAGES, copies.delivered_messages),
        (a::DELIVERED_BYTES, copies.delivered_bytes),
        (a::REPLAYED_MESSAGES, copies.replayed_messages),
        (a::REPLAYED_BYTES, copies.replayed_bytes),
        (a::DROPPED_QUEUE_FULL, copies.dropped_queue_full),
        (a::DROPPED_QUEUE_FULL_BYTES, copies.dropped_queue_full_bytes),
        (a::DROPPED_NO_MEMORY, copies.dropped_no_memory),
        (a::DROPPED_NO_MEMORY_BYTES, copies.dropped_no_memory_bytes),
    ] {
        out.u64(attribute, value, a::PAD)?;
    }
    Ok(())
}

pub(crate) fn bus(out: &mut Attributes, bus: &Bus<Netlink>) -> Put {
    use uapi::attr::bus as a;
    let census = bus.census();
    out.u64(a::GENERATION, census.generation, a::PAD)?;
    // SAFETY: No requirements.
    out.u32(a::MAX_MSG_LEN, unsafe { ffi::ipcon_max_msg_len() })?;
    out.u32(a::PEERS, census.peers)?;
    out.u32(a::SERVICES, census.services)?;
    out.u32(a::GROUPS, census.groups)?;
    out.u32(a::MEMBERSHIPS, census.memberships)?;
    out.u64(a::KEVENT_SEQUENCE, census.kevent_sequence, a::PAD)?;
    out.nest(a::COUNTERS, |nest| counters(nest, bus.totals(), a::PAD))
}

fn counters(out: &mut Attributes, counters: &Counters, pad: u16) -> Put {
    use uapi::attr::counters as a;
    for (messages, bytes, traffic) in [
        (
            a::SENT_UNICAST_MESSAGES,
            a::SENT_UNICAST_BYTES,
            &counters.sent_unicast,
        ),
        (
            a::SENT_MULTICAST_MESSAGES,
            a::SENT_MULTICAST_BYTES,
            &counters.sent_multicast,
        ),
        (
            a::DELIVERED_UNICAST_MESSAGES,
            a::DELIVERED_UNICAST_BYTES,
            &counters.delivered_unicast,
        ),
        (
            a::DELIVERED_MULTICAST_MESSAGES,
            a::DELIVERED_MULTICAST_BYTES,
            &counters.delivered_multicast,
        ),
        (
            a::REFUSED_QUEUE_FULL,
            a::REFUSED_QUEUE_FULL_BYTES,
            &counters.refused_queue_full,
        ),
        (
            a::REFUSED_NO_PEER,
            a::REFUSED_NO_PEER_BYTES,
            &counters.refused_no_peer,
        ),
        (
            a::REFUSED_NO_MEMORY,
            a::REFUSED_NO_MEMORY_BYTES,
            &counters.refused_no_memory,
        ),
        (
            a::DROPPED_QUEUE_FULL,
            a::DROPPED_QUEUE_FULL_BYTES,
            &counters.dropped_queue_full,
        ),
        (
            a::DROPPED_NO_MEMORY,
            a::DROPPED_NO_MEMORY_BYTES,
            &counters.dropped_no_memory,
        ),
    ] {
        out.u64(messages, traffic.messages.get(), pad)?;
        out.u64(bytes, traffic.bytes.get(), pad)?;
    }
    Ok(())
}
