// SPDX-License-Identifier: MIT OR Apache-2.0

//! The second peer: D-Bus through dbus-broker, with a client that does nothing but the protocol.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;

pub(crate) use broker::Broker;
use connection::Connection;
use wire::{Body, Kind, Outgoing};

use crate::bus::whole;
use crate::echo::{self, Echo};
use crate::measure::{Side, timed};

mod broker;
mod connection;
mod wire;

const PATH: &str = "/com/example/Bench";
const INTERFACE: &str = "com.example.Bench";
const MEMBER: &str = "Echo";

/// Answers each method call with its own argument.
pub(crate) fn echo(at: &Path) -> anyhow::Result<()> {
    let mut connection = Connection::open(at)?;
    echo::tell(connection.name())?;
    let mut body = Vec::new();
    loop {
        let message = connection.next()?;
        if message.kind != Kind::Call {
            continue;
        }
        let sender = message
            .sender
            .context("a call without a sender")?
            .to_owned();
        body.clear();
        body.extend_from_slice(message.bytes()?);
        let serial = message.serial;
        connection.send(&Outgoing {
            kind: Kind::Return,
            destination: Some(&sender),
            reply_serial: Some(serial),
            method: None,
            body: Body::Bytes(&body),
        })?;
    }
}

/// A method call to another process and its return.
pub(crate) struct MethodCall {
    connection: Connection,
    to: String,
    argument: Vec<u8>,
    _echo: Echo,
}

impl MethodCall {
    /// With an argument of `len` bytes; the other process runs on the processor `cpu`, the broker on those of `broker`.
    pub(crate) fn new(
        broker: &Rc<Broker>,
        len: usize,
        cpu: usize,
        places: &[usize],
    ) -> anyhow::Result<Self> {
        let mut echo = Echo::start(echo::Kind::Dbus, Some(broker.address()), cpu);
        let to = echo.address();
        broker.place(places)?;
        Ok(Self {
            connection: Connection::open(broker.address())?,
            to,
            argument: vec![7; len],
            _echo: echo,
        })
    }
}

impl Side for MethodCall {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Self {
            connection,
            to,
            argument,
            ..
        } = self;
        timed(times, || {
            let serial = connection.send(&Outgoing {
                kind: Kind::Call,
                destination: Some(to),
                reply_serial: None,
                method: Some((PATH, INTERFACE, MEMBER)),
                body: Body::Bytes(argument),
            })?;
            let answer = connection.answer(serial)?;
            whole(answer.bytes()?.len(), argument.len())
        })
    }
}

/// A connection that comes and goes, the broker's greeting included.
pub(crate) struct Connect {
    address: PathBuf,
}

impl Connect {
    pub(crate) fn new(broker: &Rc<Broker>, places: &[usize]) -> anyhow::Result<Self> {
        broker.place(places)?;
        Ok(Self {
            address: broker.address().to_path_buf(),
        })
    }
}

impl Side for Connect {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || Connection::open(&self.address).map(drop))
    }
}

/// The owner of a name, asked for at the broker.
pub(crate) struct LookUp {
    asker: Connection,
    _holder: Connection,
}

/// The name that is looked up.
const SERVICE: &str = "com.example.Clock";

impl LookUp {
    pub(crate) fn new(broker: &Rc<Broker>, places: &[usize]) -> anyhow::Result<Self> {
        broker.place(places)?;
        let mut holder = Connection::open(broker.address())?;
        let serial = holder.call_bus("RequestName", Body::NameAndFlags(SERVICE, 0))?;
        holder.answer(serial)?;
        Ok(Self {
            asker: Connection::open(broker.address())?,
            _holder: holder,
        })
    }
}

impl Side for LookUp {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || {
            let serial = self.asker.call_bus("GetNameOwner", Body::Name(SERVICE))?;
            self.asker.answer(serial).map(drop)
        })
    }
}
