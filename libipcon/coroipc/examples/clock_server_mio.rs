// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server in a loop of the crate `mio`, which tells of each change once: `clock_server_mio [NAME]`.

mod clock;

use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

pub(crate) fn main() -> clock::Result<()> {
    let mut server = clock::endpoint()?.into_loop()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
    let descriptor = server.as_fd().as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&descriptor), Token(0), Interest::READABLE)?;
    let (mut time, mut next) = (0, Instant::now() + clock::TICK);
    loop {
        let left = next.saturating_duration_since(Instant::now());
        poll.poll(&mut events, Some(left))?;
        if !events.is_empty() {
            // What it leaves for the next time is told anew.
            server.dispatch()?;
        }
        if next <= Instant::now() {
            (time, next) = (time + 1, next + clock::TICK);
            clock::tell(&server.connections(), time);
        }
    }
}
