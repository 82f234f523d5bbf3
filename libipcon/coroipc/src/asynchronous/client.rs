// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client whose waits are futures.

use std::fmt;
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout_at};

use super::call::{AsyncPending, AsyncRoom};
use super::descriptor::Descriptor;
use super::events::AsyncEvents;
use crate::client::{
    CallError, Client, ClientBuilder, ConnectError, Connecting, Disconnected, Progress, Reply,
};
use crate::gather::{gather, total};
use crate::handshake::Credentials;
use crate::id::CommandId;
use crate::sizes::Sizes;

/// A [`Client`] whose waits are futures, for programs that run on tokio. Needs the cargo feature `tokio`, and a runtime
/// with I/O and time. Any number of tasks may call through it at once. Dropping it disconnects.
///
/// ```
/// use coroipc::{Address, AsyncClient, Client, CommandId, Endpoint, Service, ServiceId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = Address::abstract_name(format!("doc-async-{}", std::process::id()));
/// let echo = Service::new(ServiceId::new(1), |_connection| Ok(()))
///     .command(CommandId::new(1), |_session, call| {
///         let payload = call.payload().to_vec();
///         call.reply(&payload);
///     });
/// let mut server = Endpoint::builder(address.clone()).service(echo).bind()?.into_async()?;
/// tokio::spawn(async move { server.serve().await });
///
/// let client = AsyncClient::connect(Client::builder(address, ServiceId::new(1))).await?;
/// let (one, two) = tokio::join!(
///     client.call(CommandId::new(1), b"one"),
///     client.call(CommandId::new(1), b"two"),
/// );
/// assert_eq!((one?.to_vec(), two?.to_vec()), (b"one".to_vec(), b"two".to_vec()));
/// # Ok(())
/// # }
/// ```
///
/// # Futures that are dropped
///
/// Each future of it can be dropped at any moment, as `select!` and `timeout` do, and then:
///
/// - one that connects has made no connection;
/// - one that waits for a slot has sent nothing, and who waits next is told of what it was told of;
/// - one whose request was sent has cancelled it: the handler can see that ([`Call::is_cancelled`](crate::Call::is_cancelled)),
///   but may have run; the reply is thrown away, and the slot is free again once there is one;
/// - one that waits for an event has taken none.
///
/// To call without that risk, keep the [`AsyncPending`] of [`AsyncClient::start`] and wait with a reference to it.
pub struct AsyncClient {
    client: Client,
    /// Listens to the socket.
    listener: JoinHandle<()>,
}

/// How long it takes until a server whose queue was full is tried again.
const AGAIN: Duration = Duration::from_millis(5);

impl AsyncClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`] says why it did not work.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O or time.
    pub async fn connect(builder: ClientBuilder) -> Result<Self, ConnectError> {
        let began = Instant::now();
        let connecting = loop {
            match builder.start_connect() {
                Err(ConnectError::TimedOut(_)) if began.elapsed() < builder.patience() => {
                    sleep(AGAIN).await;
                }
                started => break started?,
            }
        };
        Self::new(complete(connecting).await?)
    }

    /// Goes on with a client that is connected already.
    ///
    /// # Errors
    /// [`ConnectError::System`] when the runtime cannot watch one more descriptor.
    ///
    /// # Panics
    /// As [`AsyncClient::connect`].
    pub fn new(client: Client) -> Result<Self, ConnectError> {
        let socket = Descriptor::watch(client.core.clone()).map_err(watching)?;
        let listener = tokio::spawn(async move {
            let core = Arc::clone(&socket.get_ref().0);
            // The runtime fails only when it is shut down.
            while let Ok(mut ready) = socket.readable().await {
                let all = core.hear();
                if all {
                    ready.clear_ready();
                }
                if core.life.over().is_some() {
                    return;
                }
                if !all {
                    // It is ready still, and that costs nothing of the runtime's budget: a server that rings all the time
                    // would keep the thread.
                    yield_now().await;
                }
            }
        });
        Ok(Self { client, listener })
    }

    /// Sends a request and waits for its reply, for as long as [`ClientBuilder::timeout`] says.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    pub async fn call(&self, command: CommandId, payload: &[u8]) -> Result<Reply<'_>, CallError> {
        let deadline = self.client.deadline();
        self.call_vectored(command, &[IoSlice::new(payload)], deadline)
            .await
    }

    /// Sends a request that consists of several pieces, and waits for its reply until a deadline.
    ///
    /// # Errors
    /// [`CallError`] says why there is no reply.
    pub async fn call_vectored(
        &self,
        command: CommandId,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<Reply<'_>, CallError> {
        self.start(command, payload, deadline).await?.await
    }

    /// Sends a request, and waits for its slot at most: the reply is waited for later. Several may be under way, and be
    /// answered in any order.
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub async fn start(
        &self,
        command: CommandId,
        payload: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<AsyncPending<'_>, CallError> {
        let mut room = self.room(total(payload), deadline).await?;
        // It has exactly this length.
        let _ = gather(payload, room.bytes());
        Ok(room.start(command, deadline))
    }

    /// Sends a request that is not answered. It waits where all slots are taken.
    ///
    /// # Errors
    /// [`CallError`] says why it was not sent.
    pub async fn notify(
        &self,
        command: CommandId,
        payload: &[IoSlice<'_>],
    ) -> Result<(), CallError> {
        let mut room = self.room(total(payload), self.client.deadline()).await?;
        let _ = gather(payload, room.bytes());
        room.notify(command)
    }

    /// The memory for a request of `len` bytes, to be written in place, as [`Client::room`].
    ///
    /// # Errors
    /// Those of [`Client::room`].
    pub async fn room(
        &self,
        len: usize,
        deadline: Option<Instant>,
    ) -> Result<AsyncRoom<'_>, CallError> {
        self.client.fits(len)?;
        AsyncRoom::wait(&self.client.core, len, deadline).await
    }

    /// The receiving end of the server's events: there is one, so only the first call gets it, and only if the connection
    /// has a ring of events.
    pub fn events(&self) -> Option<AsyncEvents> {
        self.client.events().map(AsyncEvents::new)
    }

    /// The memory that both sides agreed on.
    pub fn sizes(&self) -> Sizes {
        self.client.sizes()
    }

    /// Who the server is: whoever began to listen at the address.
    pub fn server(&self) -> &Credentials {
        self.client.server()
    }

    /// Why the connection is over, if it is.
    pub fn disconnected(&self) -> Option<Disconnected> {
        self.client.disconnected()
    }
}

/// Goes on until the connection is made.
async fn complete(mut connecting: Connecting) -> Result<Client, ConnectError> {
    // One of its own, as the connection's is the client's before this lets go of it.
    let socket = connecting.as_fd().try_clone_to_owned();
    let socket = socket.and_then(Descriptor::watch).map_err(watching)?;
    loop {
        let until = connecting.deadline().into();
        if let Ok(ready) = timeout_at(until, socket.readable()).await {
            ready.map_err(watching)?.clear_ready();
        }
        match connecting.advance()? {
            Progress::Connected(client) => return Ok(client),
            Progress::Waiting(again) => connecting = again,
        }
    }
}

fn watching(source: std::io::Error) -> ConnectError {
    let doing = "watching the socket";
    ConnectError::System { doing, source }
}

impl Drop for AsyncClient {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for AsyncClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
