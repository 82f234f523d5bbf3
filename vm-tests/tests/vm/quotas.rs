// SPDX-License-Identifier: MIT OR Apache-2.0

//! What one user may have, and that another one does not notice when it is used up.

use std::thread;

use ipcon_vm_tests::module::Parameters;
use ipcon_vm_tests::process::{Process, Role, hear, say};
use ipcon_vm_tests::{Case, cases, place, settings};
use libipcon::{Inspector, Peer, Replay};
use rustix::process::Uid;
use rustix::thread::{UnshareFlags, set_thread_res_uid};

use crate::speaker::{Refusal, Speaker, terminated};
use crate::support::next;
use crate::uapi::{attr, cmd};

pub(crate) fn all() -> Vec<Case> {
    cases![
        each_quota_is_refused_with_its_number_and_its_parameter,
        another_user_works_while_one_has_used_everything_up,
        what_is_given_back_can_be_had_again_however_it_ended,
        a_user_pays_in_all_network_namespaces_together,
        who_made_a_user_namespace_pays_for_those_in_it,
        the_superuser_is_not_limited,
        who_opened_a_socket_pays_whoever_writes_to_it,
        a_socket_of_the_superuser_makes_nobody_unlimited,
        a_message_is_charged_with_all_memory_that_it_takes,
        what_one_user_can_pin_is_what_the_documentation_says
            => needs(settings::quick_kernel).within(240),
    ]
}

pub(crate) const ROLES: [Role; 2] = [("quota user", take_orders), ("quota hoarder", hoard)];

const USER: u32 = 1001;
const OTHER_USER: u32 = 1002;

/// Small quotas, until this is dropped.
fn small() -> Parameters {
    Parameters::default()
        .with("peers_per_user", 3)
        .with("services_per_user", 2)
        .with("groups_per_user", 2)
        .with("memberships_per_user", 2)
        .with("cached_bytes_per_user", 20_000)
}

/// Does what it is told with peers of its own, and says what came of it.
fn take_orders() {
    let mut peers: Vec<Speaker> = Vec::new();
    say("ready");
    while let Some(order) = hear() {
        let mut words = order.split(' ');
        let (verb, name) = (words.next().unwrap(), words.next().unwrap_or_default());
        let outcome = match verb {
            "connect" => {
                let mut speaker = Speaker::open();
                speaker.ask(cmd::PEER_NEW, &[]).map(|_| peers.push(speaker))
            }
            "close" => {
                peers.pop();
                Ok(())
            }
            "userns" => {
                enter_user_namespace(name.parse().unwrap());
                Ok(())
            }
            _ => request(peers.last_mut().unwrap(), verb, name),
        };
        match outcome {
            Ok(()) => say("done"),
            Err(refusal) => say(&format!("{} {:?}", refusal.errno, refusal.text)),
        }
    }
}

fn request(speaker: &mut Speaker, verb: &str, name: &str) -> Result<(), Refusal> {
    let name = terminated(name);
    let outcome = match verb {
        "service" => speaker.ask(cmd::SERVICE_REGISTER, &[(attr::service::NAME, &name)]),
        "no-service" => speaker.ask(cmd::SERVICE_UNREGISTER, &[(attr::service::NAME, &name)]),
        "group" => speaker.ask(cmd::GROUP_REGISTER, &[(attr::group::NAME, &name)]),
        "no-group" => speaker.ask(cmd::GROUP_UNREGISTER, &[(attr::group::NAME, &name)]),
        "join" => speaker.ask(cmd::GROUP_JOIN, &[(attr::group::NAME, &name)]),
        "leave" => speaker.ask(cmd::GROUP_LEAVE, &[(attr::group::NAME, &name)]),
        "publish" => speaker.ask(
            cmd::SEND_MULTICAST,
            &[
                (attr::message::GROUP, &name),
                (attr::message::DATA, &[0; 10_000]),
            ],
        ),
        _ => panic!("no verb {verb}"),
    };
    outcome.map(drop)
}

