// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can be done to a bus, and what comes of it, in words that fit the core as well as the
//! module: ports, names and ordinals, but no ids, no pointers and no errno.

/// Port of a socket.
pub type Port = u32;

/// One step of a run. `port` is the socket that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Opens a socket.
    Open {
        port: Port,
    },
    /// Closes the socket; the bus is not told yet. Only where the test tells the bus itself.
    Shut {
        port: Port,
    },
    /// Tells the bus that a socket at this port was closed, be it true or not. Likewise.
    Notice {
        port: Port,
    },
    /// Closes the socket, and the bus is told.
    Close {
        port: Port,
    },
    /// Makes the socket a peer.
    AddPeer {
        port: Port,
        control: Option<Port>,
    },
    /// Makes the socket the control socket of a peer.
    Attach {
        port: Port,
        peer: Port,
    },
    RegisterService {
        port: Port,
        name: String,
    },
    UnregisterService {
        port: Port,
        name: String,
    },
    FindService {
        name: String,
    },
    RegisterGroup {
        port: Port,
        name: String,
    },
    UnregisterGroup {
        port: Port,
        name: String,
    },
    Join {
        port: Port,
        name: String,
        replay: bool,
    },
    Leave {
        port: Port,
        name: String,
    },
    /// Without `memory` the message cannot be allocated.
    Unicast {
        port: Port,
        to: Port,
        len: u32,
        memory: bool,
    },
    /// Without `memory` the message cannot be allocated.
    Multicast {
        port: Port,
        name: String,
        len: u32,
        memory: bool,
    },
    /// Takes up to `count` messages out of the queue of the socket.
    Read {
        port: Port,
        count: usize,
    },
    /// From now on nothing can be queued to the socket for want of memory, or it can again.
    Starve {
        port: Port,
        starved: bool,
    },
    /// From now on no kevent can be allocated, or it can again.
    FailKevents {
        fail: bool,
    },
}

impl Operation {
    /// The socket that must be open for this.
    pub fn actor(&self) -> Option<Port> {
        use Operation::*;
        match self {
            Open { .. } | Notice { .. } | FindService { .. } | FailKevents { .. } => None,
            Shut { port }
            | Close { port }
            | AddPeer { port, .. }
            | Attach { port, .. }
            | RegisterService { port, .. }
            | UnregisterService { port, .. }
            | RegisterGroup { port, .. }
            | UnregisterGroup { port, .. }
            | Join { port, .. }
            | Leave { port, .. }
            | Unicast { port, .. }
            | Multicast { port, .. }
            | Read { port, .. }
            | Starve { port, .. } => Some(*port),
        }
    }
}

impl Operation {
    /// Whether the socket asks the bus for something, and is answered.
    pub fn asks(&self) -> bool {
        use Operation::*;
        match self {
            Open { .. }
            | Shut { .. }
            | Notice { .. }
            | Close { .. }
            | Read { .. }
            | Starve { .. }
            | FailKevents { .. }
            | FindService { .. } => false,
            AddPeer { .. }
            | Attach { .. }
            | RegisterService { .. }
            | UnregisterService { .. }
            | RegisterGroup { .. }
            | UnregisterGroup { .. }
            | Join { .. }
            | Leave { .. }
            | Unicast { .. }
            | Multicast { .. } => true,
        }
    }
}

/// Why the bus refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    BadName,
    ReservedName,
    NameTaken,
    Unknown,
    NotOwner,
    AlreadyMember,
    NotPeer,
    AlreadyPeer,
    NotInvited,
    NoSuchPeer,
    QueueFull,
    NoMemory,
}

/// What comes of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    Found(Port),
    Messages(Vec<Message>),
}

pub type Outcome = Result<Answer, Refusal>;

/// A message as its receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Port of the sender; 0 for the bus itself.
    pub from: Port,
    pub group: Option<String>,
    pub content: Content,
    pub replay: bool,
    pub lost: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The payload of the `number`th sending operation of the run, from 1.
    Data { number: u64, len: u32 },
    /// `about` is the peer whose process the kevent names.
    Kevent {
        sequence: u64,
        about: Port,
        event: Event,
    },
}

impl Content {
    /// Payload bytes.
    #[allow(clippy::len_without_is_empty)] // No message is empty.
    pub fn len(&self) -> u32 {
        match self {
            Content::Data { len, .. } => *len,
            Content::Kevent { .. } => 40,
        }
    }
}

/// A kevent. `group` is the ordinal of the group, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    ServiceAdded { name: String, port: Port },
    ServiceRemoved { name: String, port: Port },
    GroupAdded { name: String, group: u64 },
    GroupRemoved { name: String, group: u64 },
    PeerRemoved { port: Port },
}
