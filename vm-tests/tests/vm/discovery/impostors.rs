// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes that want to be taken for the server.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases};
use libipcon::coroipc::{Address, Endpoint};
use libipcon::discovery::{FindError, find};
use libipcon::{Inspector, Peer};
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use rustix::thread::UnshareFlags;

use super::{CLIENT, SERVER, builder, server, teller};

pub(super) fn all() -> Vec<Case> {
    cases![
        who_takes_the_address_of_an_endpoint_is_refused,
        an_endpoint_of_another_peer_is_not_that_of_the_holder,
        the_name_of_an_endpoint_cannot_be_claimed_by_another_peer,
        nobody_knows_the_address_before_the_server_listens,
        another_pid_namespace_changes_nothing,
    ]
}

pub(super) const ROLES: [Role; 3] = [
    ("holder that does not listen", hold),
    ("impostor", pretend),
    ("client in a pid namespace", reach_from_apart),
];

const IMPOSTOR: u32 = 65_532;

/// Holds the name `desk` and says that it has an endpoint, as a server whose endpoint just broke.
fn hold() {
    let own = File::from(pidfd_open(getpid(), PidfdFlags::empty()).unwrap());
    let endpoint = format!("coroipc:{:x}-c0ffee", own.metadata().unwrap().ino());
    let peer = Peer::connect().unwrap();
    peer.register_service(&endpoint).unwrap();
    peer.register_service("desk").unwrap();
    say(&endpoint);
    hear();
}

/// Listens at the address of the endpoint that it is told.
fn pretend() {
    let endpoint = hear().unwrap();
    let address = Address::abstract_name(format!("ipcon/{endpoint}"));
    let server = Endpoint::builder(address).service(teller()).bind();
    let _server = server.unwrap().spawn().unwrap();
    say("listening");
    hear();
}

fn holder_and_impostor() -> (Process, Process, String) {
    let mut holder = Process::start("holder that does not listen");
    let endpoint = holder.line();
    let mut impostor = Process::start_as(IMPOSTOR, "impostor");
    impostor.tell(&endpoint);
    impostor.expect("listening");
    (holder, impostor, endpoint)
}

fn who_takes_the_address_of_an_endpoint_is_refused() {
    let (holder, impostor, taken) = holder_and_impostor();
    let error = find("desk").connect(builder).unwrap_err();
    let FindError::HeldByAnother {
        endpoint, found, ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((endpoint, *found), (&taken, Some(impostor.pid())));
    let text = format!(
        "find service \"desk\": its endpoint {taken} is held by another process, {}",
        impostor.pid()
    );
    assert_eq!(error.to_string(), text);
    impostor.end();
    // Nobody listens there now, and the holder is there all the time.
    let error = find("desk").connect(builder).unwrap_err();
    assert!(matches!(error, FindError::Connect(_)), "{error:?}");
    holder.end();
}

fn an_endpoint_of_another_peer_is_not_that_of_the_holder() {
    // It is on the bus before the one who holds the name, and after it.
    let before = server("before");
    let holder = Peer::connect().unwrap();
    holder.register_service("desk").unwrap();
    let after = server("after");
    let error = find("desk").connect(builder).unwrap_err();
    assert!(
        matches!(error, FindError::NoEndpoint { holder, .. } if holder == std::process::id()),
        "{error:?}"
    );
    before.end();
    after.end();
}

/// Or its clients could be led to a server that they never asked for, with all that they may do there.
fn the_name_of_an_endpoint_cannot_be_claimed_by_another_peer() {
    let server = server("victim");
    let services = Inspector::open().unwrap().services().unwrap().items;
    let is_endpoint = |name: &[u8]| name.starts_with(b"coroipc:");
    let endpoint = services.iter().find(|it| is_endpoint(it.name.as_bytes()));
    let peer = Peer::connect().unwrap();
    let claimed = peer.register_service(endpoint.unwrap().name);
    assert!(claimed.unwrap_err().is_taken());
    server.end();
}

/// It differs each time, also for the same process.
fn nobody_knows_the_address_before_the_server_listens() {
    let address = || super::start("desk").address().to_string();
    let (one, two) = (address(), address());
    assert_ne!(one, two);
    let (process, _) = one.rsplit_once('-').unwrap();
    assert!(two.starts_with(process), "{one} and {two}");
}

/// Reaches the server whose name it is told from a pid namespace in which that one has no pid.
fn reach_from_apart() {
    // SAFETY: A role has no thread but this one.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }.unwrap();
    let mut client = Process::start_as(CLIENT, "client by name");
    client.tell(&hear().unwrap());
    say(&client.line());
    client.end();
}

fn another_pid_namespace_changes_nothing() {
    let server = server("teller");
    let reached = |name: &str| {
        let mut client = Process::start("client in a pid namespace");
        client.tell(name);
        let line = client.line();
        client.end();
        line
    };
    assert_eq!(reached("teller"), format!("{} {SERVER}", server.pid()));
    server.end();

    let (holder, impostor, _) = holder_and_impostor();
    let refused = reached("desk");
    assert!(
        refused.ends_with("is held by another process, of another pid namespace"),
        "{refused}"
    );
    impostor.end();
    holder.end();
}
