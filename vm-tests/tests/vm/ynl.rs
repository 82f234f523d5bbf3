// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's own netlink client (`tools/net/ynl/pyynl` of its source) does every list and every request
//! with nothing but `ipcon.yaml`, and sees what the library sees.

use std::path::PathBuf;
use std::process::Command;

use ipcon_vm_tests::process::Process;
use ipcon_vm_tests::{Case, cases, settings};
use libipcon::{Event, Inspector, Origin, Peer, Replay};
use serde_json::{Value, json};

use crate::support::{next, next_kevent, observer, soon};

pub(crate) fn all() -> Vec<Case> {
    cases![
        every_list_is_what_the_library_sees => needs(settings::quick_kernel).within(120),
        every_question_is_answered_as_to_the_library => needs(settings::quick_kernel).within(120),
        a_peer_does_all_requests_on_one_socket => needs(settings::quick_kernel).within(120),
        a_peer_with_a_control_socket => needs(settings::quick_kernel).within(120),
        a_refusal_comes_with_the_modules_words => needs(settings::quick_kernel).within(120),
    ]
}

/// Where vmtest says that something is. Set-up unpacks the client with the kernel's source.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// What the client's program prints for these arguments; it must succeed.
fn run(arguments: &[&str]) -> Value {
    let program = PathBuf::from(variable("IPCON_YNL")).join("cli.py");
    let output = Command::new("python3")
        .arg(program)
        .args(["--spec", &variable("IPCON_SPEC"), "--no-schema"])
        .args(["--output-json"])
        .args(arguments)
        .output()
        .expect("start python3");
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?}: {text}\n{complaint}"
    );
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}\n{complaint}"))
}

/// The client is a library as well. To start Python takes many seconds in the VM, so that one process does all
/// requests of a test, a line for each, on one socket.
const ASKED: &str = r#"
import json, sys
sys.path.append(sys.argv[1])
from lib import YnlFamily, NlError
family = YnlFamily(sys.argv[2], schema='')
for line in sys.stdin:
    how, operation, attributes = json.loads(line)
    try:
        answer = {'answer': getattr(family, how)(operation, attributes)}
    except NlError as error:
        answer = {'refusal': str(error)}
    print(json.dumps(answer), flush=True)
"#;

struct Client(Process);

impl Client {
    fn start() -> Self {
        Self(Process::spawn(Command::new("python3").args([
            "-c",
            ASKED,
            &variable("IPCON_YNL"),
            &variable("IPCON_SPEC"),
        ])))
    }

    fn ask(&mut self, how: &str, operation: &str, attributes: Value) -> Value {
        self.0
            .tell(&json!([how, operation, attributes]).to_string());
        serde_json::from_str(&self.0.line()).expect("a line of JSON")
    }

    fn answer(&mut self, how: &str, operation: &str, attributes: Value) -> Value {
        let mut said = self.ask(how, operation, attributes);
        assert!(said.get("answer").is_some(), "{operation}: {said}");
        said["answer"].take()
    }

    fn list(&mut self, operation: &str) -> Value {
        self.answer("dump", operation, json!({}))
    }

    fn get(&mut self, operation: &str, attributes: Value) -> Value {
        self.answer("do", operation, attributes)
    }
}

/// A bus with something of everything on it.
struct Busy {
    peer: Peer,
    _member: Peer,
}

fn busy() -> Busy {
    let (peer, member) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    peer.register_service("clock").unwrap();
    member.register_service("disk").unwrap();
    peer.register_group("news").unwrap();
    peer.multicast("news", b"unheard").unwrap();
    member.join_group("news", Replay::Last).unwrap();
    peer.join_group("news", Replay::None).unwrap();
    peer.multicast("news", b"heard").unwrap();
    peer.send(member.port(), b"hello").unwrap();
    let gone = Peer::connect().unwrap().port();
    peer.send(gone, b"nobody").unwrap_err();
    Busy {
        peer,
        _member: member,
    }
}

fn every_list_is_what_the_library_sees() {
    let (_busy, mut client) = (busy(), Client::start());
    let inspector = Inspector::open().unwrap();
    let peers = inspector.peers().unwrap().items;
    expect(&client.list("peer-get"), peers.iter().map(peer).collect());
    let services = inspector.services().unwrap().items;
    expect(
        &client.list("service-get"),
        services.iter().map(service).collect(),
    );
    let groups = inspector.groups().unwrap().items;
    expect(
        &client.list("group-get"),
        groups.iter().map(group).collect(),
    );
    let members = inspector.members().unwrap().items;
    let member = |row: &libipcon::MemberInfo| {
        json!({
            "group-id": row.group_id,
            "group-name": row.group_name.to_string(),
            "peer-id": row.peer_id,
            "port": row.port.get(),
            "joined-at": row.joined_at.as_nanos() as u64,
            "delivered-messages": row.delivered_messages,
            "delivered-bytes": row.delivered_bytes,
            "replayed-messages": row.replayed_messages,
            "replayed-bytes": row.replayed_bytes,
            "dropped-queue-full": row.dropped_queue_full,
            "dropped-queue-full-bytes": row.dropped_queue_full_bytes,
            "dropped-no-memory": row.dropped_no_memory,
            "dropped-no-memory-bytes": row.dropped_no_memory_bytes,
        })
    };
    expect(
        &client.list("member-get"),
        members.iter().map(member).collect(),
    );
}

