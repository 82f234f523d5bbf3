// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire against neli, which builds what is read here and reads what is built here, and against noise.

use std::io::Cursor;
use std::time::Duration;

use neli::consts::genl::{CtrlAttr, CtrlCmd};
use neli::consts::nl::{GenlId, NlmF};
use neli::genl::{
    AttrTypeBuilder, Genlmsghdr, GenlmsghdrBuilder, Nlattr, NlattrBuilder, NoUserHeader,
};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::types::{Buffer, GenlBuffer};
use neli::{FromBytes as _, ToBytes as _};
use proptest::collection::vec;
use proptest::prelude::*;

use super::uapi::{attr, cmd};
use super::*;
use crate::kevent::Event;
use crate::name::Name;
use crate::origin::{KeventMeta, Origin};
use crate::port::Port;

const FAMILY: u16 = 30;

/// An attribute as neli writes it.
fn written(number: u16, value: &[u8]) -> Nlattr<CtrlAttr, Buffer> {
    let kind = AttrTypeBuilder::default()
        .nla_type(CtrlAttr::from(number))
        .build()
        .unwrap();
    NlattrBuilder::default()
        .nla_type(kind)
        .nla_payload(value)
        .build()
        .unwrap()
}

/// A datagram as neli writes it.
fn datagram(command: u8, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let attributes: GenlBuffer<CtrlAttr, Buffer> = attributes
        .iter()
        .map(|(number, value)| written(*number, value))
        .collect();
    let message = GenlmsghdrBuilder::<CtrlCmd, CtrlAttr, NoUserHeader>::default()
        .cmd(CtrlCmd::from(command))
        .version(uapi::FAMILY_VERSION)
        .attrs(attributes)
        .build()
        .unwrap();
    let message = NlmsghdrBuilder::default()
        .nl_type(GenlId::from(FAMILY))
        .nl_flags(NlmF::empty())
        .nl_payload(NlPayload::Payload(message))
        .build()
        .unwrap();
    let mut bytes = Cursor::new(Vec::new());
    message.to_bytes(&mut bytes).unwrap();
    bytes.into_inner()
}

fn nested(attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    for (number, value) in attributes {
        written(*number, value).to_bytes(&mut bytes).unwrap();
    }
    bytes.into_inner()
}

fn attributes_of(datagram: &[u8]) -> Attributes<'_> {
    match Frames::new(datagram)
        .next()
        .unwrap()
        .unwrap()
        .answer()
        .unwrap()
    {
        Answer::Data { attributes, .. } => attributes,
        other => panic!("{other:?}"),
    }
}

fn port(number: u32) -> Port {
    Port::new(number).unwrap()
}

