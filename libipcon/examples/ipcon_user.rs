// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints what is sent to the group `str_msg` of `ipcon_server`.
//!
//! Waits for the group if it is not there, and again after it went. Ends with SIGINT or SIGTERM.

use std::error::Error;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use libipcon::{ErrorKind, Event, KEVENT_GROUP, Message, Origin, Peer, Replay};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

const GROUP: &str = "str_msg";

/// A stream that is readable once SIGINT or SIGTERM came.
fn catch_signals() -> io::Result<UnixStream> {
    let (quit, signalled) = UnixStream::pair()?;
    pipe::register(SIGINT, signalled.try_clone()?)?;
    pipe::register(SIGTERM, signalled)?;
    Ok(quit)
}

/// Joins unless that was done already. `joined` tells what was said last.
fn join(user: &Peer, joined: &mut bool) -> Result<(), Box<dyn Error>> {
    let is_said = match user.join_group(GROUP, Replay::Last) {
        Ok(()) => false,
        Err(error) => match error.kind() {
            // Before its arrival was heard of.
            ErrorKind::AlreadyMember => *joined,
            ErrorKind::NotFound => return Ok(()),
            _ => return Err(error.into()),
        },
    };
    if !is_said {
        writeln!(io::stdout(), "Joined the group {GROUP}")?;
    }
    *joined = true;
    Ok(())
}

fn handle_event(user: &Peer, event: &Event, joined: &mut bool) -> Result<(), Box<dyn Error>> {
    match event {
        Event::GroupAdded { name, .. } if name == GROUP => join(user, joined),
        Event::GroupRemoved { name, .. } if name == GROUP => {
            // The membership has gone with the group.
            writeln!(io::stdout(), "The group {GROUP} is gone")?;
            *joined = false;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Takes a message; before it, says what was lost.
fn hear(user: &Peer, message: &Message, joined: &mut bool) -> Result<(), Box<dyn Error>> {
    if message.lost > 0 {
        writeln!(io::stdout(), "{} messages were lost", message.lost)?;
    }
    match message.origin {
        Origin::Kevent(_) => {
            // One of a newer kernel may be unknown here.
            if let Some(Ok(kevent)) = message.kevent() {
                handle_event(user, &kevent.event, joined)?;
            }
        }
        Origin::Group { name, .. } => {
            // Programs in C send the end of their strings with them.
            let text = message.data.split(|&byte| byte == 0).next().unwrap_or(&[]);
            let line = [name.as_bytes(), b": ", text, b"\n"].concat();
            io::stdout().write_all(&line)?;
        }
        Origin::Peer(_) => {}
    }
    Ok(())
}

fn listen_to_group() -> Result<(), Box<dyn Error>> {
    let quit = catch_signals()?;
    let user = Peer::connect()?;
    // Before the group is looked for, or its arrival in between would be missed.
    user.join_group(KEVENT_GROUP, Replay::None)?;
    let mut joined = false;
    join(&user, &mut joined)?;
    if !joined {
        writeln!(io::stdout(), "Waiting for the group {GROUP}")?;
    }
    loop {
        let mut watched = [
            PollFd::new(&user, PollFlags::IN),
            PollFd::new(&quit, PollFlags::IN),
        ];
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if !watched[1].revents().is_empty() {
            return Ok(());
        }
        if let Some(message) = user.try_recv()? {
            hear(&user, &message, &mut joined)?;
        }
        // If the queue was full, the group may have gone and come again unheard, and nothing may ever tell: a loss is
        // told with the next message. So it is looked for once the queue is empty.
        let mut queue = [PollFd::new(&user, PollFlags::IN)];
        if poll(&mut queue, Some(&Timespec::default())) == Ok(0) {
            join(&user, &mut joined)?;
        }
    }
}

fn main() -> ExitCode {
    match listen_to_group() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipcon_user: {error}");
            ExitCode::FAILURE
        }
    }
}
