// SPDX-License-Identifier: MIT OR Apache-2.0

//! What many tests say in the same words.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ipcon_vm_tests::pace;
use ipcon_vm_tests::process::{Process, program};
use libipcon::{Event, KEVENT_GROUP, Kevent, Message, Peer, Replay};

/// A deadline that passes only when something is wrong: far beyond what the slowest machine needs, and before that of
/// the test.
pub(crate) fn soon() -> Instant {
    pace::deadline(20)
}

/// The exporter with these options more, at a port of its own, and its address.
pub(crate) fn start_exporter(options: &[&str]) -> (Process, String) {
    let mut exporter = Process::spawn_complaining(
        program("ipcon-exporter")
            .args(["--web.listen-address", "127.0.0.1:0"])
            .args(options),
    );
    loop {
        let line = exporter.line();
        assert!(!line.contains("cannot give up"), "{line}");
        if let Some(place) = line.strip_prefix("listening on http://") {
            let address = place.trim_end_matches("/metrics").to_owned();
            return (exporter, address);
        }
    }
}

/// What the exporter at `address` answers to who asks for `path`. On a slow machine it may still be attaching its probes, and
/// says so.
pub(crate) fn ask_exporter(address: &str, path: &str) -> String {
    let deadline = soon();
    loop {
        let mut connection = TcpStream::connect(address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        if !answer.contains("the bus was not read within") {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
    }
}

/// The next message, which must come.
pub(crate) fn next(peer: &Peer) -> Message {
    peer.recv_deadline(soon()).unwrap().expect("a message")
}

/// Everything that is queued.
pub(crate) fn drain(peer: &Peer) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = peer.try_recv().unwrap() {
        messages.push(message);
    }
    messages
}

/// A peer that hears of arrivals and departures from now on.
pub(crate) fn observer() -> Peer {
    let peer = Peer::connect().unwrap();
    peer.join_group(KEVENT_GROUP, Replay::None).unwrap();
    peer
}

/// The next kevent, which must come, with none lost before it.
pub(crate) fn next_kevent(observer: &Peer) -> Kevent {
    let message = next(observer);
    assert_eq!(message.lost, 0);
    message.kevent().expect("a kevent").unwrap()
}

/// The kevents up to the departure of the peer at `port`, which comes last.
pub(crate) fn kevents_until_gone(observer: &Peer, port: libipcon::Port) -> Vec<Kevent> {
    let mut kevents = Vec::new();
    loop {
        let kevent = next_kevent(observer);
        kevents.push(kevent);
        if kevent.event == (Event::PeerRemoved { port }) {
            return kevents;
        }
    }
}

/// A message whose content tells its number.
pub(crate) fn numbered(number: u64) -> [u8; 8] {
    number.to_ne_bytes()
}

/// The number in a message.
pub(crate) fn number(data: &[u8]) -> u64 {
    u64::from_ne_bytes(data[..8].try_into().unwrap())
}

/// Tells other threads that it is over, also when an assertion fails.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
