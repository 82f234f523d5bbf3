// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients that find a server by name.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use coroipc::{Address, Client, ClientBuilder, Credentials, Refusal};
use parking_lot::Mutex;

use super::endpoint::EndpointName;
use super::error::{FindError, is_no_bus};
use super::process;
use crate::error::{Error, ErrorKind};
use crate::events::{Events, Update};
use crate::info::ServiceInfo;
use crate::inspect::Inspector;
use crate::kevent::Event;

/// So often a server is tried that is another one by the time that it is reached.
const ATTEMPTS: usize = 16;

/// So often all services are listed, when the bus changes meanwhile and what is wanted is not among them.
const LOOKS: usize = 3;

/// Begins to find the server that holds this name.
pub fn find(name: impl AsRef<[u8]>) -> Find {
    Find {
        name: name.as_ref().to_owned(),
        path: None,
        deadline: None,
    }
}

/// Collects how a server is found; see [`find`].
#[derive(Debug)]
#[must_use = "nothing is looked for before `connect`"]
pub struct Find {
    name: Vec<u8>,
    path: Option<PathBuf>,
    deadline: Option<Instant>,
}

impl Find {
    /// Connects to this path when the module is not loaded. Who may be there is up to the permissions of its folder;
    /// the builder's `require_server_uid` may ask for more.
    pub fn or_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Waits until this time for the name to be registered, by a peer with an endpoint; without it, it has to be there.
    /// No registration is missed. How long connecting may take then is for the builder to say. Nobody waits for the
    /// module.
    pub fn wait_until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Looks for the server and connects to it, with what `build` makes for its address. It is called again when that
    /// server went while it was connected to and another one holds the name.
    ///
    /// # Errors
    ///
    /// [`FindError`] tells why there is no connection.
    pub fn connect(
        self,
        mut build: impl FnMut(Address) -> ClientBuilder,
    ) -> Result<Client, FindError> {
        let inspector = match (Inspector::open(), self.path) {
            (Ok(inspector), _) => Arc::new(inspector),
            (Err(error), Some(path)) if is_no_bus(&error) => {
                return Ok(build(Address::path(path)).connect()?);
            }
            (Err(source), None) if is_no_bus(&source) => {
                let name = self.name;
                return Err(FindError::NoBus { name, source });
            }
            (Err(error), _) => return Err(FindError::Bus(error)),
        };
        let mut arrivals = None;
        loop {
            let absence = match connect(&inspector, &self.name, &mut build) {
                Err(error) if error.is_absence() => error,
                outcome => return outcome,
            };
            // A bus that is never quiet tells of arrivals after the deadline, too.
            let Some(deadline) = self.deadline.filter(|it| *it > Instant::now()) else {
                return Err(absence);
            };
            // The first update comes at once, so what came between the look-up and this is not missed.
            let arrivals = match &mut arrivals {
                Some(arrivals) => arrivals,
                none => none.insert(Events::open()?),
            };
            if !await_arrival(arrivals, deadline)? {
                return Err(absence);
            }
        }
    }
}

/// Waits until there may be another service. Gives false when there was none before the deadline.
fn await_arrival(arrivals: &mut Events, deadline: Instant) -> Result<bool, Error> {
    loop {
        match arrivals.recv_deadline(deadline)? {
            Some(Update::Snapshot(_)) => return Ok(true),
            Some(Update::Kevent(kevent)) if matches!(kevent.event, Event::ServiceAdded { .. }) => {
                return Ok(true);
            }
            // A bus that is never quiet keeps nobody longer than the deadline.
            Some(_) if Instant::now() < deadline => {}
            Some(_) | None => return Ok(false),
        }
    }
}

