// SPDX-License-Identifier: MIT OR Apache-2.0

//! Servers of coroipc that are found by the names of services.

mod impostors;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::module::{self, Restore};
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, pace, place};
use libipcon::coroipc::{
    Address, Client, ClientBuilder, CommandId, ConnectError, Endpoint, Running, Service, ServiceId,
};
use libipcon::discovery::{AnnounceError, Announced, FindError, announce, find};
use libipcon::{Inspector, Peer};

use crate::support::soon;

pub(crate) fn all() -> Vec<Case> {
    let mut all = cases![
        a_server_is_found_by_name_and_called,
        a_name_is_any_bytes_and_several_lead_to_one_server,
        a_peer_of_the_application_keeps_its_own_names,
        what_is_not_there_is_told,
        a_server_that_comes_later_is_waited_for,
        no_server_is_missed_while_it_comes => within(120),
        a_server_that_was_killed_and_started_again_is_found_at_once,
        a_name_that_goes_to_another_server_meanwhile_leads_to_that_one,
        two_network_namespaces_have_servers_of_their_own,
        the_path_is_for_when_the_module_is_not_loaded => on_the_initial_bus().unwatched(),
    ];
    all.extend(impostors::all());
    all
}

pub(crate) fn roles() -> Vec<Role> {
    let own: [Role; 2] = [("named server", serve), ("client by name", reach)];
    [own.as_slice(), &impostors::ROLES].concat()
}

const SERVER: u32 = 65_534;
const CLIENT: u32 = 65_533;

const TELLER: ServiceId = ServiceId::new(7);
const WHO: CommandId = CommandId::new(1);

/// Tells which process it is in.
fn teller() -> Service<()> {
    Service::new(TELLER, |_connection| Ok(())).command(WHO, |_session, call| {
        call.reply(std::process::id().to_string().as_bytes());
    })
}

fn teller_at(address: Address) -> Client {
    builder(address).connect().unwrap()
}

fn builder(address: Address) -> ClientBuilder {
    Client::builder(address, TELLER)
        .connect_timeout(Duration::from_secs(pace::seconds(10)))
        .timeout(Duration::from_secs(pace::seconds(10)))
}

fn told(client: &Client) -> String {
    let reply = client.call(WHO, b"who are you?").unwrap();
    String::from_utf8(reply.to_vec()).unwrap()
}

fn start(name: impl AsRef<[u8]>) -> Announced<Running> {
    let server = announce(name).bind(|address| Endpoint::builder(address).service(teller()));
    server.unwrap().spawn().unwrap()
}

/// A server under the name that it is told.
fn serve() {
    let name = hear().unwrap();
    let server = start(&name);
    say("ready");
    while let Some(order) = hear() {
        assert_eq!(order, "give up the name");
        server.peer().unwrap().unregister_service(&name).unwrap();
        say("given up");
    }
    server.shut_down(Duration::from_secs(5));
}

/// A process with a server that holds the name.
fn server(name: &str) -> Process {
    let mut server = Process::start_as(SERVER, "named server");
    server.tell(name);
    server.expect("ready");
    server
}

/// Says whom it reached by the name that it is told, or why nobody.
fn reach() {
    let name = hear().unwrap();
    match find(name).connect(builder) {
        Ok(client) => say(&format!("{} {}", told(&client), client.server().uid())),
        Err(error) => say(&error.to_string()),
    }
    hear();
}

fn a_server_is_found_by_name_and_called() {
    let server = server("teller");
    let mut client = Process::start_as(CLIENT, "client by name");
    client.tell("teller");
    client.expect(&format!("{} {SERVER}", server.pid()));
    // What the application asks of the server counts as well.
    let picky = find("teller").connect(|address| builder(address).require_server_uid(CLIENT));
    assert!(
        matches!(
            picky,
            Err(FindError::Connect(ConnectError::Untrusted(ref refusal)))
                if refusal.text().contains("belongs to user")
        ),
        "{picky:?}"
    );
    client.end();
    server.end();
}

