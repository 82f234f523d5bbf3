// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client in a loop of the crate `calloop`: `clock_client_calloop [NAME]`.

mod clock;

use std::os::fd::AsFd;

use calloop::generic::Generic;
use calloop::{EventLoop, Interest, Mode, PostAction};

pub(crate) fn main() -> clock::Result<()> {
    let client = clock::client().connect()?;
    let mut job = clock::Job::start(&client)?;
    let mut done = job.go_on();

    let mut events = EventLoop::<clock::Result<bool>>::try_new()?;
    let descriptor = client.as_fd().try_clone_to_owned()?;
    let ready = Generic::new(descriptor, Interest::READ, Mode::Level);
    events
        .handle()
        .insert_source(ready, |_ready, _descriptor, done| {
            *done = job.go_on();
            Ok(PostAction::Continue)
        })?;
    while !done? {
        done = Ok(false);
        events.dispatch(None, &mut done)?;
    }
    Ok(())
}
