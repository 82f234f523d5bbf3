// SPDX-License-Identifier: MIT OR Apache-2.0

//! 64 peers of several users that come, do everything at once, and go or are killed, for as long as
//! `IPCON_SOAK_SECONDS` says. Afterwards nothing is left.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, counters, module, place, settings};
use libipcon::{Inspector, KEVENT_GROUP, Peer, Replay};

use crate::support::drain;

pub(crate) fn all() -> Vec<Case> {
    // The soak itself has its own end; the rest is for what comes before and after it.
    let seconds = settings::soak_seconds() + 880;
    cases![nothing_is_left_after_a_long_time_of_everything_at_once => within(seconds).unwatched()]
}

pub(crate) const ROLES: [Role; 1] = [("soak crowd", crowd)];

/// Users, each with a process.
const USERS: [u32; 4] = [0, 1000, 1001, 65_534];
/// Peers of each process.
const PEERS: u64 = 16;
/// How long the objects that the kernel frees late may take to go.
const SETTLING: Duration = Duration::from_secs(120);

/// Objects that a cache may have more of afterwards. It does not grow with the length of the soak, and is less than
/// there are lives of peers in the shortest one: so a leak of one object in a life shows. Seen were up to 83.
const TOLERANCE: u64 = 160;

fn nothing_is_left_after_a_long_time_of_everything_at_once() {
    let warm_up = Duration::from_secs(5);
    churn(warm_up);
    settle(None);
    let (slab, descriptors) = (slab(), descriptors());
    let deeds = churn(Duration::from_secs(settings::soak_seconds()));
    assert!(deeds > 1000, "only {deeds} deeds: too few to tell a leak");
    let left = settle(Some(&slab));
    println!(
        "soak: {deeds} deeds; objects of slab more than before: {left:?}, tolerated: {TOLERANCE}"
    );
    assert_eq!(descriptors, self::descriptors(), "descriptors");
    assert_eq!(module::references(), 0, "references to the module");
}

/// Lets the crowd live for a time, kills some of it on the way, and checks the bus. Gives how much was done.
fn churn(time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut crowd: Vec<Process> = USERS.map(start).into();
    let mut deeds = 0;
    let inspector = Inspector::open().unwrap();
    let mut round = 0;
    while Instant::now() < end {
        // One user's process begins another round, is killed in it, and starts again.
        let victim = round % USERS.len();
        round += 1;
        for process in &mut crowd {
            process.tell("go on");
        }
        for process in &mut crowd {
            deeds += process.line().parse::<u64>().unwrap();
        }
        crowd[victim].tell("go on");
        let old = std::mem::replace(&mut crowd[victim], start(USERS[victim]));
        old.kill();
        place::elsewhere(|| {
            let peer = Peer::connect().unwrap();
            peer.register_group("apart").unwrap();
            peer.multicast("apart", b"last words").unwrap();
        });
        inspector.peers().unwrap();
        inspector.members().unwrap();
    }
    for process in crowd {
        process.end();
    }
    let bus = inspector.bus().unwrap();
    let left = (bus.peers, bus.services, bus.groups, bus.memberships);
    assert_eq!(left, (0, 0, 0, 0), "left on the bus");
    counters::assert_balanced(&bus.counters);
    deeds
}

fn start(user: u32) -> Process {
    let mut process = Process::start_as(user, "soak crowd");
    process.tell(&settings::seed().wrapping_add(user.into()).to_string());
    process
}

/// Peers that live in rounds; each round, when asked, is told by the number of deeds in it.
fn crowd() {
    let seed: u64 = hear().unwrap().parse().unwrap();
    let mut round = 0;
    while hear().is_some() {
        round += 1;
        let deeds: u64 = thread::scope(|scope| {
            let lives: Vec<_> = (0..PEERS)
                .map(|n| {
                    let chance = Chance::new(seed ^ (round << 32) ^ (n << 16));
                    scope.spawn(move || live(chance))
                })
                .collect();
            lives.into_iter().map(|life| life.join().unwrap()).sum()
        });
        say(&deeds.to_string());
    }
}

