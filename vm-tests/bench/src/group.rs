// SPDX-License-Identifier: MIT OR Apache-2.0

//! One message to many.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use libipcon::{Peer, Replay};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::bus::whole;
use crate::measure::{Side, per_time};
use crate::seqpacket;

/// Messages sent before the members read them; all queues have room for so many.
const BURST: u32 = 8;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// Sending alone.
    Sending,
    /// Receiving alone, by all who receive.
    Receiving,
    /// Both.
    All,
}

/// Sends bursts and has them received, and times what is asked for; nanoseconds for each message.
pub(crate) fn bursts(
    times: u32,
    timed: Timed,
    mut send: impl FnMut() -> anyhow::Result<()>,
    mut receive: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut all = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let burst = left.min(BURST);
        let begin = Instant::now();
        for _ in 0..burst {
            send()?;
        }
        let sent = begin.elapsed();
        for _ in 0..burst {
            receive()?;
        }
        all += match timed {
            Timed::Sending => sent,
            Timed::Receiving => begin.elapsed() - sent,
            Timed::All => begin.elapsed(),
        };
        left -= burst;
    }
    Ok(per_time(all, times))
}

const GROUP: &str = "bench";

/// One group message.
pub(crate) struct Group {
    owner: Peer,
    members: Vec<Peer>,
    message: Vec<u8>,
    buffer: Vec<u8>,
    timed: Timed,
}

impl Group {
    pub(crate) fn new(members: usize, len: usize, timed: Timed) -> anyhow::Result<Self> {
        let owner = Peer::connect()?;
        owner.register_group(GROUP)?;
        let members = (0..members)
            .map(|_| {
                let member = Peer::connect()?;
                member.join_group(GROUP, Replay::None)?;
                Ok(member)
            })
            .collect::<anyhow::Result<_>>()?;
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