fn every_question_is_answered_as_to_the_library() {
    let (busy, mut client) = (busy(), Client::start());
    let inspector = Inspector::open().unwrap();
    let port = busy.peer.port();
    let row = inspector.peer(port).unwrap();
    let answer = client.get("peer-get", json!({ "port": port.get() }));
    expect_row(&answer, &peer(&row));
    let row = inspector.service("clock").unwrap();
    let answer = client.get("service-get", json!({ "name": "clock" }));
    expect_row(&answer, &service(&row));
    let row = inspector.group("news").unwrap();
    let answer = client.get("group-get", json!({ "name": "news" }));
    expect_row(&answer, &group(&row));
    let bus = inspector.bus().unwrap();
    let expected = json!({
        "generation": bus.generation,
        "max-msg-len": bus.max_msg_len,
        "peers": bus.peers,
        "services": bus.services,
        "groups": bus.groups,
        "memberships": bus.memberships,
        "kevent-sequence": bus.kevent_sequence,
        "counters": counters(&bus.counters),
    });
    expect_row(&client.get("bus-get", json!({})), &expected);
}

/// The client's program sends several requests on one socket with `--multi`, and closes it.
fn a_peer_does_all_requests_on_one_socket() {
    let (observer, receiver) = (observer(), Peer::connect().unwrap());
    let to = receiver.port().get();
    let requests = [
        ("peer-new", json!({})),
        ("service-register", json!({ "name": "clock" })),
        ("group-register", json!({ "name": "news" })),
        ("send-multicast", json!({ "group": "news", "data": "01" })),
        ("group-join", json!({ "name": "news", "replay": true })),
        ("send-multicast", json!({ "group": "news", "data": "0203" })),
        ("send-unicast", json!({ "port": to, "data": "68656c6c6f" })),
        ("group-leave", json!({ "name": "news" })),
        ("group-unregister", json!({ "name": "news" })),
        ("service-unregister", json!({ "name": "clock" })),
    ];
    let texts = requests.map(|(operation, attributes)| (operation, attributes.to_string()));
    let arguments: Vec<&str> = texts
        .iter()
        .flat_map(|(operation, text)| ["--multi", operation, text])
        .collect();
    let answers = run(&arguments);
    let made = &answers[0];
    let port = u32::try_from(made["port"].as_u64().expect("a port")).unwrap();
    assert!(made["id"].as_u64() > Some(0), "{made}");
    assert_eq!(made["max-msg-len"], 65_000);

    let message = next(&receiver);
    assert_eq!(message.data, b"hello");
    let Origin::Peer(from) = message.origin else {
        panic!("not from a peer: {message:?}");
    };
    assert_eq!(from.get(), port);
    let events: Vec<_> = (0..5).map(|_| next_kevent(&observer).event).collect();
    let [
        Event::ServiceAdded { .. },
        Event::GroupAdded { .. },
        Event::GroupRemoved { .. },
        Event::ServiceRemoved { .. },
        Event::PeerRemoved { port: gone },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(gone.get(), port);
    let totals = Inspector::open().unwrap().bus().unwrap().counters;
    assert_eq!(totals.sent_multicast_messages, 2);
    assert_eq!(totals.sent_unicast_messages, 1);
}

/// Two sockets in one process are more than the command line can have; the client is a library as well.
const WITH_CONTROL_SOCKET: &str = r#"
import sys
sys.path.append(sys.argv[1])
from lib import YnlFamily
peer, control = (YnlFamily(sys.argv[2], schema='') for _ in range(2))
control.do('bus-get', {})  # Its socket has no port before the first request.
made = peer.do('peer-new', {'ctl-port': control.sock.getsockname()[0]})
control.do('peer-attach', {'port': made['port']})
control.do('service-register', {'name': 'clock'})
print(made['port'], flush=True)
sys.stdin.read()
"#;

fn a_peer_with_a_control_socket() {
    let mut python = Process::spawn(Command::new("python3").args([
        "-c",
        WITH_CONTROL_SOCKET,
        &variable("IPCON_YNL"),
        &variable("IPCON_SPEC"),
    ]));
    let port: u32 = python.line().parse().unwrap();
    let peer = Peer::connect().unwrap();
    let clock = peer.wait_for_service("clock", soon()).unwrap();
    assert_eq!(clock.get(), port);
    peer.send(clock, b"it can be sent to").unwrap();
    python.end();
}

fn a_refusal_comes_with_the_modules_words() {
    let (peer, mut client) = (Peer::connect().unwrap(), Client::start());
    for (operation, attributes, words) in [
        ("service-get", json!({ "name": "nobody" }), "no such name"),
        (
            "service-register",
            json!({ "name": "clock" }),
            "send peer-new first",
        ),
        (
            "peer-attach",
            json!({ "port": peer.port().get() }),
            "peer did not name this socket",
        ),
        ("send-unicast", json!({ "port": 1 }), "data is missing"),
    ] {
        let said = client.ask("do", operation, attributes);
        let text = said["refusal"].as_str().unwrap_or_default();
        assert!(text.contains("Netlink error: "), "{operation}: {said}");
        assert!(text.contains(words), "{operation}: {said}");
    }
}

fn peer(row: &libipcon::PeerInfo) -> Value {
    let mut expected = json!({
        "port": row.port.get(),
        "id": row.id,
        "pid": row.pid,
        "uid": row.uid,
        "comm": row.comm,
        "created-at": row.created_at.as_nanos() as u64,
        "queue-bytes": row.queue_bytes,
        "queue-limit": row.queue_limit,
        "lost": row.lost,
        "counters": counters(&row.counters),
    });
    if let Some(moment) = row.queue_oldest {
        expected["queue-oldest"] = (moment.as_nanos() as u64).into();
    }
    expected
}

fn service(row: &libipcon::ServiceInfo) -> Value {
    json!({
        "name": row.name.to_string(),
        "id": row.id,
        "port": row.port.get(),
        "peer-id": row.peer_id,
        "created-at": row.created_at.as_nanos() as u64,
    })
}

fn group(row: &libipcon::GroupInfo) -> Value {
    let mut expected = json!({
        "name": row.name.to_string(),
        "id": row.id,
        "owner-port": row.owner_port.map_or(0, libipcon::Port::get),
        "owner-id": row.owner_id,
        "created-at": row.created_at.as_nanos() as u64,
        "members": row.members,
        "sent-messages": row.sent_messages,
        "sent-bytes": row.sent_bytes,
        "delivered-messages": row.delivered_messages,
        "delivered-bytes": row.delivered_bytes,
        "replayed-messages": row.replayed_messages,
        "replayed-bytes": row.replayed_bytes,
        "dropped-queue-full": row.dropped_queue_full,
        "dropped-no-memory": row.dropped_no_memory,
        "unheard-messages": row.unheard_messages,
        "dropped-queue-full-bytes": row.dropped_queue_full_bytes,
        "dropped-no-memory-bytes": row.dropped_no_memory_bytes,
    });
    if let Some(len) = row.last_len {
        expected["last-len"] = len.into();
    }
    expected
}

fn counters(of: &libipcon::Counters) -> Value {
    json!({
        "sent-unicast-messages": of.sent_unicast_messages,
        "sent-unicast-bytes": of.sent_unicast_bytes,
        "sent-multicast-messages": of.sent_multicast_messages,
        "sent-multicast-bytes": of.sent_multicast_bytes,
        "delivered-unicast-messages": of.delivered_unicast_messages,
        "delivered-unicast-bytes": of.delivered_unicast_bytes,
        "delivered-multicast-messages": of.delivered_multicast_messages,
        "delivered-multicast-bytes": of.delivered_multicast_bytes,
        "refused-queue-full": of.refused_queue_full,
        "refused-no-peer": of.refused_no_peer,
        "refused-no-memory": of.refused_no_memory,
        "dropped-queue-full": of.dropped_queue_full,
        "dropped-no-memory": of.dropped_no_memory,
        "refused-queue-full-bytes": of.refused_queue_full_bytes,
        "refused-no-peer-bytes": of.refused_no_peer_bytes,
        "refused-no-memory-bytes": of.refused_no_memory_bytes,
        "dropped-queue-full-bytes": of.dropped_queue_full_bytes,
        "dropped-no-memory-bytes": of.dropped_no_memory_bytes,
    })
}

/// The same rows in the same order.
fn expect(found: &Value, expected: Vec<Value>) {
    let rows = found.as_array().expect("a list");
    assert_eq!(rows.len(), expected.len(), "{found}");
    assert!(!rows.is_empty(), "an empty list compares nothing");
    for (row, expected) in rows.iter().zip(&expected) {
        expect_row(row, expected);
    }
}

/// The same values under the same names, and no others.
fn expect_row(found: &Value, expected: &Value) {
    let names = |row: &Value| -> Vec<String> {
        let mut names: Vec<_> = row.as_object().expect("a row").keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(found), names(expected));
    for (name, value) in expected.as_object().expect("a row") {
        if value.is_object() {
            expect_row(&found[name], value);
        } else {
            assert_eq!(&found[name], value, "{name} of {found}");
        }
    }
}
