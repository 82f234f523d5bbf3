// SPDX-License-Identifier: GPL-2.0

//! Random runs. Few ports and few names, so that operations meet: ports are reused, names are
//! taken, groups have several members and queues fill.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::operation::{Operation, Port};

/// The sockets of a run.
pub const PORTS: [Port; 6] = [1, 2, 3, 4, 5, 6];

/// Runs of up to `max` operations, half of them on a bus that is busy already.
pub fn runs(max: usize) -> impl Strategy<Value = Vec<Operation>> {
    (any::<bool>(), vec(operation(), 1..max)).prop_map(|(busy, random)| {
        let mut run = if busy { busy_bus() } else { Vec::new() };
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

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => coming(),
        2 => going(),
        4 => services(),
        8 => groups(),
        14 => traffic(),
        1 => memory(),
    ]
}

fn coming() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        3 => port().prop_map(|port| Open { port }),
        3 => (port(), proptest::option::weighted(0.3, port()))
            .prop_map(|(port, control)| AddPeer { port, control }),
        1 => (port(), port()).prop_map(|(port, peer)| Attach { port, peer }),
    ]
}

fn going() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        3 => port().prop_map(|port| Close { port }),
        1 => port().prop_map(|port| Shut { port }),
        1 => port().prop_map(|port| Notice { port }),
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

fn traffic() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let memory = || prop::bool::weighted(0.95);
    let port = || prop_oneof![port(), select(&PORTS[..2])];
    prop_oneof![
        3 => (port(), port(), 8..64u32, memory())
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