fn a_name_is_any_bytes_and_several_lead_to_one_server() {
    let name = [0xff; 31];
    let server = start(name);
    let peer = server.peer().unwrap();
    peer.register_service("another").unwrap();
    for name in [name.as_slice(), b"another"] {
        let client = find(name).connect(builder).unwrap();
        assert_eq!(told(&client), std::process::id().to_string());
    }
    let refused = announce("third")
        .on(peer.clone())
        .bind(|address| Endpoint::builder(address).service(teller()));
    assert!(
        matches!(refused, Err(AnnounceError::SecondEndpoint(_))),
        "{refused:?}"
    );
    assert!(matches!(
        find("third").connect(builder),
        Err(FindError::NoService { .. })
    ));
    let taken = announce("another").bind(|address| Endpoint::builder(address).service(teller()));
    assert!(
        matches!(&taken, Err(AnnounceError::Bus(error)) if error.is_taken()),
        "{taken:?}"
    );
}

fn a_peer_of_the_application_keeps_its_own_names() {
    let peer = Arc::new(Peer::connect().unwrap());
    let names = || Inspector::open().unwrap().services().unwrap().items.len();
    peer.register_service("desk").unwrap();
    let on_the_peer = |name: &str| {
        let server = announce(name).on(peer.clone());
        let server = server.bind(|address| Endpoint::builder(address).service(teller()));
        server.unwrap().spawn().unwrap()
    };
    let server = on_the_peer("desk");
    drop(find("desk").connect(builder).unwrap());
    let address = server.address().clone();
    drop(server);
    assert_eq!(names(), 1, "the name of the application's alone");
    assert!(builder(address).connect().is_err(), "it listens still");
    assert_eq!(peer.find_service("desk").unwrap(), peer.port());

    let server = on_the_peer("counter");
    assert_eq!(names(), 3);
    drop(find("counter").connect(builder).unwrap());
    server.shut_down(Duration::from_secs(5));
    assert_eq!(names(), 1, "the name of the application's alone");
}

fn what_is_not_there_is_told() {
    let error = find("nobody").connect(builder).unwrap_err();
    assert!(matches!(error, FindError::NoService { .. }), "{error:?}");
    let error = find("nobody")
        .wait_until(Instant::now() + Duration::from_millis(50))
        .connect(builder)
        .unwrap_err();
    assert!(matches!(error, FindError::NoService { .. }), "{error:?}");

    let peer = Peer::connect().unwrap();
    peer.register_service("messages only").unwrap();
    let error = find("messages only").connect(builder).unwrap_err();
    assert!(
        matches!(error, FindError::NoEndpoint { holder, .. } if holder == std::process::id()),
        "{error:?}"
    );
    for name in [[b'n'; 32].as_slice(), b"", b"a\nb"] {
        let error = find(name).connect(builder).unwrap_err();
        assert!(
            matches!(&error, FindError::InvalidName { name: told } if told == name),
            "{error:?}"
        );
    }
    let other = ServiceId::new(8);
    let _server = start("teller");
    let error = find("teller").connect(|address| Client::builder(address, other));
    assert!(
        matches!(error, Err(FindError::Connect(ConnectError::Refused(_)))),
        "{error:?}"
    );
}

fn a_server_that_comes_later_is_waited_for() {
    let inspector = Inspector::open().unwrap();
    let deadline = soon();
    let waiter = thread::spawn(move || {
        let client = find("late").wait_until(deadline).connect(builder).unwrap();
        told(&client)
    });
    while inspector.members().unwrap().items.is_empty() {
        assert!(!waiter.is_finished(), "it did not wait");
        thread::yield_now();
    }
    // The name alone is not enough.
    let peer = Arc::new(Peer::connect().unwrap());
    peer.register_service("late").unwrap();
    let server = announce("late")
        .on(peer)
        .bind(|address| Endpoint::builder(address).service(teller()));
    let _server = server.unwrap().spawn().unwrap();
    assert_eq!(waiter.join().unwrap(), std::process::id().to_string());
    assert!(Instant::now() < deadline, "found when it was too late");
}

/// The registration races with the look-up and with the subscription to what comes.
fn no_server_is_missed_while_it_comes() {
    for round in 0..pace::work(60) {
        let name = format!("late-{round}");
        let deadline = soon();
        thread::scope(|scope| {
            let finder = scope.spawn(|| {
                let client = find(&name).wait_until(deadline).connect(builder);
                told(&client.unwrap())
            });
            // From before the finder looks to after it waits.
            for _ in 0..round {
                Inspector::open().unwrap();
            }
            let _server = start(&name);
            assert_eq!(finder.join().unwrap(), std::process::id().to_string());
        });
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(
            left > Duration::from_secs(5),
            "round {round}: {left:?} left"
        );
    }
}