fn number(value: u32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn long(value: u64) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// Counters 1, 2, 3… in the order of the wire.
fn counters_sample() -> (u16, Vec<u8>) {
    let all: Vec<_> = (1..=13).map(|at| (at, long(u64::from(at)))).collect();
    (attr::peer::COUNTERS, nested(&all))
}

fn peer_sample() -> Vec<(u16, Vec<u8>)> {
    use attr::peer as set;
    vec![
        (set::PORT, number(7)),
        (set::ID, long(8)),
        (set::PID, number(9)),
        (set::UID, number(10)),
        (set::COMM, b"a\xffb\0junk".to_vec()),
        (set::CREATED_AT, long(1_000_000_007)),
        (set::QUEUE_BYTES, number(12)),
        (set::QUEUE_LIMIT, number(13)),
        (set::LOST, long(14)),
        (set::PAD, Vec::new()),
        counters_sample(),
        (99, b"from a newer module".to_vec()),
    ]
}

#[test]
fn a_peer_is_read() {
    let bytes = datagram(cmd::PEER_GET, &peer_sample());
    let peer = peer(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (peer.port, peer.id, peer.pid, peer.uid),
        (port(7), 8, 9, 10)
    );
    assert_eq!(peer.comm, "a\u{fffd}b");
    assert_eq!(peer.created_at, Duration::new(1, 7));
    assert_eq!(
        (peer.queue_bytes, peer.queue_limit, peer.lost),
        (12, 13, 14)
    );
    let counters = peer.counters;
    assert_eq!(counters.sent_unicast_messages, 1);
    assert_eq!(counters.sent_multicast_bytes, 4);
    assert_eq!(counters.delivered_multicast_messages, 7);
    assert_eq!(counters.refused_no_peer, 10);
    assert_eq!(counters.dropped_no_memory, 13);
}

#[test]
fn a_missing_or_short_attribute_is_named() {
    for (index, name) in [
        (0, "port"),
        (4, "comm"),
        (6, "queue-bytes"),
        (10, "counters"),
    ] {
        let mut attributes = peer_sample();
        attributes.remove(index);
        let bytes = datagram(cmd::PEER_GET, &attributes);
        assert_eq!(peer(attributes_of(&bytes)), Err(Malformed::Missing(name)));
    }
    let mut attributes = peer_sample();
    attributes[1].1.pop();
    let bytes = datagram(cmd::PEER_GET, &attributes);
    assert_eq!(peer(attributes_of(&bytes)), Err(Malformed::Value("id")));
}

#[test]
fn the_welcome_of_a_peer_and_the_number_of_the_family_are_read() {
    use attr::peer as set;
    let mut attributes = vec![
        (set::PORT, number(7)),
        (set::ID, long(8)),
        (set::MAX_MSG_LEN, number(9)),
    ];
    let bytes = datagram(cmd::PEER_NEW, &attributes);
    let read = welcome(attributes_of(&bytes)).unwrap();
    assert_eq!((read.port, read.id, read.max_message_len), (port(7), 8, 9));
    attributes[0].1 = number(0);
    let bytes = datagram(cmd::PEER_NEW, &attributes);
    assert_eq!(
        welcome(attributes_of(&bytes)),
        Err(Malformed::Value("port"))
    );

    let family = [(CtrlAttr::FamilyId.into(), FAMILY.to_ne_bytes().to_vec())];
    let bytes = datagram(CtrlCmd::Newfamily.into(), &family);
    assert_eq!(family_number(attributes_of(&bytes)), Ok(FAMILY));
    let bytes = datagram(CtrlCmd::Newfamily.into(), &[]);
    assert_eq!(
        family_number(attributes_of(&bytes)),
        Err(Malformed::Missing("family-id"))
    );
}

#[test]
fn the_kevent_group_has_no_owner_and_may_have_no_last_message() {
    use attr::group as set;
    let mut attributes = vec![
        (set::NAME, b"ipcon_kevent\0".to_vec()),
        (set::ID, long(1)),
        (set::OWNER_PORT, number(0)),
        (set::OWNER_ID, long(0)),
        (set::CREATED_AT, long(5)),
        (set::MEMBERS, number(2)),
    ];
    attributes.extend((set::SENT_MESSAGES..=set::UNHEARD_MESSAGES).map(|at| (at, long(at.into()))));
    let bytes = datagram(cmd::GROUP_GET, &attributes);
    let kevents = group(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (kevents.owner_port, kevents.owner_id, kevents.last_len),
        (None, 0, None)
    );
    assert_eq!((kevents.sent_messages, kevents.unheard_messages), (8, 16));

    attributes.extend([(set::LAST_LEN, number(3)), (set::OWNER_PORT, number(4))]);
    let bytes = datagram(cmd::GROUP_GET, &attributes);
    let group = group(attributes_of(&bytes)).unwrap();
    assert_eq!((group.owner_port, group.last_len), (Some(port(4)), Some(3)));
}

#[test]
fn services_members_and_the_bus_are_read() {
    let bytes = datagram(
        cmd::SERVICE_GET,
        &[
            (attr::service::NAME, b"clock\0".to_vec()),
            (attr::service::ID, long(2)),
            (attr::service::PORT, number(3)),
            (attr::service::PEER_ID, long(4)),
            (attr::service::CREATED_AT, long(5)),
        ],
    );
    let service = service(attributes_of(&bytes)).unwrap();
    assert_eq!((service.id, service.port, service.peer_id), (2, port(3), 4));
    assert_eq!(service.name, "clock");

    let bytes = datagram(
        cmd::MEMBER_GET,
        &[
            (attr::member::GROUP_ID, long(1)),
            (attr::member::GROUP_NAME, b"news\0".to_vec()),
            (attr::member::PEER_ID, long(2)),
            (attr::member::PORT, number(3)),
            (attr::member::JOINED_AT, long(4)),
        ],
    );
    let member = member(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (member.group_id, member.peer_id, member.port),
        (1, 2, port(3))
    );
    assert_eq!(member.group_name, "news");

    let mut attributes = vec![
        (attr::bus::GENERATION, long(1)),
        (attr::bus::KEVENT_SEQUENCE, long(7)),
    ];
    attributes
        .extend((attr::bus::MAX_MSG_LEN..=attr::bus::MEMBERSHIPS).map(|n| (n, number(n.into()))));
    attributes.push((attr::bus::COUNTERS, counters_sample().1));
    let bytes = datagram(cmd::BUS_GET, &attributes);
    let bus = bus(attributes_of(&bytes)).unwrap();
    assert_eq!(
        (bus.generation, bus.max_msg_len, bus.peers, bus.services),
        (1, 2, 3, 4)
    );
    assert_eq!(
        (bus.groups, bus.memberships, bus.kevent_sequence),
        (5, 6, 7)
    );
    assert_eq!(bus.counters.sent_unicast_bytes, 2);
}

/// `struct ipcon_kevent` as the module writes it.
fn kevent_bytes(kind: u32, name: &[u8], number_at: usize, number: u32) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..4].copy_from_slice(&kind.to_ne_bytes());
    bytes[4..4 + name.len()].copy_from_slice(name);
    bytes[number_at..number_at + 4].copy_from_slice(&number.to_ne_bytes());
    bytes
}

