// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is told to `tracing`, where that is wanted: who comes and goes, and why. Calls and events are not: what happens often
//! is in [`crate::statistics`].
//!
//! None of these is called while a lock is held, since what listens is the application's.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]

use crate::handshake::{Credentials, Refusal};
use crate::id::ServiceId;
use crate::ring::Violation;
use crate::wait::End;

/// What is told of a connection is of a server's target or a client's, so that either can be filtered.
#[cfg(feature = "tracing")]
mod target {
    pub(super) const SERVER: &str = "coroipc::server";
    pub(super) const CLIENT: &str = "coroipc::client";
}

/// A client is connected, and gets a thread of its own: what its handlers tell belongs to the span, as long as it is kept.
#[cfg(feature = "tracing")]
pub(crate) fn connection(
    number: u64,
    service: ServiceId,
    client: &Credentials,
) -> tracing::span::EnteredSpan {
    let (pid, uid, service) = (client.pid(), client.uid(), service.get());
    tracing::info_span!(target: target::SERVER, "connection", number, service, pid, uid).entered()
}

/// As above, where nobody listens.
#[cfg(not(feature = "tracing"))]
pub(crate) fn connection(number: u64, service: ServiceId, client: &Credentials) -> NoSpan {
    NoSpan
}

/// In place of a span.
#[cfg(not(feature = "tracing"))]
pub(crate) struct NoSpan;

/// A client is connected.
pub(crate) fn connected(number: u64, service: ServiceId, client: &Credentials) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid, service) = (client.pid(), client.uid(), service.get());
        tracing::info!(target: target::SERVER, number, service, pid, uid, "client connected");
    }
}

/// A client of a user, if that is known, was refused.
pub(crate) fn refused(uid: Option<u32>, refusal: &Refusal) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: target::SERVER, uid, reason = %refusal, "client refused");
}

/// A connected client is disconnected and told why.
pub(crate) fn told(number: u64, client: &Credentials, refusal: &Refusal) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid) = (client.pid(), client.uid());
        tracing::info!(target: target::SERVER, number, pid, uid, reason = %refusal, "client is told to go");
    }
}

/// A client broke the rules.
pub(crate) fn violated(number: u64, client: &Credentials, violation: Violation) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid) = (client.pid(), client.uid());
        tracing::warn!(target: target::SERVER, number, pid, uid, %violation, "client broke the protocol");
    }
}

/// A client's connection is over.
pub(crate) fn disconnected(number: u64, client: &Credentials, end: End) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid, end) = (client.pid(), client.uid(), name(end));
        tracing::info!(target: target::SERVER, number, pid, uid, end, "client disconnected");
    }
}

/// This process is connected to a server.
pub(crate) fn connected_to(server: &Credentials, service: ServiceId) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid, service) = (server.pid(), server.uid(), service.get());
        tracing::info!(target: target::CLIENT, service, pid, uid, "connected");
    }
}

/// This process could not connect to a server.
pub(crate) fn not_connected(
    address: &crate::handshake::Address,
    service: ServiceId,
    error: &crate::client::ConnectError,
) {
    #[cfg(feature = "tracing")]
    {
        let service = service.get();
        tracing::info!(target: target::CLIENT, %address, service, %error, "not connected");
    }
}

/// The server broke the rules.
pub(crate) fn server_violated(server: &Credentials, violation: Violation) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid) = (server.pid(), server.uid());
        tracing::warn!(target: target::CLIENT, pid, uid, %violation, "server broke the protocol");
    }
}

/// The connection to a server is over.
pub(crate) fn disconnected_from(server: &Credentials, end: End) {
    #[cfg(feature = "tracing")]
    {
        let (pid, uid, end) = (server.pid(), server.uid(), name(end));
        tracing::info!(target: target::CLIENT, pid, uid, end, "disconnected");
    }
}

#[cfg(feature = "tracing")]
fn name(end: End) -> &'static str {
    match end {
        End::HungUp => "the other side hung up",
        End::Closed => "this side ended it",
        End::Violation => "the other side broke the protocol",
    }
}
