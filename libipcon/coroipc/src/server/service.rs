// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services: what is run for each command, and what each connection keeps.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::call::Call;
use super::connection::Connection;
use super::overflow::Overflow;
use super::queue::Limits;
use crate::handshake::wire::MOST_DESCRIPTORS;
use crate::handshake::{Credentials, Reason, Refusal};
use crate::id::{CommandId, ServiceId};
use crate::status::Status;

type Connect<S> = dyn Fn(&Connection) -> Result<S, Refusal> + Send + Sync;
type Disconnect<S> = dyn Fn(Session<S>) + Send + Sync;
type RoomAgain<S> = dyn Fn(&mut Session<S>) + Send + Sync;
pub(crate) type Handler<S> = dyn Fn(&mut Session<S>, Call) + Send + Sync;
pub(crate) type Permission = dyn Fn(&Credentials) -> bool + Send + Sync;
type Policy = dyn Fn(&Credentials) -> Result<(), Refusal> + Send + Sync;

/// A service of an endpoint: handlers by command, and hooks.
///
/// `S` is the state that each connection has for itself. It is made when a client connects and handed to the disconnect
/// hook, or dropped, when the connection is over. Handlers of one connection run one at a time, so that they have it
/// for themselves.
///
/// ```
/// use coroipc::{CommandId, Service, ServiceId};
///
/// let counter = Service::new(ServiceId::new(7), |_connection| Ok(0u64))
///     .command(CommandId::new(1), |session, call| {
///         session.state += 1;
///         call.reply(&session.state.to_ne_bytes());
///     })
///     .on_disconnect(|session| println!("{} calls", session.state));
/// # let _ = counter;
/// ```
///
/// `I` is the interface of a service whose commands are declared by [`interface!`](crate::interface), and `()` of one whose
/// commands are added here.
pub struct Service<S, I = ()> {
    id: ServiceId,
    connect: Box<Connect<S>>,
    disconnect: Option<Box<Disconnect<S>>>,
    policies: Vec<Box<Policy>>,
    interface: Option<u64>,
    room_again: Option<Box<RoomAgain<S>>>,
    overflow: Option<Overflow>,
    queue: Option<Limits>,
    descriptors: u32,
    /// By command. A missing entry is an unknown command.
    commands: Vec<Option<Command<S>>>,
    twice: Option<CommandId>,
    declared: PhantomData<fn() -> I>,
}

struct Command<S> {
    permission: Option<Box<Permission>>,
    handler: Box<Handler<S>>,
}

/// A connection's state, and the connection.
#[derive(Debug)]
pub struct Session<S> {
    /// What the service keeps for this connection.
    pub state: S,
    connection: Connection,
}

impl<S> Session<S> {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl<S: Send + 'static> Service<S> {
    /// A service without commands. `connect` makes the state of each new connection, or refuses it. It may already
    /// send events.
    pub fn new(
        id: ServiceId,
        connect: impl Fn(&Connection) -> Result<S, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self::without_commands(id, None, connect)
    }

    /// Adds a command. A handler that panics ends its connection. [`EndpointBuilder::bind`](super::EndpointBuilder::bind)
    /// refuses a service with two handlers for one command.
    #[must_use]
    pub fn command(
        self,
        id: CommandId,
        handler: impl Fn(&mut Session<S>, Call) + Send + Sync + 'static,
    ) -> Self {
        self.add(id, None, Box::new(handler))
    }

    /// Adds a command that only some clients may use. `permission` is asked for each call; other clients get
    /// `CallError::Denied`.
    #[must_use]
    pub fn command_for(
        self,
        id: CommandId,
        permission: impl Fn(&Credentials) -> bool + Send + Sync + 'static,
        handler: impl Fn(&mut Session<S>, Call) + Send + Sync + 'static,
    ) -> Self {
        self.add(id, Some(Box::new(permission)), Box::new(handler))
    }

    /// Refuses clients that were built for another interface: those that do not name this number. It is the
    /// application's to choose, such as a hash of its types.
    #[must_use]
    pub fn interface(mut self, interface: u64) -> Self {
        self.interface = Some(interface);
        self
    }
}

