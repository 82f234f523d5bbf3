// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole model as bytes: every field of every structure, in the order in which it stands in a recording.

use super::pack::{Malformed, Pack, enumerations, shape_of, structures, take_length};
use crate::model::*;

structures! {
    Snapshot {
        schema_version, taken_at, consistent, bus, peers, groups, flows, channels, probes, kevents, events, exceptions,
        reads_elsewhere, sources; elsewhere observer
    }
    Bus {
        started_at, generation, max_message_len, peers, services, groups, memberships, kevent_sequence, counters,
    }
    Peer {
        id, port, pid, uid, comm, created_at, services, owned_groups, joined_groups, queue_bytes, queue_limit,
        queue_oldest, queue_latency, lost, counters, observer,
    }
    Service { id, name, created_at }
    Group {
        id, name, owner_id, owner_port, owner_name, created_at, members, member_ids, last_len, unheard_messages,
        counters,
    }
    Counters {
        sent_unicast_messages, sent_unicast_bytes, sent_multicast_messages, sent_multicast_bytes,
        delivered_unicast_messages, delivered_unicast_bytes, delivered_multicast_messages, delivered_multicast_bytes,
        refused_queue_full, refused_no_peer, refused_no_memory, dropped_queue_full, dropped_no_memory,
    }
    GroupCounters {
        sent_messages, sent_bytes, delivered_messages, delivered_bytes, replayed_messages, replayed_bytes,
        dropped_queue_full, dropped_no_memory,
    }
    Flow { kind, from_id, to_id, from_name, to_name, counters }
    FlowCounters { messages, bytes, lost_messages }
    QueueLatency { counts, sum_nanos }
    Channels { read_at, connections, endpoints, scan }
    ChannelScan {
        processes, unreadable_processes, left_out_connections, left_out_endpoints, cut_processes, rejected_files,
    }
    Channel {
        id, server_pid, server_comm, client_pid, client_uid, service, connection, started_at, counters, latency,
    }
    ChannelCounters {
        requests, responses, dispatched, queue_size, queue_size_max, flow_control, flow_control_count, overload,
        invalid_request, denied, expired, failed, no_reply, reply_too_long, one_way, events_dropped, request_bytes,
        response_bytes, event_bytes, events_queued, events_queued_max,
    }
    LatencyHistogram { counts }
    Endpoint { id, server_pid, server_comm, address, started_at, counters }
    EndpointCounters {
        accepted, connected, connections, connections_max, memory_bytes, memory_bytes_max, refused_denied,
        refused_no_such_service, refused_overloaded, refused_version, refused_interface, refused_protocol,
        refused_too_slow, refused_shutting_down, refused_resources, refused_slow_consumer, refused_panicked,
        refused_other,
    }
    Probes {
        attached_at, probes, maps, sizes, drops, queue_latencies, request_errors, unreported_exceptions, identities,
        counts, baseline,
    }
    Probe { name, backend, attached, seen, counted, lost, missed; elsewhere run_time }
    Lost { reason, events }
    MapFill { map, entries, limit }
    SizeHistogram { kind, bounds, counts, sum }
    Drops { kind, reason, messages, bytes }
    KindLatency { kind, latency }
    RequestErrors { command, errno, requests }
    Identity { name, left, right }
    ProbeCounts { peers, groups, bus }
    Baseline { dumped, counted, inexact }
    Inexact { bus, peers, groups }
    Kevents { received, lost, resyncs }
    Event { sequence, time, pid, kind, name, port, group_id }
    Exception { time, what }
    SourceStatus { name, state, lost, duration }
    Additions { observer, run_times }
    Observer { pid, cpu, resident_bytes }
    RunTime { runs, time }
}

enumerations! {
    FlowKind { 0 Unicast {} 1 Published {} 2 Copies {} }
    Kind { 0 Unicast {} 1 Multicast {} }
    EventKind { 0 ServiceAdd {} 1 ServiceRemove {} 2 GroupAdd {} 3 GroupRemove {} 4 PeerRemove {} }
    ExceptionKind {
        0 Refused { from_id: u64, to_id: u64, bytes: u32, reason: String }
        1 Dropped { from_id: u64, to_id: u64, group_id: u64, bytes: u32, reason: String }
        2 Failed { peer_id: u64, command: String, errno: String }
        3 Slow { peer_id: u64, waited: std::time::Duration }
    }
    Source { 0 Dumps {} 1 Kevents {} 2 Probes {} 3 Channels {} }
    SourceState { 0 On {} 1 Off { reason: String } 2 Failed { reason: String } }
}

/// Which of the shapes that are read a recording has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// What this program writes.
    Current,
    /// The one before, without [`Additions`].
    Earlier,
}