#[test]
fn the_five_kevents_are_read() {
    let longest = [b'n'; 31];
    let service = Name::new(longest).unwrap();
    let group = Name::new([b'g'; 15]).unwrap();
    let rows = [
        (
            kevent_bytes(0, &longest, 36, 9),
            Event::ServiceAdded {
                name: service,
                port: port(9),
            },
        ),
        (
            kevent_bytes(1, &longest, 36, 9),
            Event::ServiceRemoved {
                name: service,
                port: port(9),
            },
        ),
        (
            kevent_bytes(2, &[b'g'; 15], 20, 0),
            Event::GroupAdded {
                name: group,
                group_id: 0,
            },
        ),
        (
            kevent_bytes(3, &[b'g'; 15], 20, 8),
            Event::GroupRemoved {
                name: group,
                group_id: 8,
            },
        ),
        (
            kevent_bytes(4, &[], 4, 7),
            Event::PeerRemoved { port: port(7) },
        ),
    ];
    for (bytes, expected) in rows {
        assert_eq!(event(&bytes), Ok(expected));
        assert_eq!(event(&bytes[..39]), Err(Malformed::Kevent));
    }
}

#[test]
fn kevents_of_unknown_type_or_with_bad_content_are_refused() {
    let unterminated = kevent_bytes(0, &[b'n'; 32], 36, 9);
    let unterminated_group = kevent_bytes(2, &[b'g'; 16], 20, 9);
    let nameless = kevent_bytes(2, b"", 20, 9);
    let portless = kevent_bytes(4, b"", 36, 0);
    for bytes in [
        unterminated,
        unterminated_group,
        nameless,
        portless,
        kevent_bytes(5, b"x", 36, 9),
    ] {
        assert_eq!(event(&bytes), Err(Malformed::Kevent));
    }
}

