// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random runs. Few ports and few names, so that operations meet: ports are reused, names are
//! taken, groups have several members and queues fill.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::operation::{Operation, Port};

/// The sockets of a run.
pub const PORTS: [Port; 6] = [1, 2, 3, 4, 5, 6];

/// What the world of a run is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The test tells the bus itself when a socket was closed, too late or wrongly as well, and
    /// makes memory fail when it likes.
    Directed,
    /// The world does what it does; most peers have but one socket.
    Real,
    /// Likewise; most peers have a control socket.
    RealWithControls,
}

/// Runs of up to `max` operations, half of them on a bus that is busy already.
pub fn runs(max: usize, stage: Stage) -> impl Strategy<Value = Vec<Operation>> {
    (any::<bool>(), vec(operation(stage), 1..max)).prop_map(move |(busy, random)| {
        let mut run = match (busy, stage) {
            (false, _) => Vec::new(),
            (true, Stage::RealWithControls) => busy_bus_with_controls(),
            (true, _) => busy_bus(),
        };
        run.extend(random);
        run
    })
}

/// Sockets, peers, and two groups with members.
fn busy_bus() -> Vec<Operation> {
    use Operation::*;
    let mut run = PORTS.map(|port| Open { port }).to_vec();
    run.extend([1, 2, 3].map(|port| AddPeer {
        port,
        control: None,
    }));
    let (port, peer) = (5, 4);
    run.push(AddPeer {
        port: peer,
        control: Some(port),
    });
    run.push(Attach { port, peer });
    for (port, name) in [(1, "news"), (2, "ggggggggggggggg")] {
        let name = name.to_owned();
        run.push(RegisterGroup { port, name });
    }
    for (port, name) in [
        (1, "news"),
        (2, "news"),
        (3, "ipcon_kevent"),
        (4, "ggggggggggggggg"),
    ] {
        let (name, replay) = (name.to_owned(), false);
        run.push(Join { port, name, replay });
    }
    run
}

/// Three peers with a control socket each, and two groups with members.
fn busy_bus_with_controls() -> Vec<Operation> {
    use Operation::*;
    let mut run = PORTS.map(|port| Open { port }).to_vec();
    for (peer, port) in [(1, 4), (2, 5), (3, 6)] {
        let control = Some(port);
        run.push(AddPeer {
            port: peer,
            control,
        });
        run.push(Attach { port, peer });
    }
    for (port, name) in [(4, "news"), (5, "ggggggggggggggg")] {
        let name = name.to_owned();
        run.push(RegisterGroup { port, name });
    }
    for (port, name) in [
        (4, "news"),
        (5, "news"),
        (6, "ipcon_kevent"),
        (6, "ggggggggggggggg"),
    ] {
        let (name, replay) = (name.to_owned(), false);
        run.push(Join { port, name, replay });
    }
    run
}

fn operation(stage: Stage) -> impl Strategy<Value = Operation> {
    let directed = u32::from(stage == Stage::Directed);
    prop_oneof![
        6 => coming(stage),
        2 => going(directed),
        4 => services(),
        8 => groups(),
        14 => traffic(stage),
        directed => memory(),
    ]
}

fn coming(stage: Stage) -> impl Strategy<Value = Operation> {
    use Operation::*;
    let controlled = if stage == Stage::RealWithControls {
        0.8
    } else {
        0.3
    };
    prop_oneof![
        3 => port().prop_map(|port| Open { port }),
        3 => (port(), proptest::option::weighted(controlled, port()))
            .prop_map(|(port, control)| AddPeer { port, control }),
        1 => (port(), port()).prop_map(|(port, peer)| Attach { port, peer }),
    ]
}

fn going(directed: u32) -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        3 => port().prop_map(|port| Close { port }),
        directed => port().prop_map(|port| Shut { port }),
        directed => port().prop_map(|port| Notice { port }),
    ]
}

fn services() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        3 => (port(), service()).prop_map(|(port, name)| RegisterService { port, name }),
        1 => (port(), service()).prop_map(|(port, name)| UnregisterService { port, name }),
        1 => service().prop_map(|name| FindService { name }),
    ]
}

fn groups() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        3 => (port(), group()).prop_map(|(port, name)| RegisterGroup { port, name }),
        1 => (port(), group()).prop_map(|(port, name)| UnregisterGroup { port, name }),
        4 => (port(), group(), any::<bool>())
            .prop_map(|(port, name, replay)| Join { port, name, replay }),
        1 => (port(), group()).prop_map(|(port, name)| Leave { port, name }),
    ]
}

fn traffic(stage: Stage) -> impl Strategy<Value = Operation> {
    use Operation::*;
    let enough = if stage == Stage::Directed { 0.95 } else { 1.0 };
    let memory = move || prop::bool::weighted(enough);
    let often = if stage == Stage::RealWithControls {
        3..5
    } else {
        0..2
    };
    let port = move || prop_oneof![port(), select(&PORTS[often.clone()])];
    // Receive sockets are the first ports on a busy bus of either kind.
    let receiver = prop_oneof![self::port(), select(&PORTS[..2])];
    prop_oneof![
        3 => (port(), receiver, 8..64u32, memory())
            .prop_map(|(port, to, len, memory)| Unicast { port, to, len, memory }),
        6 => (port(), group(), 8..64u32, memory())
            .prop_map(|(port, name, len, memory)| Multicast { port, name, len, memory }),
        2 => (port(), 1..8usize).prop_map(|(port, count)| Read { port, count }),
    ]
}

fn memory() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        2 => (port(), any::<bool>()).prop_map(|(port, starved)| Starve { port, starved }),
        1 => any::<bool>().prop_map(|fail| FailKevents { fail }),
    ]
}

fn port() -> impl Strategy<Value = Port> {
    select(&PORTS[..])
}

/// Mostly good names. A service may have the name of a group.
fn service() -> impl Strategy<Value = String> {
    let long = "s".repeat(31);
    let names = vec![
        "clock".into(),
        "disk".into(),
        "news".into(),
        "ipcon_kevent".into(),
        long,
    ];
    prop_oneof![
        20 => select(names),
        1 => select(vec![String::new(), "s".repeat(32), "a\u{1}".into(), "\u{85}b".into()]),
    ]
}

fn group() -> impl Strategy<Value = String> {
    let often = "news".to_owned();
    let names = vec![often.clone(), often, "g".repeat(15), "ipcon_kevent".into()];
    prop_oneof![
        20 => select(names),
        1 => select(vec![String::new(), "g".repeat(16), "a\u{7f}".into()]),
    ]
}
