// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about those who send.

use std::collections::BTreeMap;

use super::{Rule, Scene, Severity, Warning, positive};
use crate::format;
use crate::model::Peer;

/// A share of the traffic, or of what a receiver loses, above this is a flood.
pub const FLOOD_SHARE: f64 = 0.5;
/// More messages per second than this are lost or refused by full queues where somebody's traffic is a flood: a bus that
/// carries all of it may well have one main publisher.
pub const FLOOD_LOSSES: f64 = 1.0;

/// One sender that makes most of the traffic while queues are full, and those that make most of what somebody loses.
pub(super) fn floods(scene: &Scene<'_>, found: &mut Vec<Warning>) {
    for peer in &scene.now.peers {
        found.extend(of_losses(scene, peer));
    }
    found.extend(of_traffic(scene));
}

fn of_traffic(scene: &Scene<'_>) -> Option<Warning> {
    let rate = |key| positive(scene.rates.bus().get(key));
    let losses =
        ["dropped_messages", "refused_queue_full"].map(|key| rate(key).unwrap_or_default());
    let lost: f64 = losses.iter().sum();
    let all = rate("sent_messages").filter(|_| lost > FLOOD_LOSSES)?;
    let senders = scene.now.peers.iter().filter_map(|peer| {
        let rate = scene.moving(peer, "sent_messages")?;
        Some((peer, rate))
    });
    let (peer, rate) = senders.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (rate > all * FLOOD_SHARE).then(|| Warning {
        what: format!(
            "sends {} of all messages while queues are full",
            percent(rate, all)
        ),
        figures: Some(format!(
            "{}/s of {}/s, {}/s lost",
            format::rate(rate),
            format::rate(all),
            format::rate(lost)
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
    (all > 0.0 && lost > all * FLOOD_SHARE).then(|| Warning {
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
