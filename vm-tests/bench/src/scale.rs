// SPDX-License-Identifier: MIT OR Apache-2.0

//! A bus with many peers, services and groups beside one with few, each in a network namespace of its own.

use std::rc::Rc;

use anyhow::Context as _;
use ipcon_vm_tests::place::elsewhere;
use libipcon::{Peer, Replay};

use crate::bus::whole;
use crate::measure::{Side, timed};

/// So many of each: peers that hold a service and a group.
pub(crate) struct Crowd {
    peers: Vec<Peer>,
}

impl Crowd {
    /// Brings them onto a bus of their own.
    pub(crate) fn new(count: usize) -> anyhow::Result<Rc<Self>> {
        let peers = elsewhere(|| {
            (0..count)
                .map(|number| {
                    let peer = Peer::connect()?;
                    peer.register_service(name(number))?;
                    peer.register_group(name(number))?;
                    Ok(peer)
                })
                .collect::<libipcon::Result<Vec<_>>>()
        });
        let peers = peers.with_context(|| format!("bringing {count} peers onto a bus"))?;
        Ok(Rc::new(Self { peers }))
    }

    /// The peer in the middle of the crowd, and its number.
    fn middle(&self) -> (usize, &Peer) {
        let number = self.peers.len() / 2;
        (number, &self.peers[number])
    }
}

fn name(number: usize) -> String {
    format!("crowd-{number}")
}

/// A message from one of the crowd to another, by one thread.
pub(crate) struct Unicast {
    crowd: Rc<Crowd>,
    buffer: Vec<u8>,
}

impl Unicast {
    pub(crate) fn new(crowd: &Rc<Crowd>) -> Self {
        Self {
            crowd: Rc::clone(crowd),
            buffer: vec![0; 64],
        }
    }
}

impl Side for Unicast {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let (_, to) = self.crowd.middle();
        let from = &self.crowd.peers[0];
        timed(times, || {
            from.send(to.port(), &[7; 64])?;
            whole(to.recv_into(&mut self.buffer)?.len, 64)
        })
    }
}

/// A message to the group of one of the crowd, with one member.
pub(crate) struct Multicast {
    crowd: Rc<Crowd>,
    buffer: Vec<u8>,
}

impl Multicast {
    pub(crate) fn new(crowd: &Rc<Crowd>) -> anyhow::Result<Self> {
        let (number, _) = crowd.middle();
        crowd.peers[0].join_group(name(number), Replay::None)?;
        Ok(Self {
            crowd: Rc::clone(crowd),
            buffer: vec![0; 64],
        })
    }
}

impl Side for Multicast {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let (number, owner) = self.crowd.middle();
        let (name, member) = (name(number), &self.crowd.peers[0]);
        timed(times, || {
            owner.multicast(&name, &[7; 64])?;
            whole(member.recv_into(&mut self.buffer)?.len, 64)
        })
    }
}

/// The service of one of the crowd looked up.
pub(crate) struct LookUp {
    crowd: Rc<Crowd>,
}

impl LookUp {
    pub(crate) fn new(crowd: &Rc<Crowd>) -> Self {
        Self {
            crowd: Rc::clone(crowd),
        }
    }
}

impl Side for LookUp {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let (number, _) = self.crowd.middle();
        let (name, asker) = (name(number), &self.crowd.peers[0]);
        timed(times, || Ok(asker.find_service(&name).map(drop)?))
    }
}