/// Connects to whoever holds the name, and to the next holder if that one goes meanwhile.
fn connect(
    inspector: &Arc<Inspector>,
    name: &[u8],
    build: &mut impl FnMut(Address) -> ClientBuilder,
) -> Result<Client, FindError> {
    for _ in 0..ATTEMPTS {
        let holder = Arc::new(Holder::of(inspector, name)?);
        let doubt = Arc::new(Mutex::new(None));
        let builder = build(holder.endpoint.address()).verify_server(verifier(
            inspector.clone(),
            holder.clone(),
            doubt.clone(),
        ));
        let error = match builder.connect() {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let doubt = doubt.lock().take();
        match doubt {
            Some(Doubt::Gone) => {}
            Some(Doubt::Another(found)) => return Err(holder.held_by_another(name, found)),
            Some(Doubt::Bus(error)) => return Err(FindError::Bus(error)),
            None if holder.is_there(inspector)? => return Err(FindError::Connect(error)),
            None => {}
        }
    }
    Err(FindError::Unsettled {
        name: name.to_owned(),
        attempts: ATTEMPTS,
    })
}

/// Why a server that was reached is not the one that was looked for.
enum Doubt {
    /// The holder gave up the name or the endpoint, or is gone.
    Gone,
    /// Another process listens, with this pid.
    Another(u32),
    /// It could not be asked for.
    Bus(Error),
}

/// Judges who was reached, when it was reached and before anything is said to it.
fn verifier(
    inspector: Arc<Inspector>,
    holder: Arc<Holder>,
    doubt: Arc<Mutex<Option<Doubt>>>,
) -> impl Fn(&Credentials) -> Result<(), Refusal> {
    move |server| {
        let found = match holder.is_there(&inspector) {
            Ok(true) if holder.is_process(server) => return Ok(()),
            Ok(true) => Doubt::Another(server.pid()),
            Ok(false) => Doubt::Gone,
            Err(error) => Doubt::Bus(error),
        };
        *doubt.lock() = Some(found);
        Err(Refusal::denied("it is not who holds the service"))
    }
}

/// Who holds a name, and the endpoint of that peer.
struct Holder {
    /// The registrations of the name and of the endpoint.
    registrations: [ServiceInfo; 2],
    endpoint: EndpointName,
}

impl Holder {
    fn of(inspector: &Inspector, name: &[u8]) -> Result<Self, FindError> {
        let service = inspector.service(name).map_err(|error| {
            let name = name.to_owned();
            match error.kind() {
                ErrorKind::NotFound => FindError::NoService { name },
                ErrorKind::Invalid => FindError::InvalidName { name },
                _ => FindError::Bus(error),
            }
        })?;
        for _ in 0..LOOKS {
            let services = inspector.services()?;
            let of_peer = |it: &ServiceInfo| it.peer_id == service.peer_id;
            for other in services.items.into_iter().filter(of_peer) {
                if let Some(endpoint) = EndpointName::of(other.name.as_bytes()) {
                    return Ok(Self {
                        registrations: [service, other],
                        endpoint,
                    });
                }
            }
            if !services.interrupted {
                break;
            }
        }
        let peer = inspector.peer(service.port);
        let peer = peer.ok().filter(|it| it.id == service.peer_id);
        Err(match peer {
            Some(peer) => FindError::NoEndpoint {
                name: name.to_owned(),
                holder: peer.pid,
            },
            // It went in the meantime.
            None => FindError::NoService {
                name: name.to_owned(),
            },
        })
    }

    /// Whether it holds both names as it did. A registration has a number that no later one has.
    fn is_there(&self, inspector: &Inspector) -> Result<bool, Error> {
        for registration in &self.registrations {
            match inspector.service(registration.name) {
                Ok(now) if now.id == registration.id => {}
                Err(error) if !error.is_not_found() => return Err(error),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether this is the process that it says listens.
    fn is_process(&self, server: &Credentials) -> bool {
        let number = server.pidfd().map(process::number);
        matches!(number, Some(Ok(number)) if number == self.endpoint.process())
    }

    fn held_by_another(&self, name: &[u8], pid: u32) -> FindError {
        let [_, endpoint] = &self.registrations;
        FindError::HeldByAnother {
            name: name.to_owned(),
            endpoint: endpoint.name.to_string(),
            found: (pid != 0).then_some(pid),
        }
    }
}
