// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an observer can ask: everything, in lists of any length.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipcon_vm_tests::{Case, cases, counters, module, settings};
use libipcon::{Counters, Inspector, KEVENT_GROUP, Peer, Replay};

use crate::speaker::Speaker;
use crate::uapi::cmd;

pub(crate) fn all() -> Vec<Case> {
    cases![
        an_empty_bus_has_the_kevent_group_only,
        hundreds_of_each_are_listed_completely,
        rows_tell_who_holds_what,
        asking_for_one_gives_the_row_of_the_dump,
        a_dump_is_complete_or_flagged_while_things_come_and_go => within(120),
        a_dump_that_is_given_up_halfway_holds_nothing => unwatched(),
        each_change_changes_the_generation,
    ]
}

fn an_empty_bus_has_the_kevent_group_only() {
    let inspector = Inspector::open().unwrap();
    assert_eq!(inspector.peers().unwrap().items, []);
    assert_eq!(inspector.services().unwrap().items, []);
    assert_eq!(inspector.members().unwrap().items, []);
    let groups = inspector.groups().unwrap().items;
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].name, KEVENT_GROUP);
    let bus = inspector.bus().unwrap();
    assert_eq!((bus.peers, bus.groups, bus.kevent_sequence), (0, 0, 0));
    assert_eq!(bus.counters, Counters::default());
    assert_eq!(bus.max_msg_len, 65_000);
}

/// Far more than one buffer holds.
fn hundreds_of_each_are_listed_completely() {
    // A kernel that checks each access gets fewer, which are still more than a buffer holds.
    let each = if settings::kernel_is_slow() { 200 } else { 500 };
    let peers: Vec<Peer> = (0..each).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.register_service(format!("service-{number}")).unwrap();
        peer.register_group(format!("group-{number}")).unwrap();
        // A large group and many small ones.
        peer.join_group("group-0", Replay::None).unwrap();
        if number > 0 {
            peer.join_group(format!("group-{number}"), Replay::None)
                .unwrap();
        }
    }
    let inspector = Inspector::open().unwrap();
    let services = inspector.services().unwrap();
    assert!(!services.interrupted);
    let (bus, rows) = counters::assert_books(&inspector, &Counters::default());
    assert_eq!(
        (bus.services as usize, bus.memberships as usize),
        (each, 2 * each - 1)
    );

    let ids: Vec<u64> = peers.iter().map(Peer::id).collect();
    assert_eq!(
        Vec::from_iter(rows.iter().map(|row| row.id)),
        ids,
        "peers in order of id"
    );
    let names = Vec::from_iter(services.items.iter().map(|row| row.name.to_string()));
    assert_eq!(
        names,
        Vec::from_iter((0..each).map(|number| format!("service-{number}")))
    );
    let groups = inspector.groups().unwrap().items;
    let names = Vec::from_iter(groups.iter().skip(1).map(|row| row.name.to_string()));
    assert_eq!(
        names,
        Vec::from_iter((0..each).map(|number| format!("group-{number}")))
    );
    let members = inspector.members().unwrap().items;
    let keys = Vec::from_iter(members.iter().map(|row| (row.group_id, row.peer_id)));
    assert!(keys.is_sorted() && keys.iter().collect::<HashSet<_>>().len() == keys.len());
}

fn rows_tell_who_holds_what() {
    let before = monotonic();
    let (holder, member) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    holder.register_service("service").unwrap();
    holder.register_group("group").unwrap();
    member.join_group("group", Replay::None).unwrap();
    let after = monotonic();
    let inspector = Inspector::open().unwrap();

    let row = inspector.peer(holder.port()).unwrap();
    assert_eq!(
        (row.id, row.pid, row.uid),
        (holder.id(), std::process::id(), 0)
    );
    let name = std::env::current_exe().unwrap();
    let name = name.file_name().unwrap().to_str().unwrap();
    assert_eq!(row.comm, &name[..name.len().min(15)]);
    assert!(row.queue_bytes == 0 && row.queue_limit > 0, "{row:?}");
    let service = inspector.service("service").unwrap();
    assert_eq!(
        (service.port, service.peer_id),
        (holder.port(), holder.id())
    );
    let group = inspector.group("group").unwrap();
    assert_eq!(
        (group.owner_port, group.owner_id),
        (Some(holder.port()), holder.id())
    );
    assert_eq!((group.members, group.last_len), (1, None));
    let members = inspector.members().unwrap().items;
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].group_id, members[0].peer_id),
        (group.id, member.id())
    );
    assert_eq!(
        (members[0].group_name, members[0].port),
        (group.name, member.port())
    );
    let times = [
        row.created_at,
        service.created_at,
        group.created_at,
        members[0].joined_at,
    ];
    assert!(
        times.is_sorted() && before <= times[0] && times[3] <= after,
        "{times:?}"
    );

    holder.multicast("group", &[0; 300]).unwrap();
    assert_eq!(inspector.group("group").unwrap().last_len, Some(300));
    assert!(inspector.peer(member.port()).unwrap().queue_bytes > 300);
}