/// Has the test map the user ids from `first` on, and becomes the first of them.
fn enter_user_namespace(first: u32) {
    // SAFETY: Descriptors stay shared with the other threads, of which there are none.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }.unwrap();
    say("map me");
    assert_eq!(hear().as_deref(), Some("mapped"));
    // SAFETY: Takes numbers only; the process has one thread.
    let changed = unsafe { libc::setresuid(0, 0, 0) };
    assert_eq!(changed, 0, "become user {first}");
}

struct User(Process);

impl User {
    fn start(uid: u32) -> Self {
        let mut process = Process::start_as(uid, "quota user");
        process.expect("ready");
        Self(process)
    }

    /// What comes of an order.
    fn order(&mut self, order: &str) -> String {
        self.0.tell(order);
        self.0.line()
    }

    fn done(&mut self, order: &str) {
        assert_eq!(self.order(order), "done", "{order}");
    }

    fn refused(&mut self, order: &str, parameter: &str) {
        let answer = self.order(order);
        let edquot = format!("{} ", libc::EDQUOT);
        assert!(
            answer.starts_with(&edquot) && answer.contains(parameter),
            "{order}: {answer}"
        );
    }

    /// Makes a user namespace with ten user ids from `first` on, and becomes the first.
    fn enter_user_namespace(&mut self, first: u32) {
        self.0.tell(&format!("userns {first}"));
        self.0.expect("map me");
        let map = format!("/proc/{}/uid_map", self.0.pid());
        std::fs::write(&map, format!("0 {first} 10")).unwrap();
        self.0.tell("mapped");
        self.0.expect("done");
    }
}

fn each_quota_is_refused_with_its_number_and_its_parameter() {
    let _small = small();
    let mut user = User::start(USER);
    for order in [
        "connect",
        "connect",
        "connect",
        "service a",
        "service b",
        "group a",
        "group b",
        "join a",
        "join b",
        "publish a",
    ] {
        user.done(order);
    }
    let inspector = Inspector::open().unwrap();
    let before = inspector.bus().unwrap();
    for (order, parameter) in [
        ("connect", "peers_per_user"),
        ("service c", "services_per_user"),
        ("group c", "groups_per_user"),
        ("join ipcon_kevent", "memberships_per_user"),
        ("publish b", "cached_bytes_per_user"),
    ] {
        user.refused(order, parameter);
    }
    let after = inspector.bus().unwrap();
    assert_eq!(before, after, "a refused request changed something");
    // What takes another's place needs no more room.
    user.done("publish a");
    user.0.end();
}

fn another_user_works_while_one_has_used_everything_up() {
    let _small = small();
    let mut hog = User::start(USER);
    for order in [
        "connect",
        "connect",
        "connect",
        "service a",
        "service b",
        "group a",
        "publish a",
    ] {
        hog.done(order);
    }
    hog.refused("connect", "peers_per_user");
    hog.refused("service c", "services_per_user");
    let mut other = User::start(OTHER_USER);
    for order in [
        "connect",
        "connect",
        "service c",
        "group c",
        "join a",
        "join c",
        "publish c",
    ] {
        other.done(order);
    }
    hog.0.end();
    other.0.end();
}

fn what_is_given_back_can_be_had_again_however_it_ended() {
    let _small = small();
    let mut user = User::start(USER);
    for _ in 0..50 {
        for order in [
            "connect",
            "connect",
            "connect",
            "service a",
            "service b",
            "group a",
            "group b",
            "publish a",
            "join a",
            "join b",
            "leave a",
            "join ipcon_kevent",
            "no-group b",
            "publish a",
            "no-service a",
            "service c",
            "group c",
            "join c",
            "close",
            "close",
            "close",
        ] {
            user.done(order);
        }
    }
    user.done("connect");
    user.done("service a");
    user.0.kill();
    let mut again = User::start(USER);
    for order in ["connect", "connect", "connect", "service a", "service b"] {
        again.done(order);
    }
    again.0.end();
}

