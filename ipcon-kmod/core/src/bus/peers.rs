// SPDX-License-Identifier: GPL-2.0

//! Peers coming and going.

use crate::locked;
use crate::seam::{Arc, Counter, Flag, Map, arc};

use super::Bus;
use super::control::{Control, ControlSocket, Holding};
use super::counters::Counters;
use super::error::Error;
use super::kevent::Event;
use super::peer::{Identity, Peer};
use super::quota::{Charge, Payers, Resource};
use super::routes::Endpoint;
use super::transport::{SocketKey, Trace, Transport};

impl<T: Transport> Bus<T> {
    /// Makes the socket at `port` a peer. When it names the port of a control socket, it can be
    /// sent to only after that one has [attached](Self::attach_control).
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyPeer`], [`Error::QuotaExceeded`], [`Error::NoMemory`].
    pub fn add_peer(
        &self,
        port: u32,
        socket: T::Socket,
        identity: Identity,
        control_port: Option<u32>,
    ) -> Result<Arc<Peer<T>>, Error> {
        let mut control = self.control.lock();
        self.clear_port(&mut control, port, T::key(&socket))?;
        let payers = Payers::new(&self.accounts, identity.uid, identity.sponsor)?;
        let charge = Charge::one::<T>(&payers, Resource::Peers)?;
        let slot = Map::slot()?;
        let route = Map::slot()?;
        let peer = arc(Peer {
            id: T::new_id(),
            port,
            identity,
            created_at: T::now(),
            counters: Counters::default(),
            lost: Counter::new(),
            telling: locked!((), "ipcon telling")?,
            ready: Flag::new(control_port.is_none()),
            socket,
            payers,
            _charge: charge,
        })?;
        let holding = Holding {
            peer: peer.clone(),
            control: control_port.map_or(ControlSocket::None, ControlSocket::Expected),
            services: Map::new(),
            groups: Map::new(),
            joined: Map::new(),
        };
        control.peers.put(slot, peer.id, holding);
        control.generation += 1;
        trace_peer(&peer, true);
        self.routes
            .lock()
            .ports
            .put(route, port, Endpoint::Receive(peer.clone()));
        Ok(peer)
    }

    /// Takes a peer back that [`add_peer`](Self::add_peer) has just made and whose process was not
    /// told of it: nothing is announced. Unless it holds something, because another thread has used
    /// the same socket meanwhile: then observers have heard of it, and it ends like any other.
    pub fn withdraw_peer(&self, peer: &Arc<Peer<T>>) {
        let mut control = self.control.lock();
        if self
            .peer_at(peer.port)
            .is_ok_and(|known| known.id == peer.id)
        {
            let endpoint = self.routes.lock().ports.remove(&peer.port);
            drop(endpoint);
            let is_known = control
                .holding(peer.id)
                .is_ok_and(|holding| holding.is_used());
            if is_known {
                self.end_peer(&mut control, peer);
            } else {
                self.remove_peer(&mut control, peer);
            }
        }
    }

    /// Lets the socket at `port` act for the peer at `peer_port`. The process must be the one that
    /// made the peer: the socket that it named may have been closed, and its port be another's now.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchPeer`], [`Error::NotInvited`] when the peer did not name `port` or `caller` is
    /// another process, [`Error::AlreadyPeer`] when the socket acts for a peer already,
    /// [`Error::NoMemory`].
    pub fn attach_control(
        &self,
        port: u32,
        socket: T::Socket,
        caller: Identity,
        peer_port: u32,
    ) -> Result<Arc<Peer<T>>, Error> {
        let mut control = self.control.lock();
        self.clear_port(&mut control, port, T::key(&socket))?;
        let peer = match self.routes.lock().ports.get(&peer_port) {
            Some(Endpoint::Receive(peer)) => peer.clone(),
            _ => return Err(Error::NoSuchPeer),
        };
        let route = Map::slot()?;
        let holding = control.holding(peer.id)?;
        let maker = &peer.identity;
        let stranger = (maker.pid, maker.uid) != (caller.pid, caller.uid);
        if stranger || holding.control != ControlSocket::Expected(port) {
            return Err(Error::NotInvited);
        }
        holding.control = ControlSocket::Attached(port);
        self.routes
            .lock()
            .ports
            .put(route, port, Endpoint::Control(peer.clone(), socket));
        peer.ready.set();
        Ok(peer)
    }

    /// The peer for which the socket at `port` acts.
    ///
    /// # Errors
    ///
    /// [`Error::NotPeer`] when there is none, or when it was another socket that had this port.
    pub fn caller(&self, port: u32, socket: SocketKey) -> Result<Arc<Peer<T>>, Error> {
        match self.routes.lock().ports.get(&port) {
            Some(endpoint) if endpoint.key() == socket => Ok(endpoint.peer().clone()),
            _ => Err(Error::NotPeer),
        }
    }

    /// Ends what belonged to the socket that had `port`. Harmless for any other socket.
    ///
    /// The port may belong to the next socket already when this is called, so what counts is
    /// whether the socket that the bus knows there is closed.
    pub fn socket_closed(&self, port: u32) {
        let known_and_closed = |bus: &Self| {
            bus.routes
                .lock()
                .ports
                .get(&port)
                .is_some_and(Endpoint::is_closed)
        };
        // Most sockets that close never were on the bus: do not make them wait for the control
        // lock.
        if !known_and_closed(self) {
            return;
        }
        let mut control = self.control.lock();
        if known_and_closed(self) {
            self.end_endpoint(&mut control, port);
        }
    }

    /// Makes sure that nothing of an earlier owner of `port` is left.
    fn clear_port(
        &self,
        control: &mut Control<T>,
        port: u32,
        socket: SocketKey,
    ) -> Result<(), Error> {
        let known = self.routes.lock().ports.get(&port).map(Endpoint::key);
        match known {
            None => Ok(()),
            Some(key) if key == socket => Err(Error::AlreadyPeer),
            Some(_) => {
                self.end_endpoint(control, port);
                Ok(())
            }
        }
    }

    fn end_endpoint(&self, control: &mut Control<T>, port: u32) {
        let endpoint = self.routes.lock().ports.remove(&port);
        match endpoint {
            Some(Endpoint::Receive(peer)) => self.end_peer(control, &peer),
            Some(Endpoint::Control(peer, _)) => {
                if let Ok(holding) = control.holding(peer.id) {
                    holding.control = ControlSocket::None;
                }
            }
            None => {}
        }
    }

    /// Ends a peer whose own port is no longer routed. Nothing here can fail: it runs while a
    /// process dies.
    fn end_peer(&self, control: &mut Control<T>, peer: &Arc<Peer<T>>) {
        if self.remove_peer(control, peer) {
            let event = Event::PeerRemoved { port: peer.port };
            self.announce(control, event, peer.identity.pid);
        }
    }

    /// Ends all that a peer holds, and then the peer; false when that was done before.
    fn remove_peer(&self, control: &mut Control<T>, peer: &Arc<Peer<T>>) -> bool {
        let Some(mut holding) = control.peers.remove(&peer.id) else {
            return false;
        };
        if let ControlSocket::Attached(port) = holding.control {
            let control_socket = self.routes.lock().ports.remove(&port);
            drop(control_socket);
        }
        while let Some((_, group)) = holding.joined.pop_first() {
            if group.remove_member(peer.id) {
                control.memberships -= 1;
            }
        }
        while let Some((id, name)) = holding.services.pop_first() {
            self.end_service(control, id, name, peer);
        }
        while let Some((_, group)) = holding.groups.pop_first() {
            self.end_group(control, &group, peer.identity.pid);
        }
        control.generation += 1;
        T::leave_unread(&peer.socket, peer.id);
        trace_peer(peer, false);
        true
    }
}

fn trace_peer<T: Transport>(peer: &Peer<T>, added: bool) {
    let Identity { pid, uid, .. } = peer.identity;
    T::trace(Trace::Peer {
        id: peer.id,
        port: peer.port,
        pid,
        uid,
        added,
    });
}
