// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passes on what it is told.
//!
//! Registers the service `ipcon_server` and the group `str_msg`, and sends each message that it gets to the group. Ends
//! with SIGINT or SIGTERM.

use std::error::Error;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use libipcon::{Origin, Peer};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

const SERVICE: &str = "ipcon_server";
const GROUP: &str = "str_msg";

/// A stream that is readable once SIGINT or SIGTERM came.
fn catch_signals() -> io::Result<UnixStream> {
    let (quit, signalled) = UnixStream::pair()?;
    pipe::register(SIGINT, signalled.try_clone()?)?;
    pipe::register(SIGTERM, signalled)?;
    Ok(quit)
}

/// Takes the next message, if there is one, and passes it on.
fn pass_on(server: &Peer) -> Result<(), Box<dyn Error>> {
    let Some(message) = server.try_recv()? else {
        return Ok(());
    };
    let Origin::Peer(port) = message.origin else {
        return Ok(());
    };
    // Programs in C send the end of their strings with them.
    let text = message.data.split(|&byte| byte == 0).next().unwrap_or(&[]);
    let line = [format!("{port} says: ").as_bytes(), text, b"\n"].concat();
    io::stdout().write_all(&line)?;
    Ok(server.multicast(GROUP, &message.data)?)
}

fn serve() -> Result<(), Box<dyn Error>> {
    let quit = catch_signals()?;
    let server = Peer::connect()?;
    // The group first: who finds the service may join the group at once.
    server.register_group(GROUP)?;
    server.register_service(SERVICE)?;
    writeln!(
        io::stdout(),
        "Service {SERVICE} and group {GROUP} are there"
    )?;
    loop {
        let mut watched = [
            PollFd::new(&server, PollFlags::IN),
            PollFd::new(&quit, PollFlags::IN),
        ];
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !watched[1].revents().is_empty() {
            return Ok(());
        }
        pass_on(&server)?;
    }
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_server: {error}");
            ExitCode::FAILURE
        }
    }
}
