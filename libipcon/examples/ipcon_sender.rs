// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends its argument to the service `ipcon_server` every second, until the server has gone, or SIGINT or SIGTERM
//! comes.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use libipcon::Peer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

const SERVICE: &str = "ipcon_server";
const INTERVAL: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// A stream that is readable once SIGINT or SIGTERM came.
fn catch_signals() -> io::Result<UnixStream> {
    let (quit, signalled) = UnixStream::pair()?;
    pipe::register(SIGINT, signalled.try_clone()?)?;
    pipe::register(SIGTERM, signalled)?;
    Ok(quit)
}

fn send_again_and_again(message: &[u8]) -> Result<(), Box<dyn Error>> {
    let quit = catch_signals()?;
    let peer = Peer::connect()?;
    let server = peer.find_service(SERVICE)?;
    loop {
        peer.send(server, message)?;
        writeln!(io::stdout(), "Sent to {SERVICE}@{server}")?;
        // The pause: it ends early with a signal.
        match poll(&mut [PollFd::new(&quit, PollFlags::IN)], Some(&INTERVAL)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Ok([text]) = <[OsString; 1]>::try_from(arguments) else {
        eprintln!("Usage: ipcon_sender MESSAGE");
        return ExitCode::from(2);
    };
    // With a NUL behind it, so that programs in C may take it for a string.
    let message = [text.into_vec(), vec![0]].concat();
    match send_again_and_again(&message) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_sender: {error}");
            ExitCode::FAILURE
        }
    }
}
