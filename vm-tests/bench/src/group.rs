// SPDX-License-Identifier: MIT OR Apache-2.0

//! One message to many.

use std::os::fd::OwnedFd;

use libipcon::{Batch, Peer, Replay};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::bus::whole;
use crate::measure::{Side, Timed, bursts};
use crate::seqpacket::{self, Many};

const GROUP: &str = "bench";

/// One group message.
pub(crate) struct Group {
    owner: Peer,
    members: Vec<Peer>,
    message: Vec<u8>,
    buffer: Vec<u8>,
    timed: Timed,
}

/// The owner of a group, and so many members.
fn gather(members: usize) -> anyhow::Result<(Peer, Vec<Peer>)> {
    let owner = Peer::connect()?;
    owner.register_group(GROUP)?;
    let members = (0..members)
        .map(|_| {
            let member = Peer::connect()?;
            member.join_group(GROUP, Replay::None)?;
            Ok(member)
        })
        .collect::<anyhow::Result<_>>()?;
    Ok((owner, members))
}

impl Group {
    pub(crate) fn new(members: usize, len: usize, timed: Timed) -> anyhow::Result<Self> {
        let (owner, members) = gather(members)?;
        Ok(Self {
            owner,
            members,
            message: vec![7; len],
            buffer: vec![0; len],
            timed,
        })
    }
}

impl Side for Group {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Self {
            owner,
            members,
            message,
            buffer,
            timed,
        } = self;
        bursts(
            times,
            *timed,
            || Ok(owner.multicast(GROUP, message)?),
            || {
                members
                    .iter()
                    .try_for_each(|member| whole(member.recv_into(buffer)?.len, message.len()))
            },
        )
    }
}

/// A message to each of as many sockets.
pub(crate) struct Sockets {
    pairs: Vec<(OwnedFd, OwnedFd)>,
    message: Vec<u8>,
    buffer: Vec<u8>,
    timed: Timed,
}

impl Sockets {
    pub(crate) fn new(members: usize, len: usize, timed: Timed) -> anyhow::Result<Self> {
        Ok(Self {
            pairs: (0..members)
                .map(|_| seqpacket::pair())
                .collect::<anyhow::Result<_>>()?,
            message: vec![7; len],
            buffer: vec![0; len],
            timed,
        })
    }
}

impl Side for Sockets {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Self {
            pairs,
            message,
            buffer,
            timed,
        } = self;
        bursts(
            times,
            *timed,
            || {
                for (from, _) in pairs.iter() {
                    send(from, message, SendFlags::empty())?;
                }
                Ok(())
            },
            || {
                for (_, to) in pairs.iter() {
                    let (len, _) = recv(to, &mut buffer[..], RecvFlags::empty())?;
                    whole(len, message.len())?;
                }
                Ok(())
            },
        )
    }
}

/// Group messages sent with one call; each counts. Only sending is timed.
pub(crate) struct GroupBatch {
    owner: Peer,
    members: Vec<Peer>,
    messages: Vec<Vec<u8>>,
    received: Batch,
}

impl GroupBatch {
    /// `count` messages of `len` bytes to so many members.
    pub(crate) fn new(members: usize, count: u32, len: usize) -> anyhow::Result<Self> {
        let (owner, members) = gather(members)?;
        Ok(Self {
            owner,
            members,
            messages: vec![vec![7; len]; count as usize],
            received: Batch::new(count as usize),
        })
    }
}

impl Side for GroupBatch {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Self {
            owner,
            members,
            messages,
            received,
        } = self;
        batches(
            times,
            messages.len() as u32,
            || Ok(owner.multicast_batch(GROUP, messages.iter())?),
            || {
                members
                    .iter()
                    .try_for_each(|member| whole(member.recv_batch(received)?, messages.len()))
            },
        )
    }
}

/// As many messages to each of as many sockets, with one call for each socket.
pub(crate) struct SocketBatch {
    pairs: Vec<(OwnedFd, OwnedFd)>,
    sent: Many,
    received: Many,
    count: u32,
}

impl SocketBatch {
    pub(crate) fn new(members: usize, count: u32, len: usize) -> anyhow::Result<Self> {
        Ok(Self {
            pairs: (0..members)
                .map(|_| seqpacket::pair())
                .collect::<anyhow::Result<_>>()?,
            sent: Many::new(count as usize, len),
            received: Many::new(count as usize, len),
            count,
        })
    }
}

impl Side for SocketBatch {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Self {
            pairs,
            sent,
            received,
            count,
        } = self;
        batches(
            times,
            *count,
            || pairs.iter().try_for_each(|(from, _)| sent.send(from)),
            || pairs.iter().try_for_each(|(_, to)| received.receive(to)),
        )
    }
}

/// Sends batches of `count` messages until they are as many as `times`, and times that; nanoseconds for each.
fn batches(
    times: u32,
    count: u32,
    mut send: impl FnMut() -> anyhow::Result<()>,
    mut receive: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let batches = times.div_ceil(count);
    let mut all = 0.0;
    for _ in 0..batches {
        // All queues have room for one batch.
        all += bursts(1, Timed::Sending, &mut send, &mut receive)?;
    }
    Ok(all / f64::from(batches * count))
}
