// SPDX-License-Identifier: GPL-2.0

//! Services: names of peers.

use crate::seam::{Arc, Map, arc};

use super::Bus;
use super::control::Control;
use super::error::Error;
use super::kevent::Event;
use super::name::ServiceName;
use super::peer::Peer;
use super::quota::{Charge, Resource};
use super::service::Service;
use super::transport::{Trace, Transport};

impl<T: Transport> Bus<T> {
    /// Gives `peer` a name.
    ///
    /// # Errors
    ///
    /// [`Error::NameTaken`], also when the peer itself has the name; [`Error::NotPeer`],
    /// [`Error::QuotaExceeded`], [`Error::NoMemory`].
    pub fn register_service(&self, peer: &Arc<Peer<T>>, name: ServiceName) -> Result<(), Error> {
        let mut control = self.control.lock();
        if self.routes.lock().services.get(&name).is_some() {
            return Err(Error::NameTaken);
        }
        let charge = Charge::one::<T>(&peer.payers, Resource::Services)?;
        let held = Map::slot()?;
        let slot = Map::slot()?;
        let route = Map::slot()?;
        let id = T::new_id();
        let service = arc(Service {
            id,
            name,
            peer: peer.clone(),
            created_at: T::now(),
            _charge: charge,
        })?;
        control.holding(peer.id)?.services.put(held, id, name);
        control.services.put(slot, id, service.clone());
        control.generation += 1;
        T::trace(Trace::Service {
            id,
            peer: peer.id,
            added: true,
        });
        self.routes.lock().services.put(route, name, service);
        let event = Event::ServiceAdded {
            name,
            port: peer.port,
        };
        self.announce(&mut control, event, peer.identity.pid);
        Ok(())
    }

    /// Takes a name of `peer` back.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::NotOwner`], [`Error::NotPeer`].
    pub fn unregister_service(&self, peer: &Arc<Peer<T>>, name: ServiceName) -> Result<(), Error> {
        let mut control = self.control.lock();
        let id = self.service_named(name)?.id;
        control
            .holding(peer.id)?
            .services
            .remove(&id)
            .ok_or(Error::NotOwner)?;
        self.end_service(&mut control, id, name, peer);
        Ok(())
    }

    /// The service of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`].
    pub fn service_named(&self, name: ServiceName) -> Result<Arc<Service<T>>, Error> {
        self.routes
            .lock()
            .services
            .get(&name)
            .cloned()
            .ok_or(Error::Unknown)
    }

    /// Forgets a service that its peer no longer holds.
    pub(super) fn end_service(
        &self,
        control: &mut Control<T>,
        id: u64,
        name: ServiceName,
        peer: &Peer<T>,
    ) {
        self.routes.lock().services.remove(&name);
        control.services.remove(&id);
        control.generation += 1;
        T::trace(Trace::Service {
            id,
            peer: peer.id,
            added: false,
        });
        let event = Event::ServiceRemoved {
            name,
            port: peer.port,
        };
        self.announce(control, event, peer.identity.pid);
    }
}