fn a_user_pays_in_all_network_namespaces_together() {
    let _small = small();
    let mut here = User::start(USER);
    here.done("connect");
    here.done("connect");
    let mut there = place::elsewhere(|| User::start(USER));
    there.done("connect");
    there.refused("connect", "peers_per_user");
    here.refused("connect", "peers_per_user");
    there.0.kill();
    here.done("connect");
    here.0.end();
}

fn who_made_a_user_namespace_pays_for_those_in_it() {
    const FIRST_INSIDE: u32 = 100_000;
    let _small = small();
    let mut inside = User::start(USER);
    inside.enter_user_namespace(FIRST_INSIDE);
    inside.done("connect");
    inside.done("connect");
    let peers = Inspector::open().unwrap().peers().unwrap().items;
    assert!(peers.iter().all(|peer| peer.uid == FIRST_INSIDE));
    let mut outside = User::start(USER);
    outside.done("connect");
    outside.refused("connect", "peers_per_user");
    inside.refused("connect", "peers_per_user");
    outside.0.end();
    inside.done("connect");
    inside.0.end();
}

/// Does something with the rights of a user. Only a thread changes its user, and that ends with this.
fn as_user<T: Send>(uid: u32, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let acting = scope.spawn(|| {
            set_thread_res_uid(Uid::ROOT, Uid::from_raw(uid), Uid::ROOT).unwrap();
            act()
        });
        acting.join().unwrap()
    })
}

fn four_sockets() -> [Speaker; 4] {
    [(); 4].map(|()| Speaker::open())
}

/// Three become peers, and the fourth may not.
fn become_peers([first, second, third, fourth]: &mut [Speaker; 4]) {
    for speaker in [first, second, third] {
        speaker.become_peer();
    }
    let refused = fourth.try_become_peer().unwrap_err();
    assert_eq!(refused.errno, libc::EDQUOT);
}

/// As when the superuser hands a socket down to a process that has not its rights.
fn a_socket_of_the_superuser_makes_nobody_unlimited() {
    let _small = small();
    let mut opened = four_sockets();
    as_user(USER, || become_peers(&mut opened));
    let peers = Inspector::open().unwrap().peers().unwrap().items;
    assert!(peers.iter().all(|peer| peer.uid == USER), "{peers:?}");
    // The superuser itself goes on with it.
    opened[3].become_peer();
}

/// As when a program with more rights is made to write to a socket that it inherited.
fn who_opened_a_socket_pays_whoever_writes_to_it() {
    let _small = small();
    let mut opened = as_user(USER, four_sockets);
    become_peers(&mut opened);
    let first = &mut opened[0];
    for name in ["one", "two"] {
        request(first, "service", name).unwrap();
    }
    let refused = request(first, "service", "three").unwrap_err();
    assert_eq!(refused.errno, libc::EDQUOT);
    let peers = Inspector::open().unwrap().peers().unwrap().items;
    assert!(peers.iter().all(|peer| peer.uid == USER), "{peers:?}");
}

fn the_superuser_is_not_limited() {
    let _small = small();
    let peers: Vec<Peer> = (0..10).map(|_| Peer::connect().unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.register_service(format!("service {number}")).unwrap();
        peer.register_group(format!("group {number}")).unwrap();
        peer.multicast(format!("group {number}"), &[1; 10_000])
            .unwrap();
        peers[0]
            .join_group(format!("group {number}"), Replay::Last)
            .unwrap();
        assert!(next(&peers[0]).replay);
    }
}

/// A message of the largest size, in kernel memory: the data in a block of 128 KiB, and what is around it.
const LARGEST_MESSAGE: u64 = (128 << 10) + 1024;

/// The bound that docs/limits.md gives, in bytes.
fn documented_bound() -> u64 {
    let number = |name| {
        ipcon_vm_tests::module::parameter(name)
            .parse::<u64>()
            .unwrap()
    };
    let queue = number("queue_bytes_per_peer") + LARGEST_MESSAGE;
    number("peers_per_user") * (queue + (8 << 10))
        + number("services_per_user") * (1 << 10)
        + number("groups_per_user") * (2 << 10)
        + number("memberships_per_user") * 512
        + number("cached_bytes_per_user")
}

