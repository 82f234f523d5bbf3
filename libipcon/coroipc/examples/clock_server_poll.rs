// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server in a loop of `poll`: `clock_server_poll [NAME]`.

mod clock;

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) fn main() -> clock::Result<()> {
    let mut server = clock::endpoint()?.into_loop()?;
    let (mut time, mut next) = (0, Instant::now() + clock::TICK);
    loop {
        let left = next.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left)?;
        poll(&mut [PollFd::new(&server, PollFlags::IN)], Some(&left))?;
        server.dispatch()?;
        if next <= Instant::now() {
            (time, next) = (time + 1, next + clock::TICK);
            clock::tell(&server.connections(), time);
        }
    }
}
