// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client in a loop of the crate `mio`, which tells of each change once: `clock_client_mio [NAME]`.

mod clock;

use std::os::fd::{AsFd, AsRawFd};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

pub(crate) fn main() -> clock::Result<()> {
    let client = clock::client().connect()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
    let descriptor = client.as_fd().as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&descriptor), Token(0), Interest::READABLE)?;
    let mut job = clock::Job::start(&client)?;
    while !job.go_on()? {
        poll.poll(&mut events, None)?;
    }
    Ok(())
}