/// Memory that is in use and cannot be reclaimed, in bytes.
fn memory_in_use() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kilobytes = |name: &str| -> u64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    };
    (kilobytes("MemTotal") - kilobytes("MemAvailable")) << 10
}

/// A request is charged by netlink with what it asked for, and its buffer may be twice as large. Or the bound of a
/// queue would be one of half the memory in it.
fn a_message_is_charged_with_all_memory_that_it_takes() {
    let (sender, receiver) = (Peer::connect().unwrap(), Peer::connect().unwrap());
    sender.send(receiver.port(), &[0; 33_000]).unwrap();
    let peers = Inspector::open().unwrap().peers().unwrap().items;
    let row = peers.iter().find(|peer| peer.id == receiver.id()).unwrap();
    // The allocator gives out powers of two.
    assert!(row.queue_bytes >= 64 << 10, "{} bytes", row.queue_bytes);
}

fn what_one_user_can_pin_is_what_the_documentation_says() {
    let mut hoarder = Process::start_as(USER, "quota hoarder");
    hoarder.expect("ready");
    let before = memory_in_use();
    hoarder.tell("go");
    hoarder.expect("full");
    let pinned = memory_in_use().saturating_sub(before);
    let bound = documented_bound();
    let documented = include_str!("../../../docs/limits.md");
    let words = format!("which is {} MiB by default", bound.div_ceil(1 << 20));
    assert!(documented.contains(&words), "docs/limits.md lacks: {words}");
    eprintln!(
        "one user pinned {} KiB of the kernel's memory; the bound is {} KiB",
        pinned >> 10,
        bound >> 10
    );
    assert!(pinned < bound, "{pinned} bytes pinned, beyond {bound}");
    // A bound far above what can be reached would say nothing.
    assert!(pinned > bound / 2, "{pinned} bytes pinned of {bound}");
    hoarder.end();
}

/// Takes all that it gets of everything.
fn hoard() {
    say("ready");
    hear();
    let mut peers = Vec::new();
    loop {
        let mut peer = Speaker::open();
        peer.set_queue_limit(1 << 30);
        match peer.ask(cmd::PEER_NEW, &[]) {
            Ok(_) => peers.push(peer),
            Err(refusal) => {
                assert_eq!(refusal.errno, libc::EDQUOT);
                break;
            }
        }
    }
    let holder = &mut peers[0];
    let until_refused = |holder: &mut Speaker, verb: &str| {
        let number = (0..).find(|number| {
            let refused = request(holder, verb, &format!("{verb} {number}"));
            refused.is_err_and(|refusal| refusal.errno == libc::EDQUOT)
        });
        number.unwrap()
    };
    until_refused(holder, "service");
    let groups = until_refused(holder, "group");
    let largest = [0; 65_000];
    let published = (0..groups).take_while(|number| {
        let name = terminated(&format!("group {number}"));
        let message = [
            (attr::message::GROUP, name.as_slice()),
            (attr::message::DATA, &largest),
        ];
        holder.ask(cmd::SEND_MULTICAST, &message).is_ok()
    });
    assert!(published.count() > 1);
    let joined = peers.iter_mut().flat_map(|peer| {
        (0..groups).map_while(move |number| request(peer, "join", &format!("group {number}")).ok())
    });
    // The first peer takes as many as there are groups, and so on, until the quota is used up.
    assert!(joined.count() > groups);
    // Not to the sender itself, which reads what it gets.
    let ports: Vec<u32> = peers[1..].iter().map(Speaker::port).collect();
    for port in ports {
        let message = [
            (attr::message::PORT, port.to_ne_bytes().as_slice()),
            (attr::message::DATA, &largest),
        ]
        .map(|(number, payload)| (number, payload.to_vec()));
        let message: Vec<_> = message.iter().map(|(n, p)| (*n, p.as_slice())).collect();
        while peers[0].ask(cmd::SEND_UNICAST, &message).is_ok() {}
    }
    say("full");
    hear();
}