#[test]
fn the_origin_of_a_message_follows_its_attributes() {
    let data = (attr::message::DATA, b"hi".to_vec());
    let from = |number| (attr::message::PORT, super::tests::number(number));
    let group = |name: &str| (attr::message::GROUP, format!("{name}\0").into_bytes());
    let read = |attributes: &[(u16, Vec<u8>)]| {
        let bytes = datagram(cmd::MESSAGE, attributes);
        Incoming::read(&bytes, FAMILY).map(|incoming| incoming.unwrap().origin)
    };

    assert_eq!(read(&[from(3), data.clone()]), Ok(Origin::Peer(port(3))));
    let name = Name::new("news").unwrap();
    assert_eq!(
        read(&[from(3), group("news"), data.clone()]),
        Ok(Origin::Group {
            name,
            from: port(3)
        })
    );
    // Only the kernel's group has no sender, and then the number and the time are needed.
    assert_eq!(
        read(&[from(0), group("news"), data.clone()]),
        Err(Malformed::Value("port"))
    );
    assert_eq!(
        read(&[from(0), data.clone()]),
        Err(Malformed::Value("port"))
    );
    let kevents = group(uapi::KEVENT_GROUP);
    assert_eq!(
        read(&[from(0), kevents.clone(), data.clone()]),
        Err(Malformed::Missing("kevent-sequence"))
    );
    assert_eq!(
        read(&[
            from(0),
            kevents,
            (attr::message::KEVENT_SEQUENCE, long(5)),
            (attr::message::KEVENT_TIME, long(6)),
            (attr::message::KEVENT_PID, super::tests::number(7)),
            data.clone(),
        ]),
        Ok(Origin::Kevent(KeventMeta {
            sequence: 5,
            time: Duration::from_nanos(6),
            pid: 7
        }))
    );
    assert_eq!(read(&[data]), Err(Malformed::Missing("port")));
    assert_eq!(read(&[from(3)]), Err(Malformed::Missing("data")));
}

#[test]
fn what_is_no_message_of_the_family_is_passed_over() {
    let attributes = [
        (attr::message::PORT, number(3)),
        (attr::message::DATA, vec![1]),
    ];
    assert_eq!(
        Incoming::read(&datagram(cmd::PEER_NEW, &attributes), FAMILY),
        Ok(None)
    );
    assert_eq!(
        Incoming::read(&datagram(cmd::MESSAGE, &attributes), FAMILY + 1),
        Ok(None)
    );
    assert_eq!(Incoming::read(&[], FAMILY), Ok(None));
}

#[test]
fn the_largest_message_fits_into_the_buffer_with_room_to_spare() {
    let bytes = datagram(
        cmd::MESSAGE,
        &[
            (attr::message::PORT, number(3)),
            (attr::message::GROUP, vec![b'g'; 16]),
            (attr::message::DATA, vec![1; uapi::MAX_MSG_LEN_LIMIT]),
            (attr::message::REPLAY, Vec::new()),
            (attr::message::LOST, number(1)),
            (attr::message::KEVENT_SEQUENCE, long(1)),
            (attr::message::KEVENT_TIME, long(1)),
            (attr::message::KEVENT_PID, number(1)),
        ],
    );
    assert!(bytes.len() + 64 < LARGEST_MESSAGE, "{}", bytes.len());
}

/// Everything that reads, on the same bytes.
fn read_all(bytes: &[u8]) {
    let _ = Incoming::read(bytes, FAMILY);
    let _ = event(bytes);
    for frame in Frames::new(bytes).flatten() {
        let _ = frame.answer();
    }
    for attributes in [
        Attributes::new(bytes),
        Attributes::new(bytes.get(20..).unwrap_or(&[])),
    ] {
        let _ = peer(attributes.clone());
        let _ = service(attributes.clone());
        let _ = group(attributes.clone());
        let _ = member(attributes.clone());
        let _ = welcome(attributes.clone());
        let _ = family_number(attributes.clone());
        let _ = bus(attributes);
    }
}