fn asking_for_one_gives_the_row_of_the_dump() {
    let peer = Peer::connect().unwrap();
    peer.register_service("service").unwrap();
    peer.register_group("group").unwrap();
    let inspector = Inspector::open().unwrap();
    assert_eq!(
        inspector.peers().unwrap().items,
        [inspector.peer(peer.port()).unwrap()]
    );
    assert_eq!(
        inspector.services().unwrap().items,
        [inspector.service("service").unwrap()]
    );
    assert_eq!(
        inspector.groups().unwrap().items[1],
        inspector.group("group").unwrap()
    );
    assert_eq!(
        inspector.group("nothing").unwrap_err().errno(),
        libc::ENOENT
    );
    let port = peer.port();
    drop(peer);
    assert_eq!(
        inspector.peer(port).unwrap_err().errno(),
        libc::ECONNREFUSED
    );
}

/// Whatever comes and goes: no row twice, none that was there all the time is missing, and a dump that is not flagged
/// holds all that there is.
fn a_dump_is_complete_or_flagged_while_things_come_and_go() {
    const STABLE: usize = 200;
    const DUMPS: usize = 100;
    let stable: Vec<Peer> = (0..STABLE).map(|_| Peer::connect().unwrap()).collect();
    let ids: HashSet<u64> = stable.iter().map(Peer::id).collect();
    let over = AtomicBool::new(false);
    let (mut flagged, mut clean) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                drop(Peer::connect().unwrap());
            }
        });
        let inspector = Inspector::open().unwrap();
        let mut dump = || {
            let before = inspector.bus().unwrap().generation;
            let dump = inspector.peers().unwrap();
            let quiet = inspector.bus().unwrap().generation == before;
            let found: HashSet<u64> = dump.items.iter().map(|row| row.id).collect();
            assert_eq!(found.len(), dump.items.len(), "a peer twice in one dump");
            assert!(found.is_superset(&ids), "a peer that was there is missing");
            assert!(
                dump.items.len() <= STABLE + 1 || dump.interrupted,
                "more than there can be"
            );
            if quiet {
                assert!(!dump.interrupted, "flagged, but nothing changed");
            }
            if dump.interrupted {
                flagged += 1
            } else {
                clean += 1
            }
        };
        let dumped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..DUMPS).for_each(|_| dump());
        }));
        over.store(true, Ordering::Relaxed);
        dumped.unwrap();
    });
    assert!(
        flagged > 0,
        "of {DUMPS} dumps under churn none was flagged ({clean} clean)"
    );
    assert!(!Inspector::open().unwrap().peers().unwrap().interrupted);
}

fn a_dump_that_is_given_up_halfway_holds_nothing() {
    let peers: Vec<Peer> = (0..300).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.register_service(format!("service-{number}")).unwrap();
        peer.register_group(format!("group-{number}")).unwrap();
        peer.join_group(format!("group-{number}"), Replay::None)
            .unwrap();
    }
    for _ in 0..20 {
        for cmd in [
            cmd::PEER_GET,
            cmd::SERVICE_GET,
            cmd::GROUP_GET,
            cmd::MEMBER_GET,
        ] {
            Speaker::open().begin_dump(cmd);
        }
    }
    // One that goes on after what it lists has gone.
    let mut halfway = Speaker::open();
    halfway.begin_dump(cmd::PEER_GET);
    drop(peers);
    drop(halfway);
    assert_eq!(module::references(), 0);
}

fn each_change_changes_the_generation() {
    let inspector = Inspector::open().unwrap();
    let mut seen = vec![inspector.bus().unwrap().generation];
    let mut changed = |what: &str| {
        let now = inspector.bus().unwrap().generation;
        assert!(!seen.contains(&now), "{what} did not change the generation");
        seen.push(now);
    };
    let peer = Peer::connect().unwrap();
    changed("a peer coming");
    peer.register_service("s").unwrap();
    changed("a service coming");
    peer.register_group("g").unwrap();
    changed("a group coming");
    peer.join_group("g", Replay::None).unwrap();
    changed("joining");
    peer.leave_group("g").unwrap();
    changed("leaving");
    peer.unregister_group("g").unwrap();
    changed("a group going");
    peer.unregister_service("s").unwrap();
    changed("a service going");
    drop(peer);
    changed("a peer going");
}

fn monotonic() -> std::time::Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    std::time::Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap(),
    )
}
