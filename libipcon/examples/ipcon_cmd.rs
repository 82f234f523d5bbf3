// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends its argument to the service `ipcon_server`, once.

use std::process::ExitCode;

use libipcon::{Peer, Result};

const SERVICE: &str = "ipcon_server";

fn send_once(text: &str) -> Result<()> {
    let sender = Peer::connect()?;
    let server = sender.find_service(SERVICE)?;
    // With a NUL behind it, so that programs in C may take it for a string.
    sender.send(server, format!("{text}\0").as_bytes())
}

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("usage: ipcon_cmd MESSAGE");
        return ExitCode::from(2);
    };
    match send_once(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_cmd: {error}");
            ExitCode::FAILURE
        }
    }
}
