// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client in a loop of `poll`, which waits for nothing else, not even while it connects: `clock_client_poll [NAME]`.

mod clock;

use coroipc::Progress;
use rustix::event::{PollFd, PollFlags, poll};

pub(crate) fn main() -> clock::Result<()> {
    let mut connecting = clock::client().start_connect()?;
    let client = loop {
        poll(&mut [PollFd::new(&connecting, PollFlags::IN)], None)?;
        match connecting.advance()? {
            Progress::Connected(client) => break client,
            Progress::Waiting(again) => connecting = again,
        }
    };
    let mut job = clock::Job::start(&client)?;
    while !job.go_on()? {
        poll(&mut [PollFd::new(&client, PollFlags::IN)], None)?;
    }
    Ok(())
}
