// SPDX-License-Identifier: MIT OR Apache-2.0

//! A privileged process may send to any netlink port. What looks like a message of the bus must not be taken for one.

use std::fs;

use ipcon_vm_tests::{Case, cases};
use libipcon::{Inspector, Origin, Peer};
use rustix::io::Errno;

use crate::speaker::Speaker;
use crate::support::next;

pub(crate) fn all() -> Vec<Case> {
    cases![
        only_the_kernel_reaches_the_sockets_of_the_library,
        a_forged_message_is_not_accepted_where_it_arrives,
    ]
}

fn only_the_kernel_reaches_the_sockets_of_the_library() {
    let victim = Peer::connect().unwrap();
    let inspector = Inspector::open().unwrap();
    let targets = generic_netlink_ports();
    assert_eq!(
        targets.len(),
        3,
        "{targets:?}: two of the peer, one of the inspector"
    );
    assert!(targets.contains(&victim.port().get()));

    // Refused not for want of the privilege: a socket that is not connected can be reached.
    let forger = Speaker::open();
    forger
        .forge_message(Speaker::peer().port(), 4711, b"trust me")
        .unwrap();
    for port in targets {
        let forged = forger.forge_message(port, 4711, b"trust me");
        assert_eq!(forged, Err(Errno::CONNREFUSED), "to {port}");
    }
    assert_eq!(inspector.peer(victim.port()).unwrap().queue_bytes, 0);
    assert_eq!(victim.try_recv().unwrap(), None);
}

/// The source of a message is looked at also when something may arrive.
fn a_forged_message_is_not_accepted_where_it_arrives() {
    let victim = Peer::connect().unwrap();
    let honest = Peer::connect().unwrap();
    rustix::net::connect_unspec(&victim).unwrap();
    let forger = Speaker::open();
    forger
        .forge_message(victim.port().get(), 4711, b"trust me")
        .unwrap();
    honest.send(victim.port(), b"really me").unwrap();
    let message = next(&victim);
    assert_eq!(message.data, b"really me");
    assert_eq!(message.origin, Origin::Peer(honest.port()));
    assert_eq!(victim.try_recv().unwrap(), None);
}

/// The ports of all sockets of generic netlink in this network namespace, but the kernel's.
fn generic_netlink_ports() -> Vec<u32> {
    let table = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let protocol: i32 = columns.next().unwrap().parse().unwrap();
        let port: u32 = columns.next().unwrap().parse().unwrap();
        (protocol, port)
    });
    rows.filter(|(protocol, port)| *protocol == libc::NETLINK_GENERIC && *port != 0)
        .map(|(_, port)| port)
        .collect()
}
