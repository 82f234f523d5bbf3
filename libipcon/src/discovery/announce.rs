// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that are found by name.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coroipc::{Address, BindError, Endpoint, EndpointBuilder, EndpointLoop, Running};

use super::endpoint::EndpointName;
use super::error::{AnnounceError, is_no_bus};
use crate::error::{Error, Result};
use crate::inspect::Inspector;
use crate::peer::Peer;

/// Begins to announce a server under this name: 1 to 31 bytes without control characters, text or not.
pub fn announce(name: impl AsRef<[u8]>) -> Announce {
    Announce {
        name: name.as_ref().to_owned(),
        peer: None,
        path: None,
    }
}

/// Collects how a server is announced; see [`announce`].
#[derive(Debug)]
#[must_use = "nothing is announced before `bind`"]
pub struct Announce {
    name: Vec<u8>,
    peer: Option<Arc<Peer>>,
    path: Option<PathBuf>,
}

impl Announce {
    /// The peer that holds the name, rather than one made for it. A name that it holds already stays its own when the
    /// server goes.
    pub fn on(mut self, peer: impl Into<Arc<Peer>>) -> Self {
        self.peer = Some(peer.into());
        self
    }

    /// Listens at this path when the module is not loaded; see [`Address::path`].
    pub fn or_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Listens with the endpoint that `build` makes for the address that it is given, and then registers the names.
    /// Call it in the process that serves: after a fork, in the child.
    ///
    /// # Errors
    ///
    /// [`AnnounceError`] tells what is wrong. Nothing stays registered then.
    pub fn bind(
        self,
        build: impl FnOnce(Address) -> EndpointBuilder,
    ) -> std::result::Result<Announced<Endpoint>, AnnounceError> {
        let peer = match self.peer {
            Some(peer) => peer,
            None => match (Peer::connect(), self.path) {
                (Ok(peer), _) => Arc::new(peer),
                (Err(error), Some(path)) if is_no_bus(&error) => {
                    return at_path(Address::path(path), build);
                }
                (Err(source), None) if is_no_bus(&source) => {
                    let name = self.name;
                    return Err(AnnounceError::NoBus { name, source });
                }
                (Err(error), _) => return Err(AnnounceError::Bus(error)),
            },
        };
        refuse_second(&peer)?;
        let name = EndpointName::fresh().map_err(AnnounceError::name)?;
        let address = name.address();
        let server = build(address.clone()).bind()?;
        // In this order nobody finds what is not there yet.
        let endpoint = Registration::new(&peer, name.as_bytes()).map_err(AnnounceError::Bus)?;
        let service = Registration::unless_held(&peer, &self.name).map_err(AnnounceError::Bus)?;
        Ok(Announced {
            names: Some(Names {
                _service: service,
                _endpoint: endpoint,
                peer,
            }),
            server,
            address,
        })
    }
}

fn at_path(
    address: Address,
    build: impl FnOnce(Address) -> EndpointBuilder,
) -> std::result::Result<Announced<Endpoint>, AnnounceError> {
    Ok(Announced {
        names: None,
        server: build(address.clone()).bind()?,
        address,
    })
}

/// Clients take the first endpoint of a peer, so a second one would not be found.
fn refuse_second(peer: &Peer) -> std::result::Result<(), AnnounceError> {
    let services = Inspector::open().and_then(|inspector| inspector.services());
    let services = services.map_err(AnnounceError::Bus)?.items;
    let mut own = services.iter().filter(|it| it.peer_id == peer.id());
    match own.find(|it| EndpointName::of(it.name.as_bytes()).is_some()) {
        Some(service) => Err(AnnounceError::SecondEndpoint(service.name.to_string())),
        None => Ok(()),
    }
}

/// A server that is found by name, at one of its stages: an [`Endpoint`], then [`Running`] or an [`EndpointLoop`].
///
/// All names that its [`peer`](Self::peer) holds lead to it: it may register more.
///
/// Dropping it takes the names back that it registered, and then ends the server.
#[derive(Debug)]
pub struct Announced<S> {
    // They go before the server does, or clients would find what is there no more.
    names: Option<Names>,
    server: S,
    address: Address,
}

/// What is registered on the bus; they go in this order.
#[derive(Debug)]
struct Names {
    _service: Option<Registration>,
    _endpoint: Registration,
    peer: Arc<Peer>,
}

impl<S> Announced<S> {
    /// The peer that holds the name; `None` when the bus was not there and the server listens at its path.
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.names.as_ref().map(|names| &names.peer)
    }

    /// Where the server listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn then<T>(
        self,
        step: impl FnOnce(S) -> std::result::Result<T, BindError>,
    ) -> std::result::Result<Announced<T>, BindError> {
        let Self {
            names,
            server,
            address,
        } = self;
        Ok(Announced {
            server: step(server)?,
            names,
            address,
        })
    }
}

impl Announced<Endpoint> {
    /// Serves clients from now on, as [`Endpoint::spawn`].
    ///
    /// # Errors
    ///
    /// Those of [`Endpoint::spawn`]; the server is gone then.
    pub fn spawn(self) -> std::result::Result<Announced<Running>, BindError> {
        self.then(Endpoint::spawn)
    }

    /// Has clients served from a loop of the application's own, as [`Endpoint::into_loop`].
    ///
    /// # Errors
    ///
    /// Those of [`Endpoint::into_loop`]; the server is gone then.
    pub fn into_loop(self) -> std::result::Result<Announced<EndpointLoop>, BindError> {
        self.then(Endpoint::into_loop)
    }
}

impl Announced<Running> {
    /// Takes the names back, and then ends the server as [`Running::shut_down`].
    pub fn shut_down(self, grace: Duration) {
        drop(self.names);
        self.server.shut_down(grace);
    }
}

impl<S> Deref for Announced<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.server
    }
}

impl<S> DerefMut for Announced<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.server
    }
}

/// A name on the bus until this is dropped.
#[derive(Debug)]
struct Registration {
    peer: Arc<Peer>,
    name: Vec<u8>,
    /// The process that registered it: one that was forked has only a copy of this.
    pid: u32,
}

impl Registration {
    fn new(peer: &Arc<Peer>, name: &[u8]) -> Result<Self> {
        peer.register_service(name)?;
        Ok(Self {
            peer: peer.clone(),
            name: name.to_owned(),
            pid: std::process::id(),
        })
    }

    /// `None` when the peer holds the name already.
    fn unless_held(peer: &Arc<Peer>, name: &[u8]) -> Result<Option<Self>> {
        let is_own = |_: &Error| peer.find_service(name).is_ok_and(|it| it == peer.port());
        match Self::new(peer, name) {
            Err(error) if error.is_taken() && is_own(&error) => Ok(None),
            registered => registered.map(Some),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            // The application may have given it up itself, which is as good.
            let _ = self.peer.unregister_service(&self.name);
        }
    }
}
