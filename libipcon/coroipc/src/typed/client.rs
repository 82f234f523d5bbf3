// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client's side of an interface.

use std::marker::PhantomData;
use std::time::Instant;

use super::call::{Pending, Reply};
use super::events::Events;
use super::interface::{Command, Interface};
use super::payload::{Payload, Received, Sent, copy, total};
use crate::client::{CallError, ClientBuilder, ConnectError, RequestRoom};

/// A connection to a service whose interface is `I`. The `Client` that [`interface!`](crate::interface) makes has a method
/// for each command on top of these.
#[derive(Debug)]
pub struct Client<I> {
    client: crate::Client,
    interface: PhantomData<fn() -> I>,
}

/// The client that [`interface!`](crate::interface) makes.
pub trait Stub {
    /// Its interface.
    type Interface: Interface;

    /// The same connection, with a method for each command.
    fn of(client: Client<Self::Interface>) -> Self;
}

impl ClientBuilder {
    /// Connects to the service of an interface, whichever service was named before.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`]; [`Reason::Interface`](crate::Reason::Interface) refuses who has another interface than
    /// the server.
    pub fn connect_as<C: Stub>(self) -> Result<C, ConnectError> {
        let named = self
            .service(C::Interface::SERVICE)
            .interface(C::Interface::FINGERPRINT);
        let interface = PhantomData;
        named
            .connect()
            .map(|client| C::of(Client { client, interface }))
    }
}

impl<I: Interface> Client<I> {
    /// Sends a request and waits for its reply, for as long as [`ClientBuilder::timeout`] says.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    #[inline]
    pub fn call<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
    ) -> Result<Received<C::Reply>, CallError> {
        self.call_by::<C>(request, self.client.deadline())
    }

    /// Sends a request and waits for its reply until a deadline.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    #[inline]
    pub fn call_by<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
        deadline: Option<Instant>,
    ) -> Result<Received<C::Reply>, CallError> {
        let room = self.filled::<C>(request, deadline)?;
        let reply = room.call(C::ID, deadline)?;
        Ok(C::Reply::read(reply.bytes())?)
    }

    /// Sends a request and does not wait: see [`crate::Client::start`].
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub fn start<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
        deadline: Option<Instant>,
    ) -> Result<Pending<'_, C::Reply>, CallError> {
        let room = self.filled::<C>(request, deadline)?;
        Ok(Pending::new(room.start(C::ID, deadline)))
    }

    /// Sends a request whose answer nobody waits for.
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub fn notify<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
    ) -> Result<(), CallError> {
        let room = self.filled::<C>(request, self.client.deadline())?;
        room.notify(C::ID)
    }

    /// Sends a request and waits for its reply, which is left where it is: see [`Reply::read`].
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    pub fn lease<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
        deadline: Option<Instant>,
    ) -> Result<Reply<'_, C::Reply>, CallError> {
        let room = self.filled::<C>(request, deadline)?;
        room.call(C::ID, deadline).map(Reply::new)
    }

    /// The receiving end of the server's events: see [`crate::Client::events`].
    pub fn events(&self) -> Option<Events<I>> {
        self.client.events().map(Events::new)
    }

    /// The connection, for all that has no types.
    pub fn untyped(&self) -> &crate::Client {
        &self.client
    }

    #[inline]
    fn filled<C: Command<Interface = I>>(
        &self,
        request: Sent<'_, C::Request>,
        deadline: Option<Instant>,
    ) -> Result<RequestRoom<'_>, CallError> {
        let pieces = C::Request::pieces(request);
        let mut room = self.client.room(total(pieces), deadline)?;
        copy(pieces, room.bytes());
        Ok(room)
    }
}
