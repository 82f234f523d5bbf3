// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about those who receive: do they read, is there room, what do they lose.

use std::time::Duration;

use super::{Linter, Rule, Scene, Severity, Warning};
use crate::format;
use crate::model::{Peer, QueueLatency};
use crate::senders::Sender;

/// Fill of a receive queue from which it needs a look.
pub const QUEUE_WARNING: f64 = 0.8;
/// Fill of a receive queue that is as good as full: one larger message is refused already.
pub const QUEUE_ALARM: f64 = 0.95;

/// How long a message may wait at the head of a queue.
pub const STALLED: Duration = Duration::from_secs(5);
/// The same when the queue is as good as full.
const STALLED_FULL: Duration = Duration::from_secs(1);
/// Fewest messages that say something of one in a hundred.
const LATENCY_SAMPLE: u64 = 20;

/// How long a receiver is watched at least before it is said not to read: two looks of a second's interval, which may be
/// a little less than a second apart.
const WATCHED: Duration = Duration::from_millis(900);

/// A queue in which something waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    seen_at: Duration,
    oldest: Option<Duration>,
    bytes: u64,
    /// Since when nobody is seen to read.
    still_since: Duration,
    /// Whether somebody was seen to read since something waits.
    read: bool,
}

/// What is known of the oldest message of a queue.
#[derive(Clone, Copy)]
struct Head {
    /// How long it waits at least.
    waits: Duration,
    /// For how long nobody was seen to read.
    still: Duration,
    /// Whether somebody was seen to read since something waits.
    read: bool,
}

impl Linter {
    pub(super) fn receivers(&mut self, scene: &Scene<'_>, found: &mut Vec<Warning>) {
        let before = std::mem::take(&mut self.waiting);
        for peer in &scene.now.peers {
            let head = if peer.queue_bytes == 0 && peer.queue_oldest.is_none() {
                None
            } else {
                let (waiting, head) = watch(scene, peer, before.get(&peer.id));
                self.waiting.insert(peer.id, waiting);
                Some(head)
            };
            found.extend(queue(scene, peer, head));
            found.extend(losses(scene, peer));
            found.extend(refusals(scene, peer));
            found.extend(self.latency(scene, peer));
        }
    }

    fn latency(&self, scene: &Scene<'_>, peer: &Peer) -> Option<Warning> {
        let waits = scene.rates.queue_latency(peer.id)?;
        if waits.count() < LATENCY_SAMPLE {
            return None;
        }
        // Buckets are wide: only one that is above the objective as a whole shows that it is missed.
        let least = match waits.quantile(0.99) {
            Some(bound) => bound / 2,
            None => QueueLatency::bound(QueueLatency::BUCKETS - 2)?,
        };
        let objective = self.objectives.queue_latency;
        (least >= objective).then(|| Warning {
            what: format!(
                "leaves one message in 100 unread for {} or longer",
                format::duration(least)
            ),
            figures: Some(format!("objective {}", format::duration(objective))),
            ..scene.about_peer(Rule::QueueLatency, Severity::Warning, peer)
        })
    }
}

/// Holds a queue against what it was in the snapshot before.
fn watch(scene: &Scene<'_>, peer: &Peer, before: Option<&Waiting>) -> (Waiting, Head) {
    let now = scene.now.taken_at;
    let reads = before.and_then(|before| reads(scene, peer, before));
    let still_since = match before {
        Some(before) if reads == Some(false) => before.still_since,
        _ => now,
    };
    let read = reads == Some(true) || before.is_some_and(|before| before.read);
    let waiting = Waiting {
        seen_at: now,
        oldest: peer.queue_oldest,
        bytes: peer.queue_bytes,
        still_since,
        read,
    };
    let still = now.saturating_sub(still_since);
    let waits = peer.queue_oldest.unwrap_or(still);
    (waiting, Head { waits, still, read })
}

/// Whether somebody read since the snapshot before; `None` when that cannot be told.
///
/// A receipt that the probes counted shows it. That they counted none shows nothing: what came before them, or while their
/// map was full, has no stamp.
fn reads(scene: &Scene<'_>, peer: &Peer, before: &Waiting) -> Option<bool> {
    let rate = |key| scene.rates.peer(peer.id).and_then(|rates| rates.get(key));
    if rate("read_messages").is_some_and(|rate| rate > 0.0) {
        return Some(true);
    }
    let passed = scene.now.taken_at.saturating_sub(before.seen_at);
    match (before.oldest, peer.queue_oldest) {
        // The same message is at the head when its age grew by the time that passed, which is not exactly the time
        // between the two looks at this very queue.
        (Some(earlier), Some(oldest)) => Some(oldest < earlier.saturating_add(passed / 4 * 3)),
        _ if peer.queue_bytes < before.bytes => Some(true),
        // Nothing came in, so that reading would have made it smaller.
        _ => (rate("delivered_messages") == Some(0.0)).then_some(false),
    }
}