/// One life on the bus.
fn live(mut chance: Chance) -> u64 {
    const DEEDS: u64 = 60;
    let peer = Peer::connect().unwrap();
    let inspector = Inspector::open().unwrap();
    // Some read slowly, and lose messages.
    let slow = chance.below(3) == 0;
    if slow {
        peer.set_queue_limit(0).unwrap();
    }
    for _ in 0..DEEDS {
        let name = format!("name-{}", chance.below(12));
        let replay = if chance.below(2) == 0 {
            Replay::Last
        } else {
            Replay::None
        };
        let len = 1 + chance.below(2000) as usize;
        let (outcome, possible): (libipcon::Result<()>, &[i32]) = match chance.below(12) {
            0 => (peer.register_service(&name), &[libc::EEXIST]),
            1 => (peer.unregister_service(&name), &[libc::ENOENT, libc::EPERM]),
            2 | 3 => (peer.register_group(&name), &[libc::EEXIST]),
            4 => (peer.unregister_group(&name), &[libc::ENOENT, libc::EPERM]),
            5 | 6 => (
                peer.join_group(&name, replay),
                &[libc::ENOENT, libc::EALREADY],
            ),
            7 => (peer.leave_group(&name), &[libc::ENOENT]),
            8 => (
                peer.multicast(&name, &vec![1; len]),
                &[libc::ENOENT, libc::EPERM],
            ),
            9 => (peer.join_group(KEVENT_GROUP, replay), &[libc::EALREADY]),
            10 => {
                if !slow {
                    drain(&peer);
                }
                continue;
            }
            _ => {
                let rows = inspector.peers().unwrap().items;
                let at = chance.below(rows.len().max(1) as u64) as usize;
                let Some(to) = rows.get(at) else {
                    continue;
                };
                (
                    peer.send(to.port, &vec![3; len]),
                    &[libc::ECONNREFUSED, libc::EAGAIN],
                )
            }
        };
        if let Err(error) = outcome {
            assert!(possible.contains(&error.errno()), "{error}");
        }
    }
    DEEDS
}

/// Numbers by chance, the same for the same seed (xorshift64).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        // It stays at 0 for ever, and neighbours are alike at first.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % limit
    }
}

/// The caches that objects of the bus and its messages come from.
fn slab() -> BTreeMap<String, u64> {
    let text = fs::read_to_string("/proc/slabinfo").expect("read the use of slab");
    let mut objects = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(active)) = (words.next(), words.next()) else {
            continue;
        };
        if ["kmalloc", "skbuff", "sock"]
            .iter()
            .any(|part| name.starts_with(part))
        {
            objects.insert(name.to_owned(), active.parse().unwrap_or(0));
        }
    }
    assert!(!objects.is_empty(), "no cache is known:\n{text}");
    objects
}

/// Waits until no cache has more objects than before, within the tolerance; gives those that have. Without a
/// state to go back to it waits until two looks in turn see the same.
fn settle(before: Option<&BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let deadline = Instant::now() + SETTLING;
    let mut last = BTreeMap::new();
    loop {
        // Caches keep freed objects of each processor at hand, which count as active until they are flushed.
        for cache in fs::read_dir("/sys/kernel/slab")
            .expect("the caches")
            .flatten()
        {
            let _ = fs::write(cache.path().join("shrink"), "1");
        }
        let now = slab();
        let (settled, grown) = match before {
            None => (now == last, BTreeMap::new()),
            Some(before) => {
                let more = now.iter().filter_map(|(name, objects)| {
                    let before = before.get(name).copied().unwrap_or(0);
                    (*objects > before).then(|| (name.clone(), objects - before))
                });
                let grown: BTreeMap<_, _> = more.collect();
                (grown.values().all(|more| *more <= TOLERANCE), grown)
            }
        };
        if settled || Instant::now() > deadline {
            assert!(
                settled || before.is_none(),
                "slab did not go back: {grown:?}"
            );
            return grown;
        }
        last = now;
        thread::sleep(Duration::from_millis(200));
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("own descriptors")
        .count()
}
