// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sample programs, as an unprivileged user runs them.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::{Process, program};
use ipcon_vm_tests::{Case, cases};
use libipcon::{Origin, Peer};

use crate::support::next;

pub(crate) fn all() -> Vec<Case> {
    cases![
        what_is_sent_to_the_server_reaches_every_user,
        the_sender_sends_every_second,
        a_sample_says_what_it_lacks,
        the_async_sample_echoes_and_watches,
    ]
}

const NOBODY: u32 = 65_534;

fn sample(name: &str) -> Command {
    let mut command = program(&format!("examples/{name}"));
    command.uid(NOBODY).gid(NOBODY);
    command
}

fn what_is_sent_to_the_server_reaches_every_user() {
    let mut server = Process::spawn(&mut sample("ipcon_server"));
    let said = server.line();
    let port = said
        .strip_prefix("service ipcon_server at port ")
        .and_then(|rest| rest.strip_suffix(", group str_msg"))
        .unwrap_or_else(|| panic!("{said:?}"));
    let mut users = [(); 2].map(|()| Process::spawn(&mut sample("ipcon_user")));
    for user in &mut users {
        user.expect("joined group str_msg");
    }
    let status = sample("ipcon_cmd").arg("Hello world!").status().unwrap();
    assert!(status.success(), "{status}");
    for user in &mut users {
        user.expect(&format!("str_msg of port {port}: Hello world!"));
    }
    // A program in C may send its string with or without the end.
    let peer = Peer::connect().unwrap();
    let server_port = peer.find_service("ipcon_server").unwrap();
    peer.send(server_port, b"plain").unwrap();
    for user in &mut users {
        user.expect(&format!("str_msg of port {port}: plain"));
    }
}

fn the_sender_sends_every_second() {
    let server = Peer::connect().unwrap();
    server.register_service("ipcon_server").unwrap();
    let mut sender = Process::spawn(sample("ipcon_sender").arg("tick"));
    sender.expect(&format!("found ipcon_server at port {}", server.port()));
    let received: Vec<_> = [(); 3]
        .into_iter()
        .map(|()| {
            let message = next(&server);
            assert_eq!(message.data, b"tick\0");
            assert!(matches!(message.origin, Origin::Peer(_)));
            Instant::now()
        })
        .collect();
    let gap = received[2] - received[0];
    assert!(
        gap > Duration::from_millis(1500),
        "three messages within {gap:?}"
    );
}

fn a_sample_says_what_it_lacks() {
    let output = sample("ipcon_cmd").arg("x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("find service \"ipcon_server\": there is no such service"),
        "{said}"
    );

    let output = sample("ipcon_user").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("join group \"str_msg\": there is no such group"),
        "{said}"
    );

    for name in ["ipcon_cmd", "ipcon_sender"] {
        let output = sample(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("usage"),
            "{name}"
        );
    }
}

fn the_async_sample_echoes_and_watches() {
    let output = sample("async_echo").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines, ["services: [echo]", "call 1", "call 2", "call 3"]);
}
