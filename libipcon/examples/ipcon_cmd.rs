// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends its argument to the service `ipcon_server`, once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

use libipcon::{Peer, Result};

const SERVICE: &str = "ipcon_server";

fn send_once(message: &[u8]) -> Result<()> {
    let peer = Peer::connect()?;
    let server = peer.find_service(SERVICE)?;
    peer.send(server, message)
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Ok([text]) = <[OsString; 1]>::try_from(arguments) else {
        eprintln!("Usage: ipcon_cmd MESSAGE");
        return ExitCode::from(2);
    };
    // With a NUL behind it, so that programs in C may take it for a string.
    let message = [text.into_vec(), vec![0]].concat();
    match send_once(&message) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_cmd: {error}");
            ExitCode::FAILURE
        }
    }
}