proptest! {
    #[test]
    fn noise_is_read_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    /// Noise seldom gets past the first header. These bytes are good ones with a few changed and the end cut.
    #[test]
    fn damaged_messages_are_read_without_panic(
        which in 0..3_usize,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let message = [
            (attr::message::PORT, number(0)),
            (attr::message::GROUP, b"ipcon_kevent\0".to_vec()),
            (attr::message::KEVENT_SEQUENCE, long(1)),
            (attr::message::DATA, kevent_bytes(0, b"clock", 36, 7).to_vec()),
        ];
        let mut refusal = number(0xffff_fff0);
        refusal.extend(datagram(cmd::SEND_UNICAST, &message));
        refusal.extend(nested(&[(1, b"a text\0".to_vec())]));
        let mut bytes = match which {
            0 => datagram(cmd::MESSAGE, &message),
            1 => datagram(cmd::PEER_GET, &peer_sample()),
            _ => {
                let mut bytes = datagram(0, &[]);
                bytes.truncate(16);
                bytes[4..8].copy_from_slice(&[2, 0, 0, 2]);
                bytes.extend(refusal);
                let len = u32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&len.to_ne_bytes());
                bytes
            }
        };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        read_all(&bytes);
    }

    #[test]
    fn messages_that_neli_builds_are_read(
        from in 1..=u32::MAX,
        name in proptest::option::of("[a-z]{1,15}"),
        data in vec(any::<u8>(), 1..200),
        replay in any::<bool>(),
        lost in 0..4_u32,
    ) {
        let mut attributes = vec![(attr::message::PORT, number(from))];
        attributes.extend(name.iter().map(|it| (attr::message::GROUP, format!("{it}\0").into_bytes())));
        attributes.push((attr::message::DATA, data.clone()));
        attributes.extend(replay.then(|| (attr::message::REPLAY, Vec::new())));
        attributes.extend((lost > 0).then(|| (attr::message::LOST, number(lost))));
        let bytes = datagram(cmd::MESSAGE, &attributes);

        let origin = match &name {
            None => Origin::Peer(port(from)),
            Some(name) => Origin::Group { name: Name::new(name).unwrap(), from: port(from) },
        };
        let expected = Incoming { origin, data: &data, replay, lost };
        prop_assert_eq!(Incoming::read(&bytes, FAMILY), Ok(Some(expected)));
        prop_assert!(least_message(data.len()) <= bytes.len());
    }

    #[test]
    fn requests_are_what_neli_reads(
        command in 1..=16_u8,
        sequence in any::<u32>(),
        to in any::<u32>(),
        name in "[a-z]{0,40}",
        data in vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![0xee; 5];
        let request = Request::new(&mut bytes, FAMILY, 1, command, Flags::Acknowledged, sequence);
        let request = request.text(1, &name).unwrap().u32(2, to).flag(4);
        let mut sent = request.finish_with_data(3, data.len()).unwrap().to_vec();
        sent.extend(&data);
        sent.extend(padding(data.len()));

        let read = Nlmsghdr::<GenlId, Genlmsghdr<CtrlCmd, CtrlAttr>>::from_bytes(
            &mut Cursor::new(&sent[..]),
        ).unwrap();
        prop_assert_eq!(*read.nl_len() as usize, sent.len());
        prop_assert_eq!(*read.nl_type(), GenlId::from(FAMILY));
        prop_assert_eq!(*read.nl_flags(), NlmF::REQUEST | NlmF::ACK);
        prop_assert_eq!((*read.nl_seq(), *read.nl_pid()), (sequence, 0));
        let message = read.get_payload().unwrap();
        prop_assert_eq!((u8::from(*message.cmd()), *message.version()), (command, 1));
        let attributes: Vec<_> = message
            .attrs()
            .iter()
            .map(|it| (u16::from(it.nla_type()), it.nla_payload().as_ref().to_vec()))
            .collect();
        prop_assert_eq!(
            attributes,
            [(1, format!("{name}\0").into_bytes()), (2, number(to)), (4, vec![]), (3, data)]
        );
    }
}
