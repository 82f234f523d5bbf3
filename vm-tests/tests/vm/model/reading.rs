// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages and rows of the module in the model's words.

use ipcon_model::copy_counts;
use ipcon_model::operation::{Content, Event, Message};
use ipcon_model::snapshot::{CopyCounts, Counters, GroupCounts, GroupRow, Traffic};

use super::driver::{Made, text};
use crate::speaker::find;
use crate::uapi::attr::message as attribute;
use crate::uapi::kevent_type;

/// A message by its attributes.
pub(super) fn message(attributes: &[u8], made: &Made) -> Message {
    let data = find(attributes, attribute::DATA).expect("a message has data");
    let from = u32(attributes, attribute::PORT);
    let content = if from == 0 {
        kevent(attributes, data, made)
    } else {
        let number = u64::from_le_bytes(data[..8].try_into().unwrap());
        let len = u32::try_from(data.len()).unwrap();
        assert_eq!(data, payload(number, len), "a message arrives whole");
        Content::Data { number, len }
    };
    let group = find(attributes, attribute::GROUP);
    Message {
        from,
        group: group.map(string),
        content,
        replay: find(attributes, attribute::REPLAY).is_some(),
        lost: find(attributes, attribute::LOST).map_or(0, |lost| number(lost, 0).into()),
    }
}

fn kevent(attributes: &[u8], data: &[u8], made: &Made) -> Content {
    assert_eq!(data.len(), 40);
    // One process has all sockets, so its pid does not tell which peer the kevent is about; the event does.
    let pid = u32(attributes, attribute::KEVENT_PID);
    assert_eq!(pid, std::process::id());
    let name = string(&data[4..]);
    let (service_port, port) = (|| number(data, 36), number(data, 4));
    let group = || made.announced_group(number(data, 20));
    let (about, event) = match number(data, 0) {
        kevent_type::SRV_ADD => {
            let port = service_port();
            (port, Event::ServiceAdded { name, port })
        }
        kevent_type::SRV_REMOVE => {
            let port = service_port();
            (port, Event::ServiceRemoved { name, port })
        }
        kevent_type::GRP_ADD => {
            let (group, owner) = group();
            (owner, Event::GroupAdded { name, group })
        }
        kevent_type::GRP_REMOVE => {
            let (group, owner) = group();
            (owner, Event::GroupRemoved { name, group })
        }
        kevent_type::PEER_REMOVE => (port, Event::PeerRemoved { port }),
        other => panic!("there is no kevent of type {other}"),
    };
    Content::Kevent {
        sequence: u64(attributes, attribute::KEVENT_SEQUENCE),
        about,
        event,
    }
}

/// A row of a group.
pub(super) fn group_row(row: &libipcon::GroupInfo, made: &Made) -> GroupRow {
    GroupRow {
        group: made.group(row.id),
        name: text(&row.name),
        owner: made.peer(row.owner_id),
        owner_port: row.owner_port.map_or(0, libipcon::Port::get),
        members: row.members as usize,
        last_len: row.last_len,
        counts: GroupCounts {
            sent: Traffic::new(row.sent_messages, row.sent_bytes),
            unheard: row.unheard_messages,
            copies: copy_counts!(row),
        },
    }
}

/// What became of the copies for a member.
pub(super) fn copies(row: &libipcon::MemberInfo) -> CopyCounts {
    copy_counts!(row)
}

/// Counters of a peer or of the bus.
pub(super) fn counters(of: &libipcon::Counters) -> Counters {
    Counters {
        sent_unicast: Traffic::new(of.sent_unicast_messages, of.sent_unicast_bytes),
        sent_multicast: Traffic::new(of.sent_multicast_messages, of.sent_multicast_bytes),
        delivered_unicast: Traffic::new(of.delivered_unicast_messages, of.delivered_unicast_bytes),
        delivered_multicast: Traffic::new(
            of.delivered_multicast_messages,
            of.delivered_multicast_bytes,
        ),
        refused_queue_full: Traffic::new(of.refused_queue_full, of.refused_queue_full_bytes),
        refused_no_peer: Traffic::new(of.refused_no_peer, of.refused_no_peer_bytes),
        refused_no_memory: Traffic::new(of.refused_no_memory, of.refused_no_memory_bytes),
        dropped_queue_full: Traffic::new(of.dropped_queue_full, of.dropped_queue_full_bytes),
        dropped_no_memory: Traffic::new(of.dropped_no_memory, of.dropped_no_memory_bytes),
    }
}

/// What the `number`th sending operation sends.
pub(super) fn payload(number: u64, len: u32) -> Vec<u8> {
    let filler = (8..len).map(|at| (number as u8).wrapping_add(at as u8));
    number.to_le_bytes().into_iter().chain(filler).collect()
}

/// A number of 32 bits among attributes that must be there.
pub(super) fn u32(attributes: &[u8], of: u16) -> u32 {
    number(find(attributes, of).expect("the attribute is there"), 0)
}

/// A number of 64 bits among attributes that must be there.
pub(super) fn u64(attributes: &[u8], of: u16) -> u64 {
    let bytes = find(attributes, of).expect("the attribute is there");
    u64::from_ne_bytes(bytes.try_into().unwrap())
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn string(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap();
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
