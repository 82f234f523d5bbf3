// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages to a peer, kevents among them.

use std::time::Duration;

use super::{FAMILY, datagram, kevent_bytes, long, number, port};
use crate::kevent::Event;
use crate::name::Name;
use crate::origin::{KeventMeta, Origin};
use crate::wire::uapi::{self, attr, cmd};
use crate::wire::{Incoming, LARGEST_MESSAGE, Malformed, event};

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
    let from = |number| (attr::message::PORT, super::number(number));
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
            (attr::message::KEVENT_PID, super::number(7)),
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