impl<S: Send + 'static, I: 'static> Service<S, I> {
    pub(crate) fn without_commands(
        id: ServiceId,
        interface: Option<u64>,
        connect: impl Fn(&Connection) -> Result<S, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            connect: Box::new(connect),
            disconnect: None,
            policies: Vec::new(),
            interface,
            room_again: None,
            overflow: None,
            queue: None,
            descriptors: 0,
            commands: Vec::new(),
            twice: None,
            declared: PhantomData,
        }
    }

    pub(crate) fn add(
        mut self,
        id: CommandId,
        permission: Option<Box<Permission>>,
        handler: Box<Handler<S>>,
    ) -> Self {
        let index = usize::from(id.get());
        if self.commands.len() <= index {
            self.commands.resize_with(index + 1, || None);
        }
        if self.commands[index].is_some() {
            self.twice.get_or_insert(id);
        } else {
            self.commands[index] = Some(Command {
                permission,
                handler,
            });
        }
        self
    }

    /// Has a command that is there asked for by clients with this permission only.
    pub(crate) fn set_permission(
        &mut self,
        id: CommandId,
        permission: impl Fn(&Credentials) -> bool + Send + Sync + 'static,
    ) {
        let command = self.commands.get_mut(usize::from(id.get()));
        if let Some(Some(command)) = command {
            command.permission = Some(Box::new(permission));
        }
    }

    /// Has clients of this service decided about, after the policy of the endpoint has let them pass. Of several
    /// policies all must let them pass. A client at which one panics is refused.
    #[must_use]
    pub fn policy(
        mut self,
        policy: impl Fn(&Credentials) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.policies.push(Box::new(policy));
        self
    }

    /// Runs when a connection is over, however that came, and takes its state.
    #[must_use]
    pub fn on_disconnect(
        mut self,
        disconnect: impl Fn(Session<S>) + Send + Sync + 'static,
    ) -> Self {
        self.disconnect = Some(Box::new(disconnect));
        self
    }

    /// What happens to events when a client does not read them. The default is [`Overflow::Block`] where threads serve, and
    /// [`Overflow::Refuse`] in a loop.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// Has events of each connection wait in the server's memory where the client's ring is full: so many bytes of payload
    /// and so many events at most. They move to the ring by themselves, in order. The default is none; for
    /// [`Overflow::DropOldest`], which drops what is in the queue, it is 1024 events of together as many bytes as the ring.
    #[must_use]
    pub fn event_queue(mut self, bytes: usize, events: usize) -> Self {
        self.queue = Some(Limits { bytes, events });
        self
    }

    /// Lets descriptors come with requests and go with replies: so many at most with each, up to 252, as the client agrees by
    /// [`ClientBuilder::descriptors`](crate::ClientBuilder::descriptors). The default is none.
    ///
    /// A client may have so many for each of its slots wait in the server, which has to have room for them
    /// (`RLIMIT_NOFILE`); and they may be of any kind: see [`Call::take_descriptors`].
    #[must_use]
    pub fn accepts_descriptors(mut self, most: u32) -> Self {
        self.descriptors = most.min(MOST_DESCRIPTORS as u32 - 1);
        self
    }

    /// Runs once there is room again for events: after one was queued, refused or dropped, or was not sent in time, once
    /// none waits and half of the client's ring is free. Like a handler it has the session for itself, so while a handler
    /// runs it comes later.
    #[must_use]
    pub fn on_room(mut self, hook: impl Fn(&mut Session<S>) + Send + Sync + 'static) -> Self {
        self.room_again = Some(Box::new(hook));
        self
    }
}

