// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread for each connection, which sleeps on a futex: the fastest way to serve.

use std::sync::Arc;

use super::call::Call;
use super::channel::Channel;
use super::connection::Connection;
use super::endpoint::Shared;
use super::service::{AnyService, AnySession};
use crate::handshake::socket;
use crate::handshake::wire::Message;
use crate::handshake::{Reason, Refusal};
use crate::layout::server;
use crate::ring::Inbox;
use crate::wait::{Spin, publish_cpu, watcher};

/// Serves a client until one side ends the connection.
pub(super) fn serve(shared: &Shared, channel: &Arc<Channel>, service: Arc<dyn AnyService>) {
    let watched = watcher::watch(&*channel.socket, watcher::weak(channel));
    if let Err(errno) = &watched {
        let text = format!("watching the connection: {errno}");
        return channel.refuse(Refusal::new(Reason::Resources, text));
    }
    let mut session = match service.connect(Connection::new(channel.clone())) {
        Ok(session) => session,
        Err(refusal) => {
            shared.registry.refused(refusal.reason());
            return channel.refuse(refusal);
        }
    };
    if socket::send(&*channel.socket, &Message::Ready, &[]).is_ok() {
        answer_requests(shared, channel, session.as_mut());
    }
    session.disconnect();
}

fn answer_requests(shared: &Shared, channel: &Arc<Channel>, session: &mut dyn AnySession) {
    let mut inbox = Inbox::default();
    let spin = Spin::new(shared.spin_limit);
    let cpu = channel.own.word(server::CPU);
    publish_cpu(cpu);
    loop {
        let taken = crate::wait::wait(channel.requests(), &spin, &channel.life, None, || {
            inbox.take(&channel.peer, &channel.sizes).transpose()
        });
        let Ok(taken) = taken else {
            // Nobody is there any more, or we are to stop.
            return;
        };
        let begun = taken.and_then(|(number, submission)| {
            let room = channel.begin(&submission)?;
            Ok(Call::new(channel.clone(), submission, number, room))
        });
        let call = match begun {
            Ok(call) => call,
            Err(violation) => return channel.violated(violation),
        };
        publish_cpu(cpu);
        if let Some(call) = shared.admit(call)
            && !session.dispatch(call)
        {
            return channel.refuse(Refusal::new(Reason::Panicked, ""));
        }
        if channel.life.over().is_some() {
            return;
        }
    }
}
