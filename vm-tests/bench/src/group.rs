// SPDX-License-Identifier: MIT OR Apache-2.0

//! One message to many.

use std::os::fd::OwnedFd;

use libipcon::{Peer, Replay};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::bus::whole;
use crate::measure::{Side, Timed, bursts};
use crate::seqpacket;

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