/// A service whose state nobody else needs to know.
pub(super) trait AnyService: Send + Sync {
    fn id(&self) -> ServiceId;
    /// The command that has two handlers, if there is one.
    fn twice(&self) -> Option<CommandId>;
    fn permits(&self, credentials: &Credentials) -> Result<(), Refusal>;
    /// The interface that a client must name, if there is one.
    fn wanted_interface(&self) -> Option<u64>;
    /// What was chosen, if anything.
    fn on_overflow(&self) -> Option<Overflow>;
    fn queue(&self) -> Option<Limits>;
    /// The most descriptors that may come with a request, or a reply.
    fn descriptors(&self) -> u32;
    /// Whether it wants to know when there is room for events again.
    fn wants_room(&self) -> bool;
    fn connect(self: Arc<Self>, connection: Connection) -> Result<Box<dyn AnySession>, Refusal>;
}

/// A connection's state whose type nobody else needs to know.
pub(super) trait AnySession: Send {
    /// Runs the handler of the call's command. Whether the session can go on.
    fn dispatch(&mut self, call: Call) -> bool;
    /// Runs the hook for room. Whether the session can go on.
    fn room_again(&mut self) -> bool;
    /// Runs the disconnect hook.
    fn disconnect(self: Box<Self>);
}

struct Active<S, I> {
    service: Arc<Service<S, I>>,
    session: Session<S>,
}

impl<S: Send + 'static, I: 'static> AnyService for Service<S, I> {
    fn id(&self) -> ServiceId {
        self.id
    }

    fn twice(&self) -> Option<CommandId> {
        self.twice
    }

    fn permits(&self, credentials: &Credentials) -> Result<(), Refusal> {
        self.policies
            .iter()
            .try_for_each(|policy| or_panicked("the policy", || policy(credentials)))
    }

    fn wanted_interface(&self) -> Option<u64> {
        self.interface
    }

    fn on_overflow(&self) -> Option<Overflow> {
        self.overflow
    }

    fn queue(&self) -> Option<Limits> {
        self.queue
    }

    fn descriptors(&self) -> u32 {
        self.descriptors
    }

    fn wants_room(&self) -> bool {
        self.room_again.is_some()
    }

    fn connect(self: Arc<Self>, connection: Connection) -> Result<Box<dyn AnySession>, Refusal> {
        let state = or_panicked("the connect hook", || (self.connect)(&connection))?;
        Ok(Box::new(Active {
            service: self,
            session: Session { state, connection },
        }))
    }
}

impl<S: Send + 'static, I: 'static> AnySession for Active<S, I> {
    #[inline]
    fn dispatch(&mut self, call: Call) -> bool {
        let index = usize::from(call.command().get());
        let Some(Some(command)) = self.service.commands.get(index) else {
            call.turn_down(Status::UnknownCommand, 0);
            return true;
        };
        if let Some(permission) = &command.permission {
            let permitted = catch_unwind(AssertUnwindSafe(|| permission(call.credentials())));
            match permitted {
                Ok(true) => {}
                Ok(false) => {
                    call.turn_down(Status::Denied, 0);
                    return true;
                }
                Err(_) => {
                    call.turn_down(Status::Panicked, 0);
                    return false;
                }
            }
        }
        // The state may be left half changed, which is why the session ends.
        catch_unwind(AssertUnwindSafe(|| {
            (command.handler)(&mut self.session, call)
        }))
        .is_ok()
    }

    fn room_again(&mut self) -> bool {
        let Some(hook) = &self.service.room_again else {
            return true;
        };
        catch_unwind(AssertUnwindSafe(|| hook(&mut self.session))).is_ok()
    }

    fn disconnect(self: Box<Self>) {
        let Self { service, session } = *self;
        // The state may be dropped here, and that is the application's code too.
        let _ = catch_unwind(AssertUnwindSafe(|| match &service.disconnect {
            Some(hook) => hook(session),
            None => drop(session),
        }));
    }
}

/// What the application decides about a client; a panic refuses it.
pub(super) fn or_panicked<T>(
    what: &str,
    decide: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(decide))
        .unwrap_or_else(|_| Err(Refusal::new(Reason::Panicked, format!("{what} panicked"))))
}

impl<S, I> fmt::Debug for Service<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("id", &self.id)
            .field("commands", &self.commands.iter().flatten().count())
            .finish_non_exhaustive()
    }
}
