// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints what is on the bus as JSON: totals, peers, services, groups and memberships, with all counters.
//!
//! It is no peer itself, so that looking changes nothing.

use anyhow::Context as _;
use libipcon::{Counters, Inspector};
use serde_json::{Map, Value, json};

fn main() -> anyhow::Result<()> {
    let inspector = Inspector::open()?;
    let bus = inspector.bus()?;
    let peers = inspector.peers()?;
    let services = inspector.services()?;
    let groups = inspector.groups()?;
    let members = inspector.members()?;
    let interrupted =
        peers.interrupted || services.interrupted || groups.interrupted || members.interrupted;

    let peers = peers.items.iter().map(|peer| {
        with_counters(
            json!({
                "id": peer.id,
                "port": peer.port.get(),
                "pid": peer.pid,
                "uid": peer.uid,
                "comm": peer.comm,
                "queue_bytes": peer.queue_bytes,
                "queue_limit": peer.queue_limit,
                "queue_oldest": peer.queue_oldest.map(|it| it.as_nanos() as u64),
                "lost": peer.lost,
            }),
            &peer.counters,
        )
    });
    let services = services.items.iter().map(|service| {
        json!({
            "id": service.id,
            "name": service.name.to_string(),
            "port": service.port.get(),
            "peer_id": service.peer_id,
        })
    });
    let groups = groups.items.iter().map(|group| {
        json!({
            "id": group.id,
            "name": group.name.to_string(),
            "owner_id": group.owner_id,
            "members": group.members,
            "sent_messages": group.sent_messages,
            "sent_bytes": group.sent_bytes,
            "delivered_messages": group.delivered_messages,
            "delivered_bytes": group.delivered_bytes,
            "replayed_messages": group.replayed_messages,
            "replayed_bytes": group.replayed_bytes,
            "dropped_queue_full": group.dropped_queue_full,
            "dropped_no_memory": group.dropped_no_memory,
            "unheard_messages": group.unheard_messages,
            "dropped_queue_full_bytes": group.dropped_queue_full_bytes,
            "dropped_no_memory_bytes": group.dropped_no_memory_bytes,
        })
    });
    let members = members.items.iter().map(|member| {
        json!({
            "group_id": member.group_id,
            "peer_id": member.peer_id,
            "port": member.port.get(),
            "delivered_messages": member.delivered_messages,
            "delivered_bytes": member.delivered_bytes,
            "replayed_messages": member.replayed_messages,
            "replayed_bytes": member.replayed_bytes,
            "dropped_queue_full": member.dropped_queue_full,
            "dropped_queue_full_bytes": member.dropped_queue_full_bytes,
            "dropped_no_memory": member.dropped_no_memory,
            "dropped_no_memory_bytes": member.dropped_no_memory_bytes,
        })
    });
    let document = json!({
        "interrupted": interrupted,
        "bus": with_counters(
            json!({
                "generation": bus.generation,
                "max_msg_len": bus.max_msg_len,
                "kevent_sequence": bus.kevent_sequence,
            }),
            &bus.counters,
        ),
        "peers": peers.collect::<Vec<_>>(),
        "services": services.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "members": members.collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&document).context("writing JSON")?;
    println!("{text}");
    Ok(())
}

/// Puts the counters beside the other keys of an object.
fn with_counters(object: Value, counters: &Counters) -> Value {
    let mut keys = match object {
        Value::Object(keys) => keys,
        _ => Map::new(),
    };
    for (key, value) in [
        ("sent_unicast_messages", counters.sent_unicast_messages),
        ("sent_unicast_bytes", counters.sent_unicast_bytes),
        ("sent_multicast_messages", counters.sent_multicast_messages),
        ("sent_multicast_bytes", counters.sent_multicast_bytes),
        (
            "delivered_unicast_messages",
            counters.delivered_unicast_messages,
        ),
        ("delivered_unicast_bytes", counters.delivered_unicast_bytes),
        (
            "delivered_multicast_messages",
            counters.delivered_multicast_messages,
        ),
        (
            "delivered_multicast_bytes",
            counters.delivered_multicast_bytes,
        ),
        ("refused_queue_full", counters.refused_queue_full),
        ("refused_no_peer", counters.refused_no_peer),
        ("refused_no_memory", counters.refused_no_memory),
        ("dropped_queue_full", counters.dropped_queue_full),
        ("dropped_no_memory", counters.dropped_no_memory),
        (
            "refused_queue_full_bytes",
            counters.refused_queue_full_bytes,
        ),
        ("refused_no_peer_bytes", counters.refused_no_peer_bytes),
        ("refused_no_memory_bytes", counters.refused_no_memory_bytes),
        (
            "dropped_queue_full_bytes",
            counters.dropped_queue_full_bytes,
        ),
        ("dropped_no_memory_bytes", counters.dropped_no_memory_bytes),
    ] {
        keys.insert(key.to_owned(), value.into());
    }
    Value::Object(keys)
}
