// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that connects again when its server was gone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::connect::ClientBuilder;
use super::error::{CallError, ConnectError, Disconnected};
use super::handle::Client;
use super::reach::Pauses;
use crate::id::CommandId;

type Prepare = dyn Fn(&Client) -> Result<(), CallError> + Send + Sync;

/// A client that connects when it is needed, and again when the server was gone.
///
/// No call is ever sent twice: one that was sent and whose reply was lost may have been handled, and only the application
/// knows whether it may be handled again. It is told so, by [`ReconnectError::Lost`]. What was not sent yet when the server
/// turned out to be gone is sent to the next one.
///
/// What the server kept for the connection is gone with it: [`Reconnecting::on_connect`] is the place to bring it back.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use coroipc::{Address, Client, CommandId, ReconnectError, ServiceId};
/// # use coroipc::{Endpoint, Service};
/// # let address = Address::abstract_name(format!("doc-reconnecting-{}", std::process::id()));
/// # let serve = || {
/// #     let clock = Service::new(ServiceId::new(1), |_| Ok(()))
/// #         .command(CommandId::new(1), |_, call| call.reply(b"noon"));
/// #     Endpoint::builder(address.clone()).service(clock).bind()?.spawn()
/// # };
/// # let server = serve()?;
///
/// const TIME: CommandId = CommandId::new(1);
/// let clock = Client::builder(address.clone(), ServiceId::new(1)).reconnecting();
/// let soon = || Instant::now() + Duration::from_secs(5);
/// let ask = || loop {
///     match clock.call(TIME, b"", soon()) {
///         // To ask for the time does no harm, however often.
///         Err(ReconnectError::Lost(_)) => continue,
///         other => break other,
///     }
/// };
/// let time = ask()?;
/// # drop(server);
/// # let _server = serve()?;
/// # assert_eq!(ask()?, time);
/// # assert_eq!(clock.connections(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reconnecting {
    builder: ClientBuilder,
    prepare: Option<Box<Prepare>>,
    current: Mutex<Option<Arc<Client>>>,
    connections: AtomicU64,
}

/// Why a call of a [`Reconnecting`] client has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconnectError {
    /// No server could be connected to until the deadline, or it does not want this client. Nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// [`Reconnecting::on_connect`] failed, and the connection was given up. Nothing was sent.
    #[error("preparing a new connection: {0}")]
    Prepare(#[source] CallError),
    /// The request was sent, and the connection ended before a reply came. It may have been handled, or not.
    #[error("the reply was lost, and the request may have been handled: {0}")]
    Lost(#[source] Disconnected),
    /// Any other; the connection is as good as before.
    #[error(transparent)]
    Call(CallError),
}

impl Reconnecting {
    pub(super) fn new(builder: ClientBuilder) -> Self {
        Self {
            builder,
            prepare: None,
            current: Mutex::new(None),
            connections: AtomicU64::new(0),
        }
    }

    /// Runs on each new connection before it is used, to bring back what the server had kept for the last one.
    #[must_use]
    pub fn on_connect(
        mut self,
        prepare: impl Fn(&Client) -> Result<(), CallError> + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Some(Box::new(prepare));
        self
    }

    /// How many connections there have been, so that whoever keeps something of one sees that it is another.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// The connection, or a new one if it is over, waiting for a server until the deadline.
    ///
    /// # Errors
    /// [`ReconnectError::Connect`] and [`ReconnectError::Prepare`].
    pub fn client(&self, deadline: Instant) -> Result<Arc<Client>, ReconnectError> {
        let mut current = self
            .current
            .try_lock_until(deadline)
            .ok_or(ConnectError::TimedOut("another thread connected to it"))?;
        if let Some(client) = &*current
            && client.disconnected().is_none()
        {
            return Ok(client.clone());
        }
        // Before another comes, so that there are never two.
        *current = None;
        let client = self.builder.connect_by(deadline)?;
        if let Some(prepare) = &self.prepare {
            prepare(&client).map_err(ReconnectError::Prepare)?;
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(current.insert(Arc::new(client)).clone())
    }

    /// Sends a request and waits for its reply until the deadline, which is also for connecting before. A copy of the
    /// reply.
    ///
    /// # Errors
    /// [`ReconnectError`] says whether the request may have been handled.
    pub fn call(
        &self,
        command: CommandId,
        payload: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, ReconnectError> {
        let mut pauses = None;
        loop {
            let client = self.client(deadline)?;
            let room = client.room(payload.len(), Some(deadline));
            let sent = room.and_then(|mut room| {
                room.bytes().copy_from_slice(payload);
                room.start(command, Some(deadline)).sent()
            });
            let pending = match sent {
                Ok(pending) => pending,
                // Nothing was sent.
                Err(CallError::Disconnected(_)) => {
                    // A server that hangs up on everybody is not to be asked without a pause.
                    let address = self.builder.address();
                    pauses
                        .get_or_insert_with(|| Pauses::before(address))
                        .wait(deadline);
                    continue;
                }
                Err(other) => return Err(ReconnectError::Call(other)),
            };
            return match pending.wait() {
                Ok(reply) => Ok(reply.to_vec()),
                Err(CallError::Disconnected(why)) => Err(ReconnectError::Lost(why)),
                Err(other) => Err(ReconnectError::Call(other)),
            };
        }
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting")
            .field("builder", &self.builder)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
