// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much memory a snapshot takes: whoever made a recording may have put many of anything into it, and long texts.

use std::mem::size_of;

use ipcon_observe::Snapshot;
use ipcon_observe::model::{
    Channel, Counters, Endpoint, Event, Exception, ExceptionKind, Flow, Group, GroupCounters, Peer,
    Probe, ProbeCounts, Probes, SafeText, Service, SourceState, SourceStatus,
};

/// What the shortest text takes beside its place in a row.
const TEXT: usize = 32;

/// Bytes that a snapshot takes, roughly.
pub(crate) fn size_of_snapshot(snapshot: &Snapshot) -> usize {
    size_of::<Snapshot>()
        + sum(&snapshot.peers, peer)
        + sum(&snapshot.groups, |group| {
            let names = text(&group.name) + optional(&group.owner_name);
            size_of::<Group>() + names + group.member_ids.len() * size_of::<u64>()
        })
        + sum(&snapshot.flows, |flow| {
            size_of::<Flow>() + optional(&flow.from_name) + optional(&flow.to_name)
        })
        + sum(snapshot.channels(), |channel| {
            size_of::<Channel>() + text(&channel.server_comm)
        })
        + sum(snapshot.endpoints(), |endpoint| {
            size_of::<Endpoint>() + text(&endpoint.server_comm) + optional(&endpoint.address)
        })
        + sum(&snapshot.events, |event| {
            size_of::<Event>() + optional(&event.name)
        })
        + sum(&snapshot.exceptions, exception)
        + sum(&snapshot.sources, source)
        + snapshot.probes.as_ref().map_or(0, probes)
}

fn peer(peer: &Peer) -> usize {
    let name = |name: &SafeText| size_of::<SafeText>() + text(name);
    size_of::<Peer>()
        + text(&peer.comm)
        + sum(&peer.services, |it| size_of::<Service>() + text(&it.name))
        + sum(&peer.owned_groups, name)
        + sum(&peer.joined_groups, name)
}

fn exception(exception: &Exception) -> usize {
    let texts = match &exception.what {
        ExceptionKind::Refused { reason, .. } | ExceptionKind::Dropped { reason, .. } => {
            text(reason)
        }
        ExceptionKind::Failed { command, errno, .. } => text(command) + text(errno),
        ExceptionKind::Slow { .. } => 0,
    };
    size_of::<Exception>() + texts
}

fn source(source: &SourceStatus) -> usize {
    let reason = match &source.state {
        SourceState::On => 0,
        SourceState::Off { reason } | SourceState::Failed { reason } => text(reason),
    };
    size_of::<SourceStatus>() + reason
}

fn probes(probes: &Probes) -> usize {
    let baseline = &probes.baseline;
    let inexact = baseline.inexact.peers.len() + baseline.inexact.groups.len();
    sum(&probes.probes, |probe| {
        let lost = sum(&probe.lost, |lost| TEXT + text(&lost.reason));
        size_of::<Probe>() + text(&probe.name) + text(&probe.backend) + lost
    }) + sum(&probes.maps, |it| 2 * TEXT + text(&it.map))
        + sum(&probes.sizes, |it| {
            3 * TEXT + 2 * it.counts.len() * size_of::<u64>()
        })
        + sum(&probes.drops, |it| 2 * TEXT + text(&it.reason))
        + sum(&probes.request_errors, |it| {
            2 * TEXT + text(&it.command) + text(&it.errno)
        })
        + sum(&probes.identities, |it| 2 * TEXT + text(&it.name))
        + probes.queue_latencies.len() * size_of::<Peer>()
        + counts(&probes.counts)
        + counts(&baseline.dumped)
        + counts(&baseline.counted)
        + inexact * size_of::<u64>()
}

fn counts(counts: &ProbeCounts) -> usize {
    counts.peers.len() * size_of::<Counters>() + counts.groups.len() * size_of::<GroupCounters>()
}

fn text(text: &str) -> usize {
    text.len().max(TEXT)
}

fn optional(name: &Option<SafeText>) -> usize {
    name.as_ref().map_or(0, |name| text(name))
}

fn sum<T>(rows: &[T], size: impl Fn(&T) -> usize) -> usize {
    rows.iter().map(size).sum()
}
