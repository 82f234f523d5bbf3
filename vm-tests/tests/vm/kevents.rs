// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel announces.

use ipcon_vm_tests::{Case, cases};
use libipcon::{Event, Inspector, KEVENT_GROUP, Name, Peer, Replay};

use crate::speaker::Speaker;
use crate::support::{kevents_until_gone, next, next_kevent, observer};
use crate::uapi::kevent_type;

pub(crate) fn all() -> Vec<Case> {
    cases![
        each_change_is_announced_once_and_in_order,
        the_payload_is_struct_ipcon_kevent,
        numbers_have_no_gap_and_times_do_not_go_back,
        who_joins_before_it_looks_misses_nothing,
        lost_announcements_are_told,
        a_socket_that_never_was_a_peer_leaves_in_silence,
        the_group_of_the_kernel_belongs_to_nobody_else,
    ]
}

fn each_change_is_announced_once_and_in_order() {
    let observer = observer();
    let peer = Peer::connect().unwrap();
    let port = peer.port();
    peer.register_service("s").unwrap();
    peer.register_group("g").unwrap();
    // Neither of these changes anything that is announced.
    peer.join_group("g", Replay::None).unwrap();
    peer.multicast("g", b"x").unwrap();
    peer.register_service("s").unwrap_err();
    peer.unregister_group("g").unwrap();
    peer.unregister_service("s").unwrap();
    drop(peer);

    let events: Vec<Event> = kevents_until_gone(&observer, port)
        .iter()
        .map(|kevent| kevent.event)
        .collect();
    let (service, group) = (Name::new("s").unwrap(), Name::new("g").unwrap());
    let Event::GroupAdded { group_id, .. } = events[1] else {
        panic!("{events:?}")
    };
    assert_eq!(
        events,
        [
            Event::ServiceAdded {
                name: service,
                port
            },
            Event::GroupAdded {
                name: group,
                group_id
            },
            Event::GroupRemoved {
                name: group,
                group_id
            },
            Event::ServiceRemoved {
                name: service,
                port
            },
            Event::PeerRemoved { port },
        ]
    );
    assert_eq!(observer.try_recv().unwrap(), None);
}

/// Byte by byte, because programs in other languages read it.
fn the_payload_is_struct_ipcon_kevent() {
    let observer = observer();
    let peer = Peer::connect().unwrap();
    let port = peer.port().get();
    let (service, group) = ("s".repeat(31), "g".repeat(15));
    peer.register_service(&service).unwrap();
    peer.register_group(&group).unwrap();
    let id = Inspector::open().unwrap().group(&group).unwrap().id;
    drop(peer);

    let of_service = |kind| payload(kind, &[(0, service.as_bytes()), (32, &port.to_ne_bytes())]);
    let of_group = |kind| {
        payload(
            kind,
            &[(0, group.as_bytes()), (16, &(id as u32).to_ne_bytes())],
        )
    };
    for expected in [
        of_service(kevent_type::SRV_ADD),
        of_group(kevent_type::GRP_ADD),
        of_service(kevent_type::SRV_REMOVE),
        of_group(kevent_type::GRP_REMOVE),
        payload(kevent_type::PEER_REMOVE, &[(0, &port.to_ne_bytes())]),
    ] {
        assert_eq!(next(&observer).data, expected);
    }
}

/// The type, and a union of 36 bytes with these parts at these offsets.
fn payload(kind: u32, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    bytes[..4].copy_from_slice(&kind.to_ne_bytes());
    for (at, part) in parts {
        bytes[4 + at..4 + at + part.len()].copy_from_slice(part);
    }
    bytes
}

fn numbers_have_no_gap_and_times_do_not_go_back() {
    let observer = observer();
    let peer = Peer::connect().unwrap();
    let mut before = None;
    for round in 0..50 {
        let name = format!("name-{round}");
        peer.register_service(&name).unwrap();
        peer.unregister_service(&name).unwrap();
        for _ in 0..2 {
            let kevent = next_kevent(&observer);
            assert_eq!(kevent.pid, std::process::id());
            if let Some((sequence, time)) = before {
                assert_eq!(kevent.sequence, sequence + 1);
                assert!(kevent.time >= time, "{kevent:?} after {time:?}");
            }
            before = Some((kevent.sequence, kevent.time));
        }
    }
    let newest = Inspector::open().unwrap().bus().unwrap().kevent_sequence;
    assert_eq!(before.map(|(sequence, _)| sequence), Some(newest));
    // A bus begins with number 1, and nothing else happened on this one.
    assert_eq!(newest, 100);
}

fn who_joins_before_it_looks_misses_nothing() {
    let peer = Peer::connect().unwrap();
    peer.register_service("early").unwrap();
    let observer = observer();
    peer.register_service("late").unwrap();
    assert_eq!(observer.find_service("early").unwrap(), peer.port());
    let name = Name::new("late").unwrap();
    assert_eq!(
        next_kevent(&observer).event,
        Event::ServiceAdded {
            name,
            port: peer.port()
        }
    );
}

fn lost_announcements_are_told() {
    let observer = observer();
    let peer = Peer::connect().unwrap();
    let inspector = Inspector::open().unwrap();
    let lost = || inspector.peer(observer.port()).unwrap().lost;
    // The smallest there is.
    observer.set_queue_limit(1).unwrap();
    for _ in 0..100 {
        peer.register_service("flicker").unwrap();
        peer.unregister_service("flicker").unwrap();
    }
    let lost = lost();
    assert!(
        lost > 0,
        "200 kevents that nobody read did not fill the queue"
    );
    let mut newest = 0;
    while let Some(message) = observer.try_recv().unwrap() {
        newest = message.kevent().unwrap().unwrap().sequence;
    }
    peer.register_service("flicker").unwrap();
    let message = next(&observer);
    assert_eq!(u64::from(message.lost), lost);
    assert_eq!(
        message.kevent().unwrap().unwrap().sequence,
        newest + lost + 1
    );
}

fn a_socket_that_never_was_a_peer_leaves_in_silence() {
    let observer = observer();
    let peer = Peer::connect().unwrap();
    for _ in 0..10 {
        let mut speaker = Speaker::open();
        let name = crate::speaker::terminated("nobody");
        let found = speaker.ask(
            crate::uapi::cmd::SERVICE_GET,
            &[(crate::uapi::attr::service::NAME, &name)],
        );
        assert_eq!(found.unwrap_err().errno, libc::ENOENT);
        drop(Inspector::open().unwrap());
    }
    let port = peer.port();
    drop(peer);
    // The first thing that is heard is the peer's own end: it has two sockets, but is one peer.
    assert_eq!(next_kevent(&observer).event, Event::PeerRemoved { port });
    assert_eq!(observer.try_recv().unwrap(), None);
}

fn the_group_of_the_kernel_belongs_to_nobody_else() {
    let peer = Peer::connect().unwrap();
    assert_eq!(
        peer.register_group(KEVENT_GROUP).unwrap_err().errno(),
        libc::EINVAL
    );
    assert_eq!(
        peer.unregister_group(KEVENT_GROUP).unwrap_err().errno(),
        libc::EPERM
    );
    let group = Inspector::open().unwrap().group(KEVENT_GROUP).unwrap();
    assert_eq!((group.owner_port, group.owner_id), (None, 0));
}
