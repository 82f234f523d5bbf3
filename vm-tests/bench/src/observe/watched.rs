// SPDX-License-Identifier: MIT OR Apache-2.0

//! Buses with so many peers, each with an exporter of its own.

use std::rc::Rc;

use anyhow::Context as _;
use ipcon_vm_tests::place::elsewhere;
use libipcon::Peer;

use super::exporter::Exporter;
use crate::place;

/// A bus of its own, with its exporter.
pub(crate) struct Watched {
    pub(crate) exporter: Exporter,
    pub(crate) peers: usize,
    _crowd: Vec<Peer>,
}

/// One with these many peers each, in ascending order.
///
/// The probes of an exporter see what happens from its start on, on every bus: so the large ones are made first, and
/// the small ones' exporters do not hear of them.
pub(crate) fn buses<const N: usize>(sizes: [usize; N]) -> anyhow::Result<[Rc<Watched>; N]> {
    let mut buses = Vec::new();
    for size in sizes.into_iter().rev() {
        let (bus, ()) = Watched::new(size, place::FIRST, || Ok(()))?;
        buses.insert(0, Rc::new(bus));
    }
    buses.try_into().ok().context("there is one of each size")
}

impl Watched {
    /// Each peer holds a service and a group, and has had a message from the one before it. The exporter runs on the
    /// processor `cpu`. What `more` makes is on that bus as well.
    pub(crate) fn new<T: Send>(
        peers: usize,
        cpu: usize,
        more: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<(Self, T)> {
        elsewhere(|| {
            let crowd = crowd(peers)?;
            // The process is where its parent was.
            place::pin(cpu)?;
            let exporter = Exporter::start(&peers.to_string())?;
            place::pin(place::FIRST)?;
            talk(&crowd)?;
            let more = more()?;
            let watched = Self {
                exporter,
                peers,
                _crowd: crowd,
            };
            anyhow::Ok((watched, more))
        })
        .with_context(|| format!("making a bus with {peers} peers and its exporter"))
    }
}

fn crowd(count: usize) -> libipcon::Result<Vec<Peer>> {
    let peer = |number| {
        let peer = Peer::connect()?;
        let name = format!("crowd-{number}");
        peer.register_service(&name)?;
        peer.register_group(&name)?;
        Ok(peer)
    };
    (0..count).map(peer).collect()
}

/// A message from each to the next.
fn talk(crowd: &[Peer]) -> libipcon::Result<()> {
    let mut buffer = [0; 64];
    for (from, to) in crowd.iter().zip(crowd.iter().skip(1)) {
        from.send(to.port(), &[7; 64])?;
        to.recv_into(&mut buffer)?;
    }
    Ok(())
}
