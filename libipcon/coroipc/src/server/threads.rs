// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread for each connection, which sleeps on a futex: the fastest way to serve.

use std::sync::Arc;

use rustix::io::Errno;

use super::channel::Channel;
use super::connection::Connection;
use super::endpoint::Shared;
use super::service::{AnyService, AnySession};
use crate::handshake::{Reason, Refusal};
use crate::layout::server;
use crate::ring::{Inbox, Submission, Violation};
use crate::wait::{Spin, publish_cpu, watcher};

/// Serves a client until one side ends the connection.
pub(super) fn serve(shared: &Shared, channel: &Arc<Channel>, service: Arc<dyn AnyService>) {
    let id = service.id();
    let _span = crate::trace::connection(channel.number, id, &channel.credentials);
    // It could be done when serving began, but the limits may have changed.
    if let Err(error) = shared.placement.apply() {
        return refuse(
            shared,
            channel,
            Refusal::new(Reason::Resources, error.to_string()),
        );
    }
    match watcher::watch(
        &*channel.socket,
        channel.credentials.process(),
        watcher::weak(channel),
    ) {
        // It goes with the channel.
        Ok(watching) => drop(channel.watching.set(watching)),
        Err(errno) => {
            let text = format!("watching the connection: {errno}");
            return refuse(shared, channel, Refusal::new(Reason::Resources, text));
        }
    }
    let mut session = match service.connect(Connection::new(channel.clone())) {
        Ok(session) => session,
        Err(refusal) => return refuse(shared, channel, refusal),
    };
    shared.connected(channel, id);
    match channel.say_ready(shared.process()) {
        Ok(()) => answer_requests(shared, channel, session.as_mut()),
        Err(errno) => refuse(shared, channel, not_ready(errno)),
    }
    session.disconnect();
}

/// Why a client is not wanted that could not be given this side's region.
pub(super) fn not_ready(errno: Errno) -> Refusal {
    Refusal::new(Reason::Resources, format!("sending the memory: {errno}"))
}

/// Tells a client that it is not wanted after all.
fn refuse(shared: &Shared, channel: &Channel, refusal: Refusal) {
    shared.refused(Some(channel.credentials.uid()), &refusal);
    channel.refuse(refusal);
}

/// What a connection's thread has to do.
enum Next {
    Request(Result<(u32, Submission), Violation>),
    /// There is room for events again.
    RoomAgain,
}

fn answer_requests(shared: &Shared, channel: &Arc<Channel>, session: &mut dyn AnySession) {
    let mut inbox = Inbox::default();
    let spin = Spin::new(shared.spin_limit);
    let cpu = channel.own.word(server::CPU);
    publish_cpu(cpu);
    loop {
        let next = crate::wait::wait(channel.requests(), &spin, &channel.life, None, || {
            if channel.events.take_room_again() {
                return Some(Next::RoomAgain);
            }
            let taken = inbox.take(&channel.peer, &channel.sizes).transpose();
            taken.map(Next::Request)
        });
        let taken = match next {
            // Nobody is there any more, or we are to stop.
            Err(_) => return,
            Ok(Next::Request(taken)) => taken,
            Ok(Next::RoomAgain) => {
                if session.room_again() {
                    continue;
                }
                return channel.refuse(Refusal::new(Reason::Panicked, ""));
            }
        };
        let call = match taken.and_then(|request| channel.call(request)) {
            Ok(call) => call,
            Err(violation) => return channel.violated(violation),
        };
        publish_cpu(cpu);
        let goes_on = shared
            .admit(call)
            .is_ok_and(|admitted| admitted.is_none_or(|call| session.dispatch(call)));
        if !goes_on {
            return channel.refuse(Refusal::new(Reason::Panicked, ""));
        }
        if channel.life.over().is_some() {
            return;
        }
    }
}
