// SPDX-License-Identifier: MIT OR Apache-2.0
//! From dumps to peers, groups and the bus.

use std::collections::BTreeMap;
use std::time::Duration;

use libipcon::{BusInfo, GroupInfo, KEVENT_GROUP, MemberInfo, PeerInfo, ServiceInfo};

use super::flows;
use crate::model::{Bus, Counters, Group, GroupCounters, Peer, Service, Snapshot, display_name};

/// All dumps. The totals were read before the lists, which [`crate::ledger`] relies on.
#[derive(Debug)]
pub(crate) struct Dumps {
    pub(crate) bus: BusInfo,
    pub(crate) peers: Vec<PeerInfo>,
    pub(crate) services: Vec<ServiceInfo>,
    pub(crate) groups: Vec<GroupInfo>,
    pub(crate) members: Vec<MemberInfo>,
    /// When the peers had been read, `CLOCK_MONOTONIC`.
    pub(crate) peers_read_at: Duration,
    /// Whether nothing came or went while the lists were read.
    pub(crate) consistent: bool,
}

/// A snapshot with what the dumps tell. `observer` is the id of the peer that the observer itself is.
///
/// When the dumps are not of one state, a service or membership of a peer that has no row is left out.
pub(crate) fn snapshot(dumps: Dumps, observer: Option<u64>) -> Snapshot {
    let mut peers: BTreeMap<u64, Peer> = dumps
        .peers
        .iter()
        .map(|info| (info.id, peer(info, dumps.peers_read_at, observer)))
        .collect();
    let mut groups: BTreeMap<u64, Group> = dumps
        .groups
        .iter()
        .map(|info| (info.id, group(info)))
        .collect();

    for info in &dumps.services {
        if let Some(peer) = peers.get_mut(&info.peer_id) {
            peer.services.push(Service {
                id: info.id,
                name: display_name(info.name.as_bytes()),
                created_at: info.created_at,
            });
        }
    }
    for peer in peers.values_mut() {
        peer.services.sort_by_key(|service| service.id);
    }
    for info in &dumps.members {
        let (Some(group), Some(peer)) =
            (groups.get_mut(&info.group_id), peers.get_mut(&info.peer_id))
        else {
            continue;
        };
        group.member_ids.push(peer.id);
        peer.joined_groups.push(group.name.clone());
    }
    for group in groups.values_mut() {
        group.member_ids.sort_unstable();
        if let Some(owner) = peers.get_mut(&group.owner_id) {
            owner.owned_groups.push(group.name.clone());
            group.owner_name = owner.name().cloned();
        }
    }

    let flows = flows::of_groups(&peers, &groups, &dumps.members);
    let started_at = dumps
        .groups
        .iter()
        .find(|group| group.name == *KEVENT_GROUP);
    Snapshot {
        consistent: dumps.consistent,
        bus: Some(Bus {
            started_at: started_at.map(|group| group.created_at),
            ..bus(&dumps.bus)
        }),
        peers: peers.into_values().collect(),
        groups: groups.into_values().collect(),
        flows,
        ..Snapshot::default()
    }
}

fn bus(info: &BusInfo) -> Bus {
    Bus {
        started_at: None,
        generation: info.generation,
        max_message_len: info.max_msg_len,
        peers: info.peers,
        services: info.services,
        groups: info.groups,
        memberships: info.memberships,
        kevent_sequence: info.kevent_sequence,
        counters: counters(&info.counters),
    }
}

fn peer(info: &PeerInfo, read_at: Duration, observer: Option<u64>) -> Peer {
    Peer {
        id: info.id,
        port: info.port.get(),
        pid: info.pid,
        uid: info.uid,
        comm: display_name(info.comm.as_bytes()),
        created_at: info.created_at,
        services: Vec::new(),
        owned_groups: Vec::new(),
        joined_groups: Vec::new(),
        queue_bytes: info.queue_bytes.into(),
        queue_limit: info.queue_limit.into(),
        queue_oldest: info.queue_oldest.map(|since| read_at.saturating_sub(since)),
        queue_latency: None,
        lost: info.lost,
        counters: counters(&info.counters),
        observer: observer == Some(info.id),
    }
}

