// SPDX-License-Identifier: MIT OR Apache-2.0

//! Our side: peers of the bus, through libipcon's own calls.

use anyhow::{Context as _, bail};
use libipcon::{Origin, Peer, Port};

use crate::echo::{self, Echo, Kind};
use crate::measure::{Side, Timed, bursts, timed};

/// Room for the largest message of the bus.
const LARGEST: usize = 65_000;

/// Answers each message.
pub(crate) fn echo() -> anyhow::Result<()> {
    let peer = Peer::connect()?;
    echo::tell(&peer.port().to_string())?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let received = peer.recv_into(&mut buffer)?;
        if let Origin::Peer(asker) = received.origin {
            peer.send(asker, &buffer[..received.len])?;
        }
    }
}

/// A message to another process and its answer.
pub(crate) struct RoundTrip {
    peer: Peer,
    to: Port,
    message: Vec<u8>,
    answer: Vec<u8>,
    _echo: Echo,
}

impl RoundTrip {
    /// With messages of `len` bytes; the other process runs on the processor `cpu`.
    pub(crate) fn new(len: usize, cpu: usize) -> anyhow::Result<Self> {
        let mut echo = Echo::start(Kind::Bus, None, cpu);
        let address = echo.address();
        let to: u32 = address
            .parse()
            .with_context(|| format!("reading the port {address:?} of the other process"))?;
        Ok(Self {
            peer: Peer::connect()?,
            to: Port::new(to).context("the other process has port 0")?,
            message: vec![7; len],
            answer: vec![0; len],
            _echo: echo,
        })
    }

    pub(crate) fn once(&mut self) -> anyhow::Result<()> {
        self.peer.send(self.to, &self.message)?;
        let received = self.peer.recv_into(&mut self.answer)?;
        whole(received.len, self.message.len())
    }
}

impl Side for RoundTrip {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || self.once())
    }
}

/// A message sent and received by one thread, so that nobody waits.
pub(crate) struct OneWay {
    from: Peer,
    to: Peer,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl OneWay {
    /// With messages of `len` bytes.
    pub(crate) fn new(len: usize) -> anyhow::Result<Self> {
        Self::between(Peer::connect()?, Peer::connect()?, len)
    }

    /// Between peers that are there already.
    pub(crate) fn between(from: Peer, to: Peer, len: usize) -> anyhow::Result<Self> {
        Ok(Self {
            from,
            to,
            message: vec![7; len],
            buffer: vec![0; len],
        })
    }
}

impl Side for OneWay {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let to = self.to.port();
        timed(times, || {
            self.from.send(to, &self.message)?;
            let received = self.to.recv_into(&mut self.buffer)?;
            whole(received.len, self.message.len())
        })
    }
}

/// A part of that.
pub(crate) struct Part {
    whole: OneWay,
    timed: Timed,
}

impl Part {
    /// With messages of `len` bytes.
    pub(crate) fn new(len: usize, timed: Timed) -> anyhow::Result<Self> {
        Ok(Self {
            whole: OneWay::new(len)?,
            timed,
        })
    }
}

impl Side for Part {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let OneWay {
            from,
            to,
            message,
            buffer,
        } = &mut self.whole;
        let port = to.port();
        bursts(
            times,
            self.timed,
            || Ok(from.send(port, message)?),
            || whole(to.recv_into(buffer)?.len, message.len()),
        )
    }
}

/// A look for a message where there is none.
pub(crate) struct Nothing {
    peer: Peer,
}

impl Nothing {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            peer: Peer::connect()?,
        })
    }
}

impl Side for Nothing {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let mut buffer = [0; 64];
        timed(times, || match self.peer.try_recv_into(&mut buffer)? {
            None => Ok(()),
            Some(_) => bail!("a message that nobody sent"),
        })
    }
}

/// Messages sent with one call and received with another, by one thread; each counts.
pub(crate) struct Batch {
    from: Peer,
    to: Peer,
    messages: Vec<Vec<u8>>,
    received: libipcon::Batch,
}

impl Batch {
    /// `count` messages of `len` bytes.
    pub(crate) fn new(count: u32, len: usize) -> anyhow::Result<Self> {
        Ok(Self {
            from: Peer::connect()?,
            to: Peer::connect()?,
            messages: vec![vec![7; len]; count as usize],
            received: libipcon::Batch::new(count as usize),
        })
    }
}

impl Side for Batch {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let to = self.to.port();
        let count = self.messages.len();
        let batches = times.div_ceil(count as u32);
        let batch = timed(batches, || {
            self.from
                .send_batch(self.messages.iter().map(|message| (to, message)))?;
            let received = self.to.recv_batch(&mut self.received)?;
            if received != count {
                bail!("received {received} messages of {count}");
            }
            self.received
                .iter()
                .zip(&self.messages)
                .try_for_each(|(message, sent)| whole(message.data.len(), sent.len()))
        })?;
        Ok(batch / count as f64)
    }
}

/// A peer that comes and goes.
pub(crate) struct Connect;

impl Side for Connect {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || {
            drop(Peer::connect()?);
            Ok(())
        })
    }
}

/// A service looked up by its name.
pub(crate) struct LookUp {
    asker: Peer,
    _holder: Peer,
}

/// The name that is looked up.
const SERVICE: &str = "com.example.Clock";

impl LookUp {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let holder = Peer::connect()?;
        holder.register_service(SERVICE)?;
        Ok(Self {
            asker: Peer::connect()?,
            _holder: holder,
        })
    }
}

impl Side for LookUp {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || Ok(self.asker.find_service(SERVICE).map(drop)?))
    }
}

/// Fails unless as much came as was sent.
pub(crate) fn whole(received: usize, sent: usize) -> anyhow::Result<()> {
    if received != sent {
        bail!("received {received} bytes of {sent}");
    }
    Ok(())
}
