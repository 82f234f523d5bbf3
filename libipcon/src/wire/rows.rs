// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells about the bus and its objects.

use std::time::Duration;

use super::attribute::Attribute;
use super::uapi::attr;
use super::uapi::{GROUP_NAME_MAX_LEN, SERVICE_NAME_MAX_LEN};
use super::{Attributes, Malformed};
use crate::info::{BusInfo, Counters, GroupInfo, MemberInfo, PeerInfo, ServiceInfo};
use crate::name::Name;
use crate::port::Port;

/// More than the largest number of an attribute of any set.
const NUMBERS: usize = 32;

/// The attributes of one object by number; those that this library does not know are left out.
pub(super) struct Fields<'a>([Option<Attribute<'a>>; NUMBERS]);

impl<'a> Fields<'a> {
    pub(super) fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut fields = [None; NUMBERS];
        for attribute in attributes {
            let attribute = attribute?;
            if let Some(field) = fields.get_mut(usize::from(attribute.number)) {
                *field = Some(attribute);
            }
        }
        Ok(Self(fields))
    }

    fn find(&self, number: u16) -> Option<Attribute<'a>> {
        self.0.get(usize::from(number)).copied().flatten()
    }

    fn need(&self, number: u16, name: &'static str) -> Result<Attribute<'a>, Malformed> {
        self.find(number).ok_or(Malformed::Missing(name))
    }

    pub(super) fn u16(&self, number: u16, name: &'static str) -> Result<u16, Malformed> {
        self.need(number, name)?.u16(name)
    }

    pub(super) fn u32(&self, number: u16, name: &'static str) -> Result<u32, Malformed> {
        self.need(number, name)?.u32(name)
    }

    pub(super) fn u64(&self, number: u16, name: &'static str) -> Result<u64, Malformed> {
        self.need(number, name)?.u64(name)
    }

    fn time(&self, number: u16, name: &'static str) -> Result<Duration, Malformed> {
        self.need(number, name)?.time(name)
    }

    pub(super) fn port(&self, number: u16, name: &'static str) -> Result<Port, Malformed> {
        self.need(number, name)?.port(name)
    }

    fn name(&self, number: u16, name: &'static str, limit: usize) -> Result<Name, Malformed> {
        self.need(number, name)?.name(name, limit)
    }
}

pub(crate) fn peer(attributes: Attributes<'_>) -> Result<PeerInfo, Malformed> {
    use attr::peer as set;
    let fields = Fields::read(attributes)?;
    Ok(PeerInfo {
        port: fields.port(set::PORT, "port")?,
        id: fields.u64(set::ID, "id")?,
        pid: fields.u32(set::PID, "pid")?,
        uid: fields.u32(set::UID, "uid")?,
        comm: fields.need(set::COMM, "comm")?.text(),
        created_at: fields.time(set::CREATED_AT, "created-at")?,
        queue_bytes: fields.u32(set::QUEUE_BYTES, "queue-bytes")?,
        queue_limit: fields.u32(set::QUEUE_LIMIT, "queue-limit")?,
        queue_oldest: fields
            .find(set::QUEUE_OLDEST)
            .map(|it| it.time("queue-oldest"))
            .transpose()?,
        lost: fields.u64(set::LOST, "lost")?,
        counters: counters(fields.need(set::COUNTERS, "counters")?.nested())?,
    })
}

pub(crate) fn service(attributes: Attributes<'_>) -> Result<ServiceInfo, Malformed> {
    use attr::service as set;
    let fields = Fields::read(attributes)?;
    Ok(ServiceInfo {
        name: fields.name(set::NAME, "name", SERVICE_NAME_MAX_LEN)?,
        id: fields.u64(set::ID, "id")?,
        port: fields.port(set::PORT, "port")?,
        peer_id: fields.u64(set::PEER_ID, "peer-id")?,
        created_at: fields.time(set::CREATED_AT, "created-at")?,
    })
}

pub(crate) fn group(attributes: Attributes<'_>) -> Result<GroupInfo, Malformed> {
    use attr::group as set;
    let fields = Fields::read(attributes)?;
    Ok(GroupInfo {
        name: fields.name(set::NAME, "name", GROUP_NAME_MAX_LEN)?,
        id: fields.u64(set::ID, "id")?,
        owner_port: Port::new(fields.u32(set::OWNER_PORT, "owner-port")?),
        owner_id: fields.u64(set::OWNER_ID, "owner-id")?,
        created_at: fields.time(set::CREATED_AT, "created-at")?,
        members: fields.u32(set::MEMBERS, "members")?,
        last_len: fields
            .find(set::LAST_LEN)
            .map(|it| it.u32("last-len"))
            .transpose()?,
        sent_messages: fields.u64(set::SENT_MESSAGES, "sent-messages")?,
        sent_bytes: fields.u64(set::SENT_BYTES, "sent-bytes")?,
        delivered_messages: fields.u64(set::DELIVERED_MESSAGES, "delivered-messages")?,
        delivered_bytes: fields.u64(set::DELIVERED_BYTES, "delivered-bytes")?,
        replayed_messages: fields.u64(set::REPLAYED_MESSAGES, "replayed-messages")?,
        replayed_bytes: fields.u64(set::REPLAYED_BYTES, "replayed-bytes")?,
        dropped_queue_full: fields.u64(set::DROPPED_QUEUE_FULL, "dropped-queue-full")?,
        dropped_no_memory: fields.u64(set::DROPPED_NO_MEMORY, "dropped-no-memory")?,
        unheard_messages: fields.u64(set::UNHEARD_MESSAGES, "unheard-messages")?,
        dropped_queue_full_bytes: fields
            .u64(set::DROPPED_QUEUE_FULL_BYTES, "dropped-queue-full-bytes")?,
        dropped_no_memory_bytes: fields
            .u64(set::DROPPED_NO_MEMORY_BYTES, "dropped-no-memory-bytes")?,
    })
}