fn group(info: &GroupInfo) -> Group {
    Group {
        id: info.id,
        name: display_name(info.name.as_bytes()),
        owner_id: info.owner_id,
        owner_port: info.owner_port.map_or(0, libipcon::Port::get),
        owner_name: None,
        created_at: info.created_at,
        members: info.members,
        member_ids: Vec::new(),
        last_len: info.last_len,
        unheard_messages: info.unheard_messages,
        counters: GroupCounters {
            sent_messages: info.sent_messages,
            sent_bytes: info.sent_bytes,
            delivered_messages: info.delivered_messages,
            delivered_bytes: info.delivered_bytes,
            replayed_messages: info.replayed_messages,
            replayed_bytes: info.replayed_bytes,
            dropped_queue_full: info.dropped_queue_full,
            dropped_no_memory: info.dropped_no_memory,
        },
    }
}

fn counters(counters: &libipcon::Counters) -> Counters {
    Counters {
        sent_unicast_messages: counters.sent_unicast_messages,
        sent_unicast_bytes: counters.sent_unicast_bytes,
        sent_multicast_messages: counters.sent_multicast_messages,
        sent_multicast_bytes: counters.sent_multicast_bytes,
        delivered_unicast_messages: counters.delivered_unicast_messages,
        delivered_unicast_bytes: counters.delivered_unicast_bytes,
        delivered_multicast_messages: counters.delivered_multicast_messages,
        delivered_multicast_bytes: counters.delivered_multicast_bytes,
        refused_queue_full: counters.refused_queue_full,
        refused_no_peer: counters.refused_no_peer,
        refused_no_memory: counters.refused_no_memory,
        dropped_queue_full: counters.dropped_queue_full,
        dropped_no_memory: counters.dropped_no_memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlowKey, FlowKind};
    use libipcon::{Name, Port};

    fn port(number: u32) -> Port {
        Port::new(number).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn peer_info(id: u64) -> PeerInfo {
        PeerInfo {
            port: port(100 + id as u32),
            id,
            pid: 7,
            uid: 1000,
            comm: "evil\u{1b}[2J".to_owned(),
            created_at: Duration::from_secs(id),
            queue_bytes: 5,
            queue_limit: 10,
            queue_oldest: (id == 2).then_some(Duration::from_secs(7)),
            lost: 2,
            counters: libipcon::Counters {
                sent_unicast_messages: 4,
                ..Default::default()
            },
        }
    }

    fn service_info(id: u64, peer_id: u64, text: &str) -> ServiceInfo {
        let port = port(100 + peer_id as u32);
        ServiceInfo {
            name: name(text),
            id,
            port,
            peer_id,
            created_at: Duration::from_secs(id),
        }
    }

    fn group_info(id: u64, owner: u64, text: &str) -> GroupInfo {
        GroupInfo {
            name: name(text),
            id,
            owner_port: Port::new(owner as u32 * 101),
            owner_id: owner,
            created_at: Duration::from_secs(3 + id),
            members: 1,
            last_len: None,
            sent_messages: 1,
            sent_bytes: 2,
            delivered_messages: 3,
            delivered_bytes: 4,
            replayed_messages: 5,
            replayed_bytes: 6,
            dropped_queue_full: 7,
            dropped_no_memory: 8,
            unheard_messages: 9,
            dropped_queue_full_bytes: 10,
            dropped_no_memory_bytes: 11,
        }
    }

    fn member_info(group_id: u64, peer_id: u64) -> MemberInfo {
        MemberInfo {
            group_id,
            group_name: name("any"),
            peer_id,
            port: port(100 + peer_id as u32),
            joined_at: Duration::ZERO,
            delivered_messages: 0,
            delivered_bytes: 0,
            replayed_messages: 0,
            replayed_bytes: 0,
            dropped_queue_full: 0,
            dropped_queue_full_bytes: 0,
            dropped_no_memory: 0,
            dropped_no_memory_bytes: 0,
        }
    }

    fn dumps() -> Dumps {
        Dumps {
            bus: BusInfo {
                generation: 3,
                max_msg_len: 65_000,
                peers: 2,
                services: 2,
                groups: 1,
                memberships: 2,
                kevent_sequence: 4,
                counters: libipcon::Counters::default(),
            },
            peers: vec![peer_info(1), peer_info(2)],
            services: vec![service_info(5, 1, "second"), service_info(4, 1, "first")],
            groups: vec![group_info(1, 0, KEVENT_GROUP), group_info(6, 1, "news")],
            members: vec![member_info(6, 2), member_info(1, 2)],
            peers_read_at: Duration::from_secs(10),
            consistent: true,
        }
    }

    #[test]
    fn names_and_groups_find_their_peers() {
        let snapshot = snapshot(dumps(), Some(2));
        let peer = snapshot.peer(1).unwrap();
        assert_eq!(
            peer.name().unwrap().as_str(),
            "first",
            "the oldest, whatever the order"
        );
        assert_eq!(peer.owned_groups, ["news".into()]);
        assert_eq!(peer.comm.as_str(), "evil\\u{1b}[2J");
        assert_eq!(peer.counters.sent_unicast_messages, 4);
        assert!(!peer.observer);

        let member = snapshot.peer(2).unwrap();
        assert_eq!(member.name(), None);
        assert_eq!(member.joined_groups, ["news".into(), KEVENT_GROUP.into()]);
        assert!(member.observer);
        let oldest = (peer.queue_oldest, member.queue_oldest);
        assert_eq!(oldest, (None, Some(Duration::from_secs(3))));

        let news = snapshot.group(6).unwrap();
        assert_eq!(news.owner_name, Some("first".into()));
        assert_eq!(news.member_ids, [2]);
        let each: Vec<_> = news.counters.each().map(|(_, count)| count).collect();
        assert_eq!((each, news.unheard_messages), ((1..=8).collect(), 9));
        let kevents = snapshot.group(1).unwrap();
        assert_eq!(
            (kevents.owner_id, kevents.owner_port, &kevents.owner_name),
            (0, 0, &None)
        );
        assert_eq!(snapshot.bus_started_at(), Some(Duration::from_secs(4)));
    }

    #[test]
    fn groups_and_memberships_are_flows() {
        let mut dumps = dumps();
        let news = &mut dumps.members[0];
        (news.delivered_messages, news.replayed_messages) = (7, 1);
        (news.dropped_queue_full, news.dropped_no_memory) = (2, 3);
        let snapshot = snapshot(dumps, None);
        let flow = |kind, from_id, to_id| {
            let key = FlowKey {
                kind,
                from_id,
                to_id,
            };
            snapshot.flow(key).cloned().unwrap_or_default()
        };
        let published = flow(FlowKind::Published, 1, 6);
        assert_eq!(
            (published.from_name, published.to_name),
            (Some("first".into()), Some("news".into()))
        );
        assert_eq!(published.counters.messages, 1);
        let copies = flow(FlowKind::Copies, 6, 2);
        assert_eq!(
            (copies.from_name, copies.to_name),
            (Some("news".into()), None)
        );
        assert_eq!(
            (copies.counters.messages, copies.counters.lost_messages),
            (8, 5)
        );
        assert_eq!(flow(FlowKind::Published, 0, 1).counters.messages, 1);
        assert_eq!(snapshot.flows.len(), 4);
    }

    #[test]
    fn rows_that_are_missing_are_no_trouble() {
        let mut dumps = dumps();
        dumps.peers.clear();
        dumps.consistent = false;
        let snapshot = snapshot(dumps, None);
        assert!(snapshot.group(6).unwrap().member_ids.is_empty());
        assert!(!snapshot.consistent);
    }
}
