// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples for loops, each client with each server.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::world::*;

#[path = "../../examples/clock_client_calloop.rs"]
mod clock_client_calloop;
#[path = "../../examples/clock_client_mio.rs"]
mod clock_client_mio;
#[path = "../../examples/clock_client_poll.rs"]
mod clock_client_poll;
#[cfg(feature = "tokio")]
#[path = "../../examples/clock_client_tokio.rs"]
mod clock_client_tokio;
#[path = "../../examples/clock_server_calloop.rs"]
mod clock_server_calloop;
#[path = "../../examples/clock_server_mio.rs"]
mod clock_server_mio;
#[path = "../../examples/clock_server_poll.rs"]
mod clock_server_poll;
#[cfg(feature = "tokio")]
#[path = "../../examples/clock_server_tokio.rs"]
mod clock_server_tokio;

pub(crate) fn all() -> Vec<Case> {
    cases![each_client_follows_each_clock]
}

const SERVERS: &[Role] = &[
    ("clock_server_calloop", || {
        clock_server_calloop::main().unwrap()
    }),
    ("clock_server_mio", || clock_server_mio::main().unwrap()),
    ("clock_server_poll", || clock_server_poll::main().unwrap()),
    #[cfg(feature = "tokio")]
    ("clock_server_tokio", || clock_server_tokio::main().unwrap()),
];

const CLIENTS: &[Role] = &[
    ("clock_client_calloop", || {
        clock_client_calloop::main().unwrap()
    }),
    ("clock_client_mio", || clock_client_mio::main().unwrap()),
    ("clock_client_poll", || clock_client_poll::main().unwrap()),
    #[cfg(feature = "tokio")]
    ("clock_client_tokio", || clock_client_tokio::main().unwrap()),
];

pub(crate) fn roles() -> Vec<Role> {
    [SERVERS, CLIENTS].concat()
}

fn each_client_follows_each_clock() {
    for (server, _) in SERVERS {
        let name = format!("{server}-{}", std::process::id());
        let mut clock = Process::of(program(server, &name));
        clock.wait_for("the clock ticks");
        for (client, _) in CLIENTS {
            let mut program = program(client, &name);
            let began = Instant::now();
            let output = program.stdin(Stdio::null()).output().unwrap();
            let lines = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{client} at {server}: {lines}");
            let (times, sums): (Vec<_>, Vec<_>) =
                lines.lines().partition(|line| line.starts_with("time "));
            assert_eq!(
                sums,
                ["sum 1", "sum 3", "sum 6", "sum 10"],
                "{client} at {server}"
            );
            let times: Vec<u64> = times.iter().map(|it| it[5..].parse().unwrap()).collect();
            let first = times[0];
            assert_eq!(times, [first, first + 1, first + 2], "{client} at {server}");
            // From its first tick to the third are two.
            assert!(began.elapsed().as_millis() >= 40, "{client} at {server}");
        }
    }
}

fn program(role: &str, name: &str) -> Command {
    let mut program = in_role(role);
    program.arg(name);
    program
}
