// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server in a loop of the crate `calloop`: `clock_server_calloop [NAME]`.

mod clock;

use std::os::fd::AsFd;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, Mode, PostAction};
use coroipc::EndpointLoop;

pub(crate) fn main() -> clock::Result<()> {
    let mut server = clock::endpoint()?.into_loop()?;
    let mut events = EventLoop::<EndpointLoop>::try_new()?;
    let handle = events.handle();

    // Sources own their descriptors, and the server is what callbacks work with.
    let descriptor = server.as_fd().try_clone_to_owned()?;
    let requests = Generic::new(descriptor, Interest::READ, Mode::Level);
    handle.insert_source(requests, |_ready, _descriptor, server| {
        server.dispatch()?;
        Ok(PostAction::Continue)
    })?;
    let mut time = 0;
    let ticks = Timer::from_duration(clock::TICK);
    handle.insert_source(ticks, move |_when, (), server| {
        time += 1;
        clock::tell(&server.connections(), time);
        TimeoutAction::ToDuration(clock::TICK)
    })?;

    Ok(events.run(None, &mut server, |_server| {})?)
}
