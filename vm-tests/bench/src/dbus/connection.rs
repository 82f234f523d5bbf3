// SPDX-License-Identifier: MIT OR Apache-2.0

//! A connection to a broker: one write for each message, and one read where nothing else is on its way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::wire::{self, Body, Incoming, Kind, Outgoing};

/// Longest time for the broker to answer anything.
const ANSWER: Duration = Duration::from_secs(30);
/// More than any message here is long.
const ROOM: usize = 128 * 1024;

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

pub(super) struct Connection {
    stream: UnixStream,
    name: String,
    serial: u32,
    outgoing: Vec<u8>,
    /// What was read; the message that was given out last is its first `taken` bytes.
    incoming: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Connection {
    /// Connects, says who this is, and gets a name.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(path)
            .with_context(|| format!("connecting to {}", path.display()))?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut connection = Self {
            stream,
            name: String::new(),
            serial: 0,
            outgoing: Vec::new(),
            incoming: vec![0; ROOM],
            filled: 0,
            taken: 0,
        };
        connection.authenticate()?;
        let serial = connection.call_bus("Hello", Body::Nothing)?;
        connection.name = connection.answer(serial)?.text()?.to_owned();
        Ok(connection)
    }

    /// The unique name that the broker gave to this connection.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message; gives its serial number.
    pub(super) fn send(&mut self, message: &Outgoing<'_>) -> anyhow::Result<u32> {
        self.serial += 1;
        message.write(self.serial, &mut self.outgoing);
        self.stream
            .write_all(&self.outgoing)
            .context("sending to the broker")?;
        Ok(self.serial)
    }

    /// Calls a method of the broker itself.
    pub(super) fn call_bus(&mut self, member: &str, body: Body<'_>) -> anyhow::Result<u32> {
        self.send(&Outgoing {
            kind: Kind::Call,
            destination: Some(BUS),
            reply_serial: None,
            method: Some((BUS_PATH, BUS, member)),
            body,
        })
    }

    /// Waits for the answer to a call; what else comes is dropped.
    pub(super) fn answer(&mut self, serial: u32) -> anyhow::Result<Incoming<'_>> {
        loop {
            self.fetch()?;
            let message = wire::read(&self.incoming[..self.taken])?;
            if message.reply_serial != Some(serial) {
                continue;
            }
            if message.kind == Kind::Error {
                bail!(
                    "the broker refused a call: {}",
                    message.error_name.unwrap_or("it does not say why")
                );
            }
            // Read again, since the compiler does not see that the loop ends here.
            return wire::read(&self.incoming[..self.taken]);
        }
    }

    /// Waits for the next message.
    pub(super) fn next(&mut self) -> anyhow::Result<Incoming<'_>> {
        self.fetch()?;
        wire::read(&self.incoming[..self.taken])
    }

    /// Puts the next message at the beginning of what was read.
    fn fetch(&mut self) -> anyhow::Result<()> {
        self.incoming.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        loop {
            if let Some(length) = wire::length(&self.incoming[..self.filled])? {
                if length > ROOM {
                    bail!("a message of {length} bytes, which nobody here sends");
                }
                if length <= self.filled {
                    self.taken = length;
                    return Ok(());
                }
            }
            let read = self
                .stream
                .read(&mut self.incoming[self.filled..])
                .context("waiting for the broker")?;
            if read == 0 {
                bail!("the broker closed the connection");
            }
            self.filled += read;
        }
    }

    fn authenticate(&mut self) -> anyhow::Result<()> {
        let uid: String = rustix::process::geteuid()
            .as_raw()
            .to_string()
            .bytes()
            .map(|digit| format!("{digit:02x}"))
            .collect();
        write!(self.stream, "\0AUTH EXTERNAL {uid}\r\n")?;
        let mut line = [0; 256];
        let length = self
            .stream
            .read(&mut line)
            .context("waiting for the broker to take this connection")?;
        let line = String::from_utf8_lossy(&line[..length]);
        if !line.starts_with("OK ") || !line.ends_with("\r\n") {
            bail!("the broker answered {line:?} to the authentication");
        }
        write!(self.stream, "BEGIN\r\n")?;
        Ok(())
    }
}
