// SPDX-License-Identifier: MIT OR Apache-2.0

//! Everything works without any privilege, and nobody is seen from another network namespace.

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, place};
use libipcon::{Event, Inspector, Name, Peer, Replay};

use crate::speaker::Speaker;
use crate::support::{kevents_until_gone, next, next_kevent, observer, soon};

pub(crate) fn all() -> Vec<Case> {
    cases![
        an_unprivileged_user_does_all_of_it,
        an_unprivileged_peer_and_root_talk_to_each_other,
        two_network_namespaces_do_not_see_each_other,
    ]
}

pub(crate) const ROLES: [Role; 2] = [("nobody", do_all_of_it), ("nobody's service", serve)];

const NOBODY: u32 = 65_534;

fn an_unprivileged_user_does_all_of_it() {
    let mut nobody = Process::start_as(NOBODY, "nobody");
    nobody.expect("did it");
    nobody.end();
}

fn do_all_of_it() {
    assert_eq!(rustix::process::geteuid().as_raw(), NOBODY);
    let observer = observer();
    let (one, two) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    one.register_service("service").unwrap();
    assert_eq!(two.find_service("service").unwrap(), one.port());
    assert_eq!(two.wait_for_service("service", soon()).unwrap(), one.port());
    two.send(one.port(), b"unicast").unwrap();
    assert_eq!(next(&one).data, b"unicast");

    one.register_group("group").unwrap();
    one.multicast("group", b"kept").unwrap();
    two.join_group("group", Replay::Last).unwrap();
    assert!(next(&two).replay);
    one.multicast("group", b"live").unwrap();
    assert_eq!(next(&two).data, b"live");
    two.leave_group("group").unwrap();

    let inspector = Inspector::open().unwrap();
    let peers = inspector.peers().unwrap().items;
    assert_eq!(peers.len(), 3);
    assert!(
        peers
            .iter()
            .all(|peer| (peer.uid, peer.pid) == (NOBODY, std::process::id()))
    );
    assert_eq!(inspector.services().unwrap().items.len(), 1);
    assert_eq!(inspector.groups().unwrap().items.len(), 2);
    assert_eq!(inspector.members().unwrap().items.len(), 1);
    assert_eq!(inspector.bus().unwrap().peers, 3);

    one.unregister_group("group").unwrap();
    one.unregister_service("service").unwrap();
    let port = one.port();
    drop(one);
    let events = kevents_until_gone(&observer, port);
    // The peer of wait_for_service came and went in between.
    assert_eq!(events.len(), 6, "{events:?}");
    say("did it");
}

fn serve() {
    let peer = Peer::connect().unwrap();
    peer.register_service("nobody's").unwrap();
    say("ready");
    let request = next(&peer);
    let libipcon::Origin::Peer(client) = request.origin else {
        panic!("{request:?}")
    };
    peer.send(client, b"at your service").unwrap();
    hear();
}

fn an_unprivileged_peer_and_root_talk_to_each_other() {
    let mut nobody = Process::start_as(NOBODY, "nobody's service");
    nobody.expect("ready");
    let root = Peer::connect().unwrap();
    // Not even root takes a name away.
    assert_eq!(
        root.unregister_service("nobody's").unwrap_err().errno(),
        libc::EPERM
    );
    root.send(root.find_service("nobody's").unwrap(), b"hello")
        .unwrap();
    assert_eq!(next(&root).data, b"at your service");
    nobody.end();
}

fn two_network_namespaces_do_not_see_each_other() {
    let here = Peer::connect().unwrap();
    here.register_service("name").unwrap();
    here.register_group("name").unwrap();
    let ears = observer();
    place::elsewhere(|| {
        let inspector = Inspector::open().unwrap();
        assert_eq!(inspector.bus().unwrap().peers, 0);
        let there = observer();
        assert!(there.find_service("name").unwrap_err().is_not_found());
        assert_eq!(
            there.join_group("name", Replay::None).unwrap_err().errno(),
            libc::ENOENT
        );
        assert!(there.send(here.port(), b"hello?").unwrap_err().is_no_peer());
        // The same names are free, and the same port is another's.
        there.register_service("name").unwrap();
        let name = Name::new("name").unwrap();
        let first = next_kevent(&there);
        assert_eq!(
            (first.sequence, first.event),
            (
                1,
                Event::ServiceAdded {
                    name,
                    port: there.port()
                }
            )
        );
        let mut twin = Speaker::at(here.port().get());
        twin.become_peer();
        there.send(here.port(), b"to the twin").unwrap();
        assert_eq!(inspector.bus().unwrap().peers, 2);
    });
    assert_eq!(here.try_recv().unwrap(), None);
    assert_eq!(
        ears.try_recv().unwrap(),
        None,
        "events of another namespace"
    );
    assert_eq!(Inspector::open().unwrap().bus().unwrap().peers, 2);
}