fn queue(scene: &Scene<'_>, peer: &Peer, head: Option<Head>) -> Option<Warning> {
    let head = head?;
    let fill = peer.queue_fill().unwrap_or_default();
    let full = fill >= QUEUE_ALARM;
    let long = if full { STALLED_FULL } else { STALLED };
    let stalled = head.still >= WATCHED && head.waits >= long;
    let slow = head.read && peer.queue_oldest.is_some_and(|oldest| oldest > STALLED);
    let lost = lost(scene, peer);
    let severity = if full || lost > 0.0 {
        Severity::Alarm
    } else {
        Severity::Warning
    };
    let waits = format::duration(head.waits);
    let percent = format::percent(peer.queue_bytes, peer.queue_limit).unwrap_or_default();
    let figures = if peer.queue_oldest.is_some() {
        format!("oldest message waits {waits}, queue {percent}% full")
    } else {
        format!("for {waits}, queue {percent}% full")
    };
    let cause = cause(scene, peer, lost);
    let since = scene.now.taken_at.saturating_sub(head.waits);
    if stalled {
        Some(Warning {
            what: "does not read".to_owned(),
            figures: Some(figures),
            cause,
            advice: Some("look at the process: is it stopped, blocked, or busy elsewhere?"),
            since,
            ..scene.about_peer(Rule::ReceiverStalled, severity, peer)
        })
    } else if slow {
        Some(Warning {
            what: "reads too slowly".to_owned(),
            figures: Some(figures),
            cause,
            advice: Some("send it less, or have it read more at a time"),
            ..scene.about_peer(Rule::ReceiverSlow, severity, peer)
        })
    } else if fill >= QUEUE_WARNING {
        Some(Warning {
            what: format!("has a receive queue that is {percent}% full"),
            figures: Some(format!(
                "{} of {}",
                format::bytes(peer.queue_bytes),
                format::bytes(peer.queue_limit)
            )),
            cause,
            ..scene.about_peer(Rule::QueueFull, severity, peer)
        })
    } else {
        None
    }
}

/// Messages to a peer per second that are refused or lost, as far as it is known that they are to it.
fn lost(scene: &Scene<'_>, peer: &Peer) -> f64 {
    let senders = scene.senders.to(peer.id);
    let lost: f64 = senders.iter().map(|it| it.lost_per_second).sum();
    lost.max(scene.moving(peer, "dropped_messages").unwrap_or_default())
}

/// Who fills the queue of a peer, and what is lost of it. Without flows between peers, who is refused most.
fn cause(scene: &Scene<'_>, peer: &Peer, lost: f64) -> Option<String> {
    let senders = scene.senders.to(peer.id);
    let lost = if lost > 0.0 {
        format!(", {}/s lost", format::rate(lost))
    } else {
        String::new()
    };
    // Who loses most there, else who sends most.
    let order = |it: &&Sender| (it.lost_per_second, it.per_second);
    let most = senders.iter().max_by(|a, b| {
        let (a, b) = (order(a), order(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    if let Some(Sender {
        name, per_second, ..
    }) = most
    {
        return Some(format!(
            "{name} sends it {}/s{lost}",
            format::rate(*per_second)
        ));
    }
    if scene.now.probes.is_some() {
        return None;
    }
    let refused = scene.now.peers.iter().filter_map(|sender| {
        let rate = scene.moving(sender, "refused_queue_full")?;
        Some((sender, rate))
    });
    let (sender, rate) = refused.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "{} has {} sends/s refused by full queues",
        sender.label(),
        format::rate(rate)
    ))
}

fn losses(scene: &Scene<'_>, peer: &Peer) -> Vec<Warning> {
    let mut found = Vec::new();
    if let Some(rate) = scene.moving(peer, "dropped_messages") {
        let lossy = scene.senders.to(peer.id).iter();
        let worst = lossy
            .filter(|it| it.lost_per_second > 0.0)
            .max_by(|a, b| a.lost_per_second.total_cmp(&b.lost_per_second));
        let cause = worst.and_then(|it| {
            let (group, lost) = (it.group.as_ref()?, format::rate(it.lost_per_second));
            Some(format!(
                "{lost}/s of group {group}, which {} publishes",
                it.name
            ))
        });
        found.push(Warning {
            what: format!("loses {} group messages/s", format::rate(rate)),
            cause,
            ..scene.about_peer(Rule::MemberLoses, Severity::Alarm, peer)
        });
    }
    if peer.lost > 0 {
        found.push(Warning {
            what: format!("has not read yet that it lost {} messages", peer.lost),
            ..scene.about_peer(Rule::UnreportedLoss, Severity::Warning, peer)
        });
    }
    found
}

fn refusals(scene: &Scene<'_>, peer: &Peer) -> Option<Warning> {
    let rate = scene.moving(peer, "refused_messages")?;
    let reasons = [
        ("refused_queue_full", "by full queues"),
        ("refused_no_peer", "since nobody has the port"),
        ("refused_no_memory", "for want of memory"),
    ];
    let (most, reason) = reasons
        .into_iter()
        .filter_map(|(key, reason)| Some((scene.moving(peer, key)?, reason)))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Warning {
        what: format!("has {} of its unicast sends refused/s", format::rate(rate)),
        figures: Some(format!("{}/s {reason}", format::rate(most))),
        ..scene.about_peer(Rule::SendsRefused, Severity::Warning, peer)
    })
}
