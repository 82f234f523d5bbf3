// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about those who send.

use std::collections::BTreeMap;

use super::{Rule, Scene, Severity, Warning, positive};
use crate::format;
use crate::model::Peer;

/// A share above this is a flood.
const SHARE: f64 = 0.5;
/// Messages per second from which it matters who sends them.
const BUSY: f64 = 100.0;
/// Of two senders one always has half: it takes more for a share to say something.
const FEWEST: usize = 3;

/// One sender that makes most of the traffic, and those that make most of what somebody loses.
pub(super) fn floods(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    for peer in &scene.now.peers {
        found.extend(of_losses(scene, peer));
    }
    found.extend(of_traffic(scene));
}

fn of_traffic(scene: &Scene<'_>) -> Option<Warning> {
    let all = positive(scene.rates.bus().get("sent_messages")).filter(|&all| all >= BUSY)?;
    let busy = scene.now.peers.iter().filter_map(|peer| {
        let rate = scene.moving(peer, "sent_messages")?;
        Some((peer, rate))
    });
    let busy: Vec<(&Peer, f64)> = busy.collect();
    let (peer, rate) = busy.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (busy.len() >= FEWEST && *rate > all * SHARE).then(|| Warning {
        what: format!("sends {} of all messages", percent(*rate, all)),
        figures: Some(format!(
            "{}/s of {}/s",
            format::rate(*rate),
            format::rate(all)
        )),
        ..scene.about_peer(Rule::Flood, Severity::Warning, peer)
    })
}

fn of_losses(scene: &Scene<'_>, receiver: &Peer) -> Option<Warning> {
    let mut by_peer: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for sender in scene.senders.to(receiver.id) {
        let sums = by_peer.entry(sender.peer_id).or_default();
        sums.0 += sender.per_second;
        sums.1 += sender.lost_per_second;
    }
    let all: f64 = by_peer.values().map(|sums| sums.1).sum();
    let (&id, &(sends, lost)) = by_peer.iter().max_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
    let sender = scene.now.peer(id)?;
    (all > 0.0 && lost > all * SHARE).then(|| Warning {
        item: receiver.label(),
        what: format!("floods {}", receiver.label()),
        figures: Some(format!(
            "{}/s to it, {} of the {}/s that it loses",
            format::rate(sends),
            percent(lost, all),
            format::rate(all)
        )),
        ..scene.about_peer(Rule::Flood, Severity::Warning, sender)
    })
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.0}%", (part / whole * 100.0).min(100.0))
}
