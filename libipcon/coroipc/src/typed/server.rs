// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server's side of an interface.

use std::fmt;
use std::io::IoSlice;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::interface::{Command, Event, Interface};
use super::payload::{Payload, Received, Sent, copy, total};
use crate::handshake::{Credentials, Refusal};
use crate::server::{Call, Connection, EventError, Service, Session};

/// A request that was read, to be answered once with a `P`. As with [`Call`], that may happen later and on another thread,
/// and the client is told when it is dropped without an answer.
#[must_use = "dropped without an answer, the client gets an error"]
pub struct Responder<P: Payload + ?Sized> {
    call: Call,
    reply: PhantomData<fn(&P)>,
}

impl<P: Payload + ?Sized> Responder<P> {
    /// Answers.
    #[inline]
    pub fn send(mut self, reply: Sent<'_, P>) {
        let pieces = P::pieces(reply);
        let len = total(pieces);
        match self.call.reply_room().get_mut(..len) {
            Some(room) => {
                copy(pieces, room);
                self.call.reply_in_place(len);
            }
            None => self.call.reply_vectored(&pieces.map(IoSlice::new)),
        }
    }

    /// Answers with an error: the client gets `CallError::Failed` with this code of the application's own.
    pub fn fail(self, code: u32) {
        self.call.fail(code);
    }

    /// Answers that there is too much to do, and after which time the client may try again.
    pub fn overloaded(self, retry_after: Duration) {
        self.call.overloaded(retry_after);
    }

    /// The request, with all that is known of it and who asks.
    pub fn call(&self) -> &Call {
        &self.call
    }
}

impl<S: Send + 'static, I: Interface> Service<S, I> {
    /// Has a command asked for by some clients only. `permission` is asked for each call, instead of one that was set
    /// before; other clients get `CallError::Denied`.
    ///
    /// ```
    /// # use coroipc::{Session, typed::Responder};
    /// # coroipc::interface! {
    /// #     pub mod lamp = service 1, version 1;
    /// #     commands { on(()) -> () = 1; }
    /// # }
    /// # struct Lamp;
    /// # impl lamp::Server for Lamp {
    /// #     type State = ();
    /// #     fn on(&self, _: &mut Session<()>, _: (), reply: Responder<()>) { reply.send(&()) }
    /// # }
    /// # fn main() {
    /// let service = lamp::service(Lamp, |_| Ok(()))
    ///     .permit::<lamp::commands::on>(|client| client.uid() == 0);
    /// # let _ = service;
    /// # }
    /// ```
    #[must_use]
    pub fn permit<C: Command<Interface = I>>(
        mut self,
        permission: impl Fn(&Credentials) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.set_permission(C::ID, permission);
        self
    }

    /// For [`interface!`](crate::interface): it adds all commands.
    #[doc(hidden)]
    pub fn declared(
        connect: impl Fn(&Connection) -> Result<S, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self::without_commands(I::SERVICE, Some(I::FINGERPRINT), connect)
    }

    /// For [`interface!`](crate::interface).
    #[doc(hidden)]
    #[must_use]
    pub fn handled<C: Command<Interface = I>>(
        self,
        handler: impl Fn(&mut Session<S>, Received<C::Request>, Responder<C::Reply>)
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let handler = move |session: &mut Session<S>, call: Call| {
            let Ok(request) = C::Request::read(call.payload()) else {
                return call.invalid_request();
            };
            let reply = PhantomData;
            handler(session, request, Responder { call, reply });
        };
        self.add(C::ID, None, Box::new(handler))
    }
}

impl Connection {
    /// Sends an event of an interface; see [`Connection::send_event`].
    ///
    /// # Errors
    /// [`EventError`] says why it was not sent.
    pub fn send<E: Event>(&self, payload: Sent<'_, E::Payload>) -> Result<(), EventError> {
        let number = E::NUMBER.to_ne_bytes();
        let [head, tail] = E::Payload::pieces(payload);
        self.send_event(&[&number, head, tail].map(IoSlice::new))
    }

    /// As [`Connection::send`], waiting for room until a deadline where the policy is to block.
    ///
    /// # Errors
    /// [`EventError`] says why it was not sent.
    pub fn send_by<E: Event>(
        &self,
        payload: Sent<'_, E::Payload>,
        deadline: Instant,
    ) -> Result<(), EventError> {
        let number = E::NUMBER.to_ne_bytes();
        let [head, tail] = E::Payload::pieces(payload);
        self.send_event_by(&[&number, head, tail].map(IoSlice::new), deadline)
    }
}

impl<P: Payload + ?Sized> fmt::Debug for Responder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.call).finish()
    }
}