fn a_server_that_was_killed_and_started_again_is_found_at_once() {
    let mut servers = vec![server("phoenix")];
    let first = servers[0].pid();
    let connection = find("phoenix").connect(builder).unwrap();
    assert_eq!(told(&connection), first.to_string());

    // It dies when it has been looked up, and the next one is there before it is connected to.
    let mut asked = 0;
    let client = find("phoenix").connect(|address| {
        asked += 1;
        if asked == 1 {
            servers.pop().unwrap().kill();
            servers.push(server("phoenix"));
        }
        builder(address)
    });
    assert_eq!(told(&client.unwrap()), servers[0].pid().to_string());
    assert_eq!(asked, 2);
    assert!(connection.call(WHO, b"and you?").is_err());

    // It dies and there is none; the next one is waited for.
    servers.pop().unwrap().kill();
    let error = find("phoenix").connect(builder).unwrap_err();
    assert!(matches!(error, FindError::NoService { .. }), "{error:?}");
    let next = thread::spawn(|| server("phoenix"));
    let client = find("phoenix").wait_until(soon()).connect(builder).unwrap();
    let next = next.join().unwrap();
    assert_eq!(told(&client), next.pid().to_string());
    next.end();
}

fn a_name_that_goes_to_another_server_meanwhile_leads_to_that_one() {
    let mut old = server("desk");
    let mut new = None;
    let mut addresses = Vec::new();
    let client = find("desk").connect(|address| {
        if new.is_none() {
            old.tell("give up the name");
            old.expect("given up");
            new = Some(server("desk"));
        }
        addresses.push(address.clone());
        builder(address)
    });
    let new = new.unwrap();
    assert_eq!(told(&client.unwrap()), new.pid().to_string());
    // The old one is served all the time, for those who know its address.
    let [of_old, _] = &addresses[..] else {
        panic!("{addresses:?}")
    };
    assert_eq!(told(&teller_at(of_old.clone())), old.pid().to_string());
    new.end();
    old.end();
}

fn two_network_namespaces_have_servers_of_their_own() {
    let here = server("twin");
    let alone = server("alone");
    let reached = |name: &str| told(&find(name).connect(builder).unwrap());
    place::elsewhere(|| {
        let there = server("twin");
        assert_eq!(reached("twin"), there.pid().to_string());
        let error = find("alone").connect(builder).unwrap_err();
        assert!(matches!(error, FindError::NoService { .. }), "{error:?}");
        there.end();
    });
    assert_eq!(reached("twin"), here.pid().to_string());
    assert_eq!(reached("alone"), alone.pid().to_string());
    here.end();
    alone.end();
}

fn the_path_is_for_when_the_module_is_not_loaded() {
    let path = std::env::temp_dir().join(format!("ipcon-teller-{}", std::process::id()));
    let by_path = || find("teller").or_path(&path).connect(builder);
    let server = || {
        let server = announce("teller").or_path(&path);
        let server = server.bind(|address| Endpoint::builder(address).service(teller()));
        server.unwrap().spawn().unwrap()
    };
    {
        let _restore = Restore;
        module::unload().unwrap();
        let without = server();
        assert!(without.peer().is_none());
        assert_eq!(
            told(&by_path().unwrap()),
            std::process::id().to_string(),
            "without the module"
        );
        let error = find("teller").connect(builder).unwrap_err();
        assert!(matches!(error, FindError::NoBus { .. }), "{error:?}");

        // From here on the bus counts, and nobody there has the name.
        module::load("").unwrap();
        let error = by_path().unwrap_err();
        assert!(matches!(error, FindError::NoService { .. }), "{error:?}");
        without.shut_down(Duration::from_secs(5));
    }
    let with = server();
    assert!(with.peer().is_some());
    assert!(!path.exists(), "it listens at the path as well");
    assert_eq!(told(&by_path().unwrap()), std::process::id().to_string());
}
