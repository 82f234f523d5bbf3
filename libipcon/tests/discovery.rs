// SPDX-License-Identifier: MIT OR Apache-2.0
//! Announcing and finding a coroipc server where there is no bus. With one, it is tested in the VM.

#![cfg(all(feature = "coroipc", not(loom)))]
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use libipcon::coroipc::{Client, CommandId, ConnectError, Endpoint, Service, ServiceId};
use libipcon::discovery::{AnnounceError, FindError, announce, find};

const ECHO: ServiceId = ServiceId::new(1);
const SAY: CommandId = CommandId::new(1);

/// Whether the bus is here; then a path is nothing to go by.
fn has_bus() -> bool {
    std::fs::exists("/sys/module/ipcon").unwrap()
}

fn path(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ipcon-{test}-{}", std::process::id()))
}

fn echo() -> Service<()> {
    Service::new(ECHO, |_connection| Ok(())).command(SAY, |_session, call| {
        let payload = call.payload().to_vec();
        call.reply(&payload);
    })
}

#[test]
fn without_the_bus_both_sides_take_the_path() {
    if has_bus() {
        return;
    }
    let path = path("both");
    let server = announce("echo")
        .or_path(&path)
        .bind(|address| Endpoint::builder(address).service(echo()))
        .unwrap();
    assert!(server.peer().is_none());
    assert_eq!(server.address().as_path(), Some(path.as_path()));
    let server = server.spawn().unwrap();

    let client = find("echo")
        .or_path(&path)
        .connect(|address| Client::builder(address, ECHO));
    let client = client.unwrap();
    assert_eq!(client.call(SAY, b"hello").unwrap().to_vec(), b"hello");
    assert_eq!(server.connections().len(), 1);
    drop(client);
    server.shut_down(Duration::from_secs(5));
    assert!(!path.exists(), "the path goes with the server");
}

#[test]
fn without_the_bus_and_a_path_both_sides_say_what_to_do() {
    if has_bus() {
        return;
    }
    let announced = announce("echo").bind(|_| unreachable!("there is no address"));
    let refused = announced.unwrap_err();
    assert!(
        matches!(refused, AnnounceError::NoBus { .. }),
        "{refused:?}"
    );
    let found = find("echo")
        .wait_until(Instant::now() + Duration::from_secs(60))
        .connect(|_| unreachable!("there is no address"));
    let missed = found.unwrap_err();
    assert!(matches!(missed, FindError::NoBus { .. }), "{missed:?}");
    for text in [refused.to_string(), missed.to_string()] {
        assert!(text.contains("service \"echo\""), "{text}");
        assert!(text.contains("modprobe ipcon"), "{text}");
    }
}

#[test]
fn without_the_bus_a_server_that_is_not_at_the_path_is_not_waited_for() {
    if has_bus() {
        return;
    }
    let found = find("echo")
        .or_path(path("nobody"))
        .wait_until(Instant::now() + Duration::from_secs(60))
        .connect(|address| Client::builder(address, ECHO));
    let error = found.unwrap_err();
    let FindError::Connect(ConnectError::Unreachable { source, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_loop_can_be_announced_too() {
    if has_bus() {
        return;
    }
    let path = path("loop");
    let mut server = announce("echo")
        .or_path(&path)
        .bind(|address| Endpoint::builder(address).service(echo()))
        .unwrap()
        .into_loop()
        .unwrap();
    assert_eq!(server.dispatch().unwrap(), 0);
}