pub(crate) fn member(attributes: Attributes<'_>) -> Result<MemberInfo, Malformed> {
    use attr::member as set;
    let fields = Fields::read(attributes)?;
    Ok(MemberInfo {
        group_id: fields.u64(set::GROUP_ID, "group-id")?,
        group_name: fields.name(set::GROUP_NAME, "group-name", GROUP_NAME_MAX_LEN)?,
        peer_id: fields.u64(set::PEER_ID, "peer-id")?,
        port: fields.port(set::PORT, "port")?,
        joined_at: fields.time(set::JOINED_AT, "joined-at")?,
        delivered_messages: fields.u64(set::DELIVERED_MESSAGES, "delivered-messages")?,
        delivered_bytes: fields.u64(set::DELIVERED_BYTES, "delivered-bytes")?,
        replayed_messages: fields.u64(set::REPLAYED_MESSAGES, "replayed-messages")?,
        replayed_bytes: fields.u64(set::REPLAYED_BYTES, "replayed-bytes")?,
        dropped_queue_full: fields.u64(set::DROPPED_QUEUE_FULL, "dropped-queue-full")?,
        dropped_queue_full_bytes: fields
            .u64(set::DROPPED_QUEUE_FULL_BYTES, "dropped-queue-full-bytes")?,
        dropped_no_memory: fields.u64(set::DROPPED_NO_MEMORY, "dropped-no-memory")?,
        dropped_no_memory_bytes: fields
            .u64(set::DROPPED_NO_MEMORY_BYTES, "dropped-no-memory-bytes")?,
    })
}

pub(crate) fn bus(attributes: Attributes<'_>) -> Result<BusInfo, Malformed> {
    use attr::bus as set;
    let fields = Fields::read(attributes)?;
    Ok(BusInfo {
        generation: fields.u64(set::GENERATION, "generation")?,
        max_msg_len: fields.u32(set::MAX_MSG_LEN, "max-msg-len")?,
        peers: fields.u32(set::PEERS, "peers")?,
        services: fields.u32(set::SERVICES, "services")?,
        groups: fields.u32(set::GROUPS, "groups")?,
        memberships: fields.u32(set::MEMBERSHIPS, "memberships")?,
        kevent_sequence: fields.u64(set::KEVENT_SEQUENCE, "kevent-sequence")?,
        counters: counters(fields.need(set::COUNTERS, "counters")?.nested())?,
    })
}

fn counters(attributes: Attributes<'_>) -> Result<Counters, Malformed> {
    use attr::counters as set;
    let fields = Fields::read(attributes)?;
    Ok(Counters {
        sent_unicast_messages: fields.u64(set::SENT_UNICAST_MESSAGES, "sent-unicast-messages")?,
        sent_unicast_bytes: fields.u64(set::SENT_UNICAST_BYTES, "sent-unicast-bytes")?,
        sent_multicast_messages: fields
            .u64(set::SENT_MULTICAST_MESSAGES, "sent-multicast-messages")?,
        sent_multicast_bytes: fields.u64(set::SENT_MULTICAST_BYTES, "sent-multicast-bytes")?,
        delivered_unicast_messages: fields.u64(
            set::DELIVERED_UNICAST_MESSAGES,
            "delivered-unicast-messages",
        )?,
        delivered_unicast_bytes: fields
            .u64(set::DELIVERED_UNICAST_BYTES, "delivered-unicast-bytes")?,
        delivered_multicast_messages: fields.u64(
            set::DELIVERED_MULTICAST_MESSAGES,
            "delivered-multicast-messages",
        )?,
        delivered_multicast_bytes: fields
            .u64(set::DELIVERED_MULTICAST_BYTES, "delivered-multicast-bytes")?,
        refused_queue_full: fields.u64(set::REFUSED_QUEUE_FULL, "refused-queue-full")?,
        refused_no_peer: fields.u64(set::REFUSED_NO_PEER, "refused-no-peer")?,
        refused_no_memory: fields.u64(set::REFUSED_NO_MEMORY, "refused-no-memory")?,
        dropped_queue_full: fields.u64(set::DROPPED_QUEUE_FULL, "dropped-queue-full")?,
        dropped_no_memory: fields.u64(set::DROPPED_NO_MEMORY, "dropped-no-memory")?,
        refused_queue_full_bytes: fields
            .u64(set::REFUSED_QUEUE_FULL_BYTES, "refused-queue-full-bytes")?,
        refused_no_peer_bytes: fields.u64(set::REFUSED_NO_PEER_BYTES, "refused-no-peer-bytes")?,
        refused_no_memory_bytes: fields
            .u64(set::REFUSED_NO_MEMORY_BYTES, "refused-no-memory-bytes")?,
        dropped_queue_full_bytes: fields
            .u64(set::DROPPED_QUEUE_FULL_BYTES, "dropped-queue-full-bytes")?,
        dropped_no_memory_bytes: fields
            .u64(set::DROPPED_NO_MEMORY_BYTES, "dropped-no-memory-bytes")?,
    })
}
