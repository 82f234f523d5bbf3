// SPDX-License-Identifier: MIT OR Apache-2.0
//! What others can read about a server's connections.

use std::time::Instant;

use coroipc::statistics::{Counter, Snapshot, of_process};
use coroipc::{Address, Client, Endpoint, Overflow, ServiceId};

use crate::world::*;

pub(crate) fn all() -> Vec<Case> {
    cases![
        another_process_can_read_what_happened,
        each_counter_has_a_name_of_its_own,
    ]
}

pub(crate) const ROLES: &[Role] = &[("statistics::as_server", as_server)];

fn of_ours(server: u32) -> Snapshot {
    let all = of_process(server).unwrap();
    let ours = |it: &Snapshot| it.client_pid() == std::process::id();
    let mut ours: Vec<_> = all.into_iter().filter(ours).collect();
    assert_eq!(ours.len(), 1);
    ours.remove(0)
}

fn another_process_can_read_what_happened() {
    let name = format!("coroipc-statistics-{}", std::process::id());
    let mut server = Process::start("statistics::as_server", &name);
    server.wait_for("ready");
    let client = Client::builder(Address::abstract_name(&name), SERVICE)
        .connect()
        .unwrap();
    for _ in 0..100 {
        client.call(ECHO, b"12345").unwrap();
    }
    client.call(FAIL, &7u32.to_ne_bytes()).unwrap_err();
    client.call(UNKNOWN, b"").unwrap_err();
    client.call(FORBIDDEN, b"").unwrap_err();
    client.call(DROP, b"").unwrap_err();
    client.start(ECHO, &[], Some(Instant::now())).unwrap();
    client.notify(DROP, &[]).unwrap();
    let kept = client.start(KEEP, &[], None).unwrap();
    client.call(SEND, &3u32.to_ne_bytes()).unwrap();

    let snapshot = of_ours(server.pid());
    assert_eq!(snapshot.service(), ServiceId::new(1));
    assert_eq!(snapshot.client_uid(), rustix::process::geteuid().as_raw());
    let expected = [
        (Counter::Requests, 108),
        (Counter::Responses, 101),
        (Counter::Failed, 1),
        (Counter::InvalidRequest, 1),
        (Counter::Denied, 1),
        (Counter::NoReply, 2),
        (Counter::Expired, 1),
        (Counter::OneWay, 1),
        (Counter::QueueSize, 1),
        (Counter::QueueHigh, 2),
        (Counter::Dispatched, 3),
        (Counter::EventBytes, 30),
        (Counter::RequestBytes, 508),
        (Counter::ResponseBytes, 500),
        (Counter::EventsDropped, 0),
        (Counter::FlowControlCount, 0),
    ];
    for (counter, value) in expected {
        assert_eq!(snapshot.get(counter), value, "{}", counter.key());
    }
    assert_eq!(snapshot.latency().iter().sum::<u64>(), 108 / 16);
    drop(kept);
    drop(client);
    until("its page is gone", || {
        of_process(server.pid()).unwrap().is_empty()
    });
}

/// The server of the test above, in a process of its own.
fn as_server() {
    let service = service().overflow(Overflow::Refuse);
    let _server = serve(Endpoint::builder(Address::abstract_name(argument())).service(service));
    say("ready");
    run_on();
}

fn each_counter_has_a_name_of_its_own() {
    let mut keys: Vec<_> = Counter::ALL.iter().map(|it| it.key()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), Counter::ALL.len());
}