impl Shape {
    /// The one with this fingerprint. `None` of any other model.
    pub(super) fn with(fingerprint: u32) -> Option<Self> {
        if fingerprint == self::fingerprint() {
            Some(Self::Current)
        } else {
            (fingerprint == fingerprint_before()).then_some(Self::Earlier)
        }
    }
}

/// What came into the model later. It stands behind the snapshot, so that recordings made before are read on.
struct Additions {
    observer: Option<Observer>,
    /// Of each probe, in their order.
    run_times: Vec<Option<RunTime>>,
}

impl Additions {
    fn of(snapshot: &Snapshot) -> Self {
        let probes = snapshot.probes.iter().flat_map(|it| &it.probes);
        Self {
            observer: snapshot.observer,
            run_times: probes.map(|probe| probe.run_time).collect(),
        }
    }

    /// Takes those of this snapshot. How many run times there are is clear by then, so none is taken of another number: they
    /// would take many times the memory of the byte that each needs.
    fn take_of(snapshot: &Snapshot, from: &mut &[u8]) -> Result<Self, Malformed> {
        let observer = Pack::take(from)?;
        let probes = snapshot.probes.as_ref().map_or(0, |it| it.probes.len());
        let mut ahead = *from;
        if take_length(&mut ahead)? != probes {
            return Err(Malformed("there are not as many run times as probes"));
        }
        let run_times = Pack::take(from)?;
        Ok(Self {
            observer,
            run_times,
        })
    }

    fn give(self, snapshot: &mut Snapshot) {
        snapshot.observer = self.observer;
        let probes = snapshot.probes.iter_mut().flat_map(|it| &mut it.probes);
        for (probe, run_time) in probes.zip(self.run_times) {
            probe.run_time = run_time;
        }
    }
}

/// Tells this shape of the model from others. It changes when a field comes, goes, moves, or changes its type.
pub(super) fn fingerprint() -> u32 {
    let mut shape = String::new();
    Snapshot::shape(&mut shape);
    Additions::shape(&mut shape);
    crc32fast::hash(shape.as_bytes())
}

/// That of recordings without [`Additions`], which are read as well.
fn fingerprint_before() -> u32 {
    let mut shape = String::new();
    Snapshot::shape(&mut shape);
    crc32fast::hash(shape.as_bytes())
}

/// A snapshot as bytes.
pub fn pack(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.put(&mut bytes);
    Additions::of(snapshot).put(&mut bytes);
    bytes
}

/// The snapshot of bytes that anybody may have written: all that the model promises of it holds.
///
/// # Errors
///
/// [`pack`] makes no such bytes.
pub fn unpack(bytes: &[u8]) -> Result<Snapshot, Malformed> {
    unpack_of(Shape::Current, bytes)
}

/// The same of bytes that have that shape.
pub(super) fn unpack_of(shape: Shape, mut bytes: &[u8]) -> Result<Snapshot, Malformed> {
    let mut snapshot = Snapshot::take(&mut bytes)?;
    match shape {
        Shape::Current => Additions::take_of(&snapshot, &mut bytes)?.give(&mut snapshot),
        Shape::Earlier => {}
    }
    if !bytes.is_empty() {
        return Err(Malformed("something follows its end"));
    }
    for sizes in snapshot.probes.iter().flat_map(|probes| &probes.sizes) {
        if sizes.counts.len() != sizes.bounds.len() + 1 || !sizes.bounds.is_sorted() {
            return Err(Malformed("the bounds of a histogram do not fit its counts"));
        }
    }
    order(&mut snapshot);
    Ok(snapshot)
}

/// Rows are looked up by id. They are in order already, unless somebody else wrote them.
fn order(snapshot: &mut Snapshot) {
    snapshot.peers.sort_by_key(|row| row.id);
    snapshot.groups.sort_by_key(|row| row.id);
    snapshot.flows.sort_by_key(Flow::key);
    if let Some(channels) = &mut snapshot.channels {
        channels.connections.sort_by_key(|row| row.id);
        channels.endpoints.sort_by_key(|row| row.id);
    }
}

/// Any snapshot there can be, as the dice fall. Every field of the model takes part.
#[cfg(test)]
pub(super) fn any_snapshot(mut dice: &[u8]) -> Snapshot {
    let mut snapshot = Snapshot::any(&mut dice);
    order(&mut snapshot);
    for sizes in snapshot.probes.iter_mut().flat_map(|it| &mut it.sizes) {
        sizes.bounds.sort_unstable();
        sizes.counts.resize(sizes.bounds.len() + 1, 7);
    }
    snapshot
}
