// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets that clients come through.

pub(crate) mod activated;
mod address;
mod unix;

use std::future::poll_fn;
use std::io;
use std::net::{self, IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net as unix_net;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{AddressFamily, SocketType, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

pub(crate) use address::{Address, mode};

/// A connection of whatever kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where a client is: its address, of IPv6 the network of 64 bits, in which it may take any. `None` for this machine's
/// Unix-domain sockets.
pub(crate) type Origin = Option<IpAddr>;

fn origin(address: IpAddr) -> Origin {
    Some(match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    })
}

/// Sockets that listen.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    listeners: Vec<Listener>,
    /// Who is asked first next time, so that none is forgotten over another.
    first: usize,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Of a socket that is ours alone: gone with it.
        _file: Option<unix::File>,
    },
}

impl Listeners {
    /// Listens at an address, at a path with these permissions.
    ///
    /// # Errors
    ///
    /// The address is taken, not of this machine, or not permitted.
    pub(crate) async fn bind(&mut self, address: &Address, mode: u32) -> Result<()> {
        let listener = match address {
            Address::Tcp(address) => TcpListener::bind(address)
                .await
                .map(Listener::Tcp)
                .map_err(Into::into),
            Address::Unix(path) => unix::listen_at(path, mode).and_then(|(socket, file)| {
                Ok(Listener::Unix {
                    listener: UnixListener::from_std(socket.into())?,
                    _file: Some(file),
                })
            }),
        };
        let listener = listener.with_context(|| {
            format!("cannot listen at {address}; choose another address with --web.listen-address")
        })?;
        self.listeners.push(listener);
        Ok(())
    }

    /// Adds a socket that another program opened.
    ///
    /// # Errors
    ///
    /// It is not one that accepts connections.
    pub(crate) fn adopt(&mut self, socket: OwnedFd) -> Result<()> {
        let kind = kind(&socket).context("cannot tell the kind of a socket from systemd")?;
        ensure!(
            kind.stream && kind.listens,
            "a socket from systemd does not accept connections; it wants ListenStream= and Accept=no"
        );
        self.listeners.push(match kind.family {
            AddressFamily::INET | AddressFamily::INET6 => {
                let listener = net::TcpListener::from(socket);
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?)
            }
            AddressFamily::UNIX => {
                let listener = unix_net::UnixListener::from(socket);
                listener.set_nonblocking(true)?;
                Listener::Unix {
                    listener: UnixListener::from_std(listener)?,
                    _file: None,
                }
            }
            other => bail!("a socket from systemd is of family {}", other.as_raw()),
        });
        Ok(())
    }

    /// Where the page of metrics is, as far as that can be said in one line.
    pub(crate) fn places(&self, scheme: &str) -> Vec<String> {
        let place = |listener: &Listener| match listener {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}/metrics"),
                Err(_) => format!("{scheme}://?"),
            },
            Listener::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(
                    || "a socket without a path".to_owned(),
                    |path| format!("unix:{}", path.display()),
                )
            }
        };
        self.listeners.iter().map(place).collect()
    }

    /// The next connection through any of them.
    pub(crate) async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, Origin)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(
        &mut self,
        context: &mut TaskContext<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, Origin)>> {
        let count = self.listeners.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            if let Poll::Ready(accepted) = self.listeners[index].poll_accept(context) {
                self.first = index + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

impl Listener {
    fn poll_accept(
        &self,
        context: &mut TaskContext<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, Origin)>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, from)| (Box::new(stream) as Box<dyn Stream>, origin(from.ip()))),
            Self::Unix { listener, .. } => listener
                .poll_accept(context)
                .map_ok(|(stream, _)| (Box::new(stream) as Box<dyn Stream>, None)),
        }
    }
}

struct Kind {
    family: AddressFamily,
    stream: bool,
    listens: bool,
}

fn kind(socket: impl AsFd) -> io::Result<Kind> {
    Ok(Kind {
        family: sockopt::socket_domain(&socket)?,
        stream: sockopt::socket_type(&socket)? == SocketType::STREAM,
        listens: sockopt::socket_acceptconn(&socket)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_where_its_address_or_network_is() {
        let origin = |text: &str| origin(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(origin("192.0.2.7"), "192.0.2.7");
        assert_eq!(origin("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(origin("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
