// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends its argument to the service `ipcon_server` every second.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use libipcon::{Peer, Result};

const SERVICE: &str = "ipcon_server";
const INTERVAL: Duration = Duration::from_secs(1);

fn send_for_ever(text: &str) -> Result<()> {
    let sender = Peer::connect()?;
    let server = sender.find_service(SERVICE)?;
    println!("found {SERVICE} at port {server}");
    // With a NUL behind it, so that programs in C may take it for a string.
    let message = format!("{text}\0");
    loop {
        sender.send(server, message.as_bytes())?;
        println!("sent {text:?}");
        thread::sleep(INTERVAL);
    }
}

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("usage: ipcon_sender MESSAGE");
        return ExitCode::from(2);
    };
    match send_for_ever(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_sender: {error}");
            ExitCode::FAILURE
        }
    }
}
