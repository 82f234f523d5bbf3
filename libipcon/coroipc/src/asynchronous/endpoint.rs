// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serving an endpoint in a task.

use std::convert::Infallible;

use tokio::io::unix::AsyncFd;

use super::descriptor::Descriptor;
use crate::server::{BindError, Connection, Endpoint, EndpointLoop};

/// An [`EndpointLoop`] that a task serves, for programs that run on tokio. Needs the cargo feature `tokio`. Dropping it
/// disconnects all clients.
///
/// Handlers and hooks run in that task, one at a time. What takes long, or waits, is to be done by another one: a handler
/// gives its [`Call`](crate::Call) away, and whoever has it replies.
///
/// ```
/// use std::time::Duration;
///
/// use coroipc::{Address, AsyncClient, Client, CommandId, Endpoint, Service, ServiceId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = Address::abstract_name(format!("doc-async-endpoint-{}", std::process::id()));
/// let lazy = Service::new(ServiceId::new(1), |_connection| Ok(()))
///     .command(CommandId::new(1), |_session, call| {
///         tokio::spawn(async move {
///             tokio::time::sleep(Duration::from_millis(1)).await;
///             call.reply(b"at last");
///         });
///     });
/// let mut server = Endpoint::builder(address.clone()).service(lazy).bind()?.into_async()?;
/// let client = async {
///     let client = AsyncClient::connect(Client::builder(address, ServiceId::new(1))).await?;
///     let reply = client.call(CommandId::new(1), b"").await?;
///     Ok::<_, Box<dyn std::error::Error>>(reply.to_vec())
/// };
/// tokio::select! {
///     failed = server.serve() => return Err(failed.expect_err("it goes on").into()),
///     reply = client => assert_eq!(reply?, b"at last"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct AsyncEndpoint {
    server: AsyncFd<Descriptor<EndpointLoop>>,
}

impl Endpoint {
    /// Has clients served from a task. Needs the cargo feature `tokio`.
    ///
    /// # Errors
    /// Those of [`Endpoint::into_loop`]; [`BindError::Start`] also when the runtime cannot watch one more descriptor.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    pub fn into_async(self) -> Result<AsyncEndpoint, BindError> {
        let server = Descriptor::watch(self.into_loop()?).map_err(BindError::Start)?;
        Ok(AsyncEndpoint { server })
    }
}

impl AsyncEndpoint {
    /// Serves clients for as long as the future is polled. When it is dropped no call is lost: those that came meanwhile are
    /// handled when this is called again.
    ///
    /// # Errors
    /// The kernel's, when it cannot be asked what there is to do, and the runtime's when it is shut down. It does not return
    /// otherwise.
    pub async fn serve(&mut self) -> std::io::Result<Infallible> {
        loop {
            let mut ready = self.server.readable_mut().await?;
            // The loop tells anew of what it leaves.
            ready.clear_ready();
            ready.get_inner_mut().0.dispatch()?;
        }
    }

    /// Those who are connected now.
    pub fn connections(&self) -> Vec<Connection> {
        self.server.get_ref().0.connections()
    }
}

impl std::fmt::Debug for AsyncEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.server.get_ref().0.fmt(f)
    }
}
