// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs of the tutorial do what its text says.

use ipcon_vm_tests::{Case, cases};
use libipcon::{Event, Message, Name, Origin, Peer, Port, Replay};

use super::{LANGUAGES, start};
use crate::support::{next, next_kevent, observer};

pub(super) fn all() -> Vec<Case> {
    cases![
        a_handler_has_a_port_until_it_is_freed,
        a_service_is_found_until_it_is_unregistered,
        a_service_that_is_not_there_is_told_at_once,
        a_group_reaches_who_joins_it_with_its_last_message,
        who_comes_late_learns_the_present_state,
        messages_of_peers_and_groups_are_told_apart,
        a_string_is_sent_to_a_service,
        a_string_is_sent_to_a_group_again_and_again,
        a_service_is_met_when_it_comes_and_missed_when_it_goes,
    ]
}

/// A string as programs of C send it.
fn string(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The port that stands at the end of a line.
fn port_in(line: &str, before: &str) -> Port {
    let number = line
        .strip_prefix(before)
        .unwrap_or_else(|| panic!("{line}"));
    Port::new(number.parse().unwrap()).unwrap()
}

fn from(message: &Message) -> Port {
    match message.origin {
        Origin::Peer(port) => port,
        ref other => panic!("{other:?}"),
    }
}

fn a_handler_has_a_port_until_it_is_freed() {
    for language in LANGUAGES {
        let observer = observer();
        let mut program = start(&format!("tutorial/create_handler{language}"));
        let port = port_in(&program.line(), "Port ");
        assert!(program.wait().success());
        assert_eq!(next_kevent(&observer).event, Event::PeerRemoved { port });
        assert!(observer.send(port, b"x").unwrap_err().is_no_peer());
    }
}

fn a_service_is_found_until_it_is_unregistered() {
    for language in LANGUAGES {
        let peer = Peer::connect().unwrap();
        let mut server = start(&format!("tutorial/register_service{language}"));
        let port = port_in(&server.line(), "Registered ServerX@");
        assert_eq!(peer.find_service("ServerX").unwrap(), port);

        let mut client = start(&format!("tutorial/find_service{language}"));
        client.expect(&format!("Found service ServerX@{port}"));
        assert!(client.wait().success());

        // Once more, while the name is taken.
        let mut other = start(&format!("tutorial/register_service{language}"));
        other.expect("Failed to register a service: File exists (17)");
        assert_eq!(other.wait().code(), Some(libc::EEXIST));

        peer.send(port, &string("one")).unwrap();
        server.expect("Got one");
        server.expect("Unregistered: 0");
        assert!(peer.find_service("ServerX").unwrap_err().is_not_found());
        peer.send(port, &string("two")).unwrap();
        server.expect("Got two");
        assert!(server.wait().success());
    }
}

fn a_service_that_is_not_there_is_told_at_once() {
    for language in LANGUAGES {
        let mut client = start(&format!("tutorial/find_service{language}"));
        client.expect("No service ServerX");
        assert_eq!(client.wait().code(), Some(libc::ENOENT));
    }
}

fn a_group_reaches_who_joins_it_with_its_last_message() {
    for language in LANGUAGES {
        let mut provider = start(&format!("tutorial/register_group{language}"));
        provider.expect("Registered group GroupX");
        provider.tell("first");
        provider.expect("Sent first: 0");
        provider.tell("last");
        provider.expect("Sent last: 0");

        let mut subscriber = start(&format!("tutorial/join_group{language}"));
        subscriber.expect("Joined GroupX group.");
        subscriber.expect("GroupX: last");
        provider.tell("live");
        provider.expect("Sent live: 0");
        subscriber.expect("GroupX: live");
        provider.tell("enough");
        provider.expect("Sent enough: 0");
        subscriber.expect("Left: 0");
        assert!(subscriber.wait().success());
        provider.end();
        let peer = Peer::connect().unwrap();
        let gone = peer.join_group("GroupX", Replay::None).unwrap_err();
        assert!(gone.is_not_found());
    }
}

fn who_comes_late_learns_the_present_state() {
    for language in LANGUAGES {
        let provider = Peer::connect().unwrap();
        provider.register_group("USB_EVENT").unwrap();
        provider.multicast("USB_EVENT", &string("remove")).unwrap();
        provider.multicast("USB_EVENT", &string("insert")).unwrap();
        let mut subscriber = start(&format!("tutorial/usb_event{language}"));
        subscriber.expect("A stick is there");
        provider.multicast("USB_EVENT", &string("remove")).unwrap();
        subscriber.expect("No stick is there");
        provider.multicast("USB_EVENT", &string("melt")).unwrap();
        subscriber.expect("A bad state");
        assert!(subscriber.wait().success());
    }
}

fn messages_of_peers_and_groups_are_told_apart() {
    for language in LANGUAGES {
        let peer = Peer::connect().unwrap();
        for group in ["GroupX", "GroupY", "GroupZ"] {
            peer.register_group(group).unwrap();
        }
        let mut program = start(&format!("tutorial/receive{language}"));
        let port = port_in(&program.line(), "Listening at ");
        peer.send(port, &string("one")).unwrap();
        peer.multicast("GroupY", &string("two")).unwrap();
        peer.multicast("GroupX", &string("three")).unwrap();
        peer.multicast("GroupZ", &string("quit")).unwrap();
        program.expect(&format!("{}: peer: one", peer.port()));
        program.expect("Y: two");
        program.expect("X: three");
        program.expect("Z: quit");
        assert!(program.wait().success());
    }
}

fn a_string_is_sent_to_a_service() {
    for language in LANGUAGES {
        let path = format!("tutorial/send_unicast{language}");
        let mut program = start(&path);
        program.expect("No service string_service found");
        assert!(!program.wait().success());

        let peer = Peer::connect().unwrap();
        peer.register_service("string_service").unwrap();
        let mut program = start(&path);
        program.expect(&format!("Found service string_service@{}", peer.port()));
        assert!(program.wait().success());
        // The sender has gone; its message has not.
        assert_eq!(next(&peer).data, string("Hello world!"));
    }
}

fn a_string_is_sent_to_a_group_again_and_again() {
    for language in LANGUAGES {
        let peer = observer();
        let mut program = start(&format!("tutorial/send_multicast{language}"));
        program.expect("Group string_group is created");
        peer.join_group("string_group", Replay::Last).unwrap();
        let name = Name::new("string_group").unwrap();
        let mut heard = 0;
        while heard < 2 {
            let message = next(&peer);
            if let Origin::Group { name: group, .. } = message.origin {
                assert_eq!(group, name);
                assert_eq!(message.data, string("Hello world!"));
                heard += 1;
            }
        }
        // It never ends by itself.
        program.kill();
    }
}

fn a_service_is_met_when_it_comes_and_missed_when_it_goes() {
    for language in LANGUAGES {
        let mut program = start(&format!("tutorial/detect_service{language}"));
        program.expect("Looked for ServerX: not there");
        let server = Peer::connect().unwrap();
        server.register_service("ServerX").unwrap();
        program.expect("Met ServerX: 0");
        let hello = next(&server);
        assert_eq!(hello.data, string("hello"));
        server.send(from(&hello), &string("welcome")).unwrap();
        program.expect("ServerX says: welcome");
        server.unregister_service("ServerX").unwrap();
        program.expect("ServerX has no name any more");
        server.send(from(&hello), &string("still here")).unwrap();
        program.expect("ServerX says: still here");
        drop(server);
        program.expect("ServerX is gone");

        let server = Peer::connect().unwrap();
        server.register_service("ServerX").unwrap();
        program.expect("Met ServerX: 0");
        let hello = next(&server);
        server.send(from(&hello), &string("quit")).unwrap();
        program.expect("ServerX says: quit");
        assert!(program.wait().success());

        // One that is there before is found and not announced.
        let mut program = start(&format!("tutorial/detect_service{language}"));
        program.expect("Looked for ServerX: there");
        program.kill();
    }
}
