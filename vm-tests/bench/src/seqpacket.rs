// SPDX-License-Identifier: MIT OR Apache-2.0

//! The first peer: Unix sockets of type `SOCK_SEQPACKET`, with one system call to send and one to receive.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept, bind,
    connect, listen, recv, send, socket_with, socketpair,
};

use crate::bus::whole;
use crate::echo::{Echo, Kind};
use crate::measure::{Side, Timed, bursts, timed};
pub(crate) use many::Many;

mod many;

/// Answers each message that comes from whoever listens at `at`.
pub(crate) fn echo(at: &Path) -> anyhow::Result<()> {
    let socket = socket()?;
    connect(&socket, &SocketAddrUnix::new(at)?).context("connecting")?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (len, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if len == 0 {
            return Ok(());
        }
        send(&socket, &buffer[..len], SendFlags::empty())?;
    }
}

/// A message to another process and its answer.
pub(crate) struct RoundTrip {
    socket: OwnedFd,
    message: Vec<u8>,
    answer: Vec<u8>,
    _echo: Echo,
}

impl RoundTrip {
    /// With messages of `len` bytes; the other process runs on the processor `cpu`.
    pub(crate) fn new(len: usize, cpu: usize) -> anyhow::Result<Self> {
        let listener = Listener::new("round-trip")?;
        let echo = Echo::start(Kind::Seqpacket, Some(&listener.path), cpu);
        Ok(Self {
            socket: accept(&listener.socket).context("accepting the other process")?,
            message: vec![7; len],
            answer: vec![0; len],
            _echo: echo,
        })
    }
}

impl Side for RoundTrip {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || {
            send(&self.socket, &self.message, SendFlags::empty())?;
            let (len, _) = recv(&self.socket, &mut self.answer[..], RecvFlags::empty())?;
            whole(len, self.message.len())
        })
    }
}

/// A message sent and received by one thread.
pub(crate) struct OneWay {
    pair: (OwnedFd, OwnedFd),
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl OneWay {
    /// With messages of `len` bytes.
    pub(crate) fn new(len: usize) -> anyhow::Result<Self> {
        Ok(Self {
            pair: pair()?,
            message: vec![7; len],
            buffer: vec![0; len],
        })
    }
}

impl Side for OneWay {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || {
            send(&self.pair.0, &self.message, SendFlags::empty())?;
            let (len, _) = recv(&self.pair.1, &mut self.buffer[..], RecvFlags::empty())?;
            whole(len, self.message.len())
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
            pair: (from, to),
            message,
            buffer,
        } = &mut self.whole;
        bursts(
            times,
            self.timed,
            || Ok(send(&*from, message, SendFlags::empty()).map(drop)?),
            || {
                let (len, _) = recv(&*to, &mut buffer[..], RecvFlags::empty())?;
                whole(len, message.len())
            },
        )
    }
}

/// A look for a message where there is none.
pub(crate) struct Nothing {
    pair: (OwnedFd, OwnedFd),
}

impl Nothing {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { pair: pair()? })
    }
}

impl Side for Nothing {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let mut buffer = [0; 64];
        timed(times, || {
            match recv(&self.pair.1, &mut buffer[..], RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN) => Ok(()),
                outcome => bail!("{outcome:?} instead of nothing to receive"),
            }
        })
    }
}

/// Messages sent with one call and received with another, by one thread; each counts.
pub(crate) struct Batch {
    pair: (OwnedFd, OwnedFd),
    sent: Many,
    received: Many,
    count: u32,
}

impl Batch {
    /// `count` messages of `len` bytes.
    pub(crate) fn new(count: u32, len: usize) -> anyhow::Result<Self> {
        Ok(Self {
            pair: pair()?,
            sent: Many::new(count as usize, len),
            received: Many::new(count as usize, len),
            count,
        })
    }
}

impl Side for Batch {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let batch = timed(times.div_ceil(self.count), || {
            self.sent.send(&self.pair.0)?;
            self.received.receive(&self.pair.1)
        })?;
        Ok(batch / f64::from(self.count))
    }
}

/// A connection that comes and goes.
pub(crate) struct Connect {
    listener: Listener,
}

impl Connect {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            listener: Listener::new("connect")?,
        })
    }
}

impl Side for Connect {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        timed(times, || {
            let socket = socket()?;
            connect(&socket, &self.listener.address)?;
            drop(accept(&self.listener.socket)?);
            Ok(())
        })
    }
}

/// Two connected sockets.
pub(crate) fn pair() -> anyhow::Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .context("making a pair of sockets")
}

fn socket() -> anyhow::Result<OwnedFd> {
    socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .context("making a socket")
}

/// A socket that others connect to; its path goes with it.
struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    address: SocketAddrUnix,
}

impl Listener {
    fn new(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("ipcon-bench-{}-{name}", std::process::id()));
        let address = SocketAddrUnix::new(&path)?;
        let socket = socket()?;
        bind(&socket, &address).with_context(|| format!("binding {}", path.display()))?;
        listen(&socket, 16).context("listening")?;
        Ok(Self {
            socket,
            path,
            address,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The VM's files go with it; nothing depends on this.
        let _ = fs::remove_file(&self.path);
    }
}
