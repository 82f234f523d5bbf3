// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random runs, done to the module and to the model that the core is compared with on the host as well: same
//! results, deliveries, lists and counts.
//!
//! The model counts the messages in a queue, the kernel their bytes. All messages of a run cost the same, which
//! is measured first, so that a limit of N messages is exactly a limit of N times that many bytes, and each list
//! is checked for a queue that holds no part of a message. What remains is that the answers to the requests of a
//! receive socket go into its queue as well. So there are two kinds of runs: in one the queues never fill, and
//! any socket asks; in the other they fill often, and only sockets ask where no messages come.

mod driver;
mod reading;

use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use ipcon_model::Model;
use ipcon_model::compare::{Subject, compare};
use ipcon_model::met::Met;
use ipcon_model::operation::{Operation, Outcome, Refusal};
use ipcon_model::strategy::{Stage, runs};
use ipcon_vm_tests::{Case, cases, place, settings};
use proptest::test_runner::{
    Config, RngAlgorithm, TestCaseError, TestCaseResult, TestRng, TestRunner,
};

use driver::Driver;

pub(crate) fn all() -> Vec<Case> {
    cases![
        the_module_does_what_the_model_does => within(600),
        the_module_does_what_the_model_does_when_queues_fill => within(600),
    ]
}

/// Longest run, in operations.
const LENGTH: usize = 120;

fn the_module_does_what_the_model_does() {
    use Refusal::*;
    let wanted = [
        BadName,
        ReservedName,
        NameTaken,
        Unknown,
        NotOwner,
        AlreadyMember,
        NotPeer,
        AlreadyPeer,
        NotInvited,
        NoSuchPeer,
    ];
    check(Stage::Real, 0..1, Wanted(&wanted, 4), |_, run| {
        let mut model = Model::new(usize::MAX);
        let mut module = Driver::new(None, cost());
        compare(&mut model, &mut module, run, has_a_port_of_its_own)
    });
}

fn the_module_does_what_the_model_does_when_queues_fill() {
    // Smaller limits than the kernel allows would be rounded up.
    let wanted = Wanted(&[Refusal::QueueFull], 5);
    check(Stage::RealWithControls, 3..8, wanted, |limit, run| {
        let mut model = Model::new(limit);
        let mut module = Driver::new(Some(limit), cost());
        compare(&mut model, &mut module, run, |model, operation| {
            let actor = operation.actor();
            let asks_amid_messages =
                operation.asks() && actor.is_some_and(|port| model.receives(port));
            has_a_port_of_its_own(model, operation) && !asks_amid_messages
        })
    });
}

/// Whether a program could do this now, and the module takes it: unlike the core, it refuses a peer that names
/// itself as its control socket.
fn has_a_port_of_its_own(model: &Model, operation: &Operation) -> bool {
    let names_itself = matches!(
        operation,
        Operation::AddPeer { port, control } if *control == Some(*port)
    );
    model.is_possible(operation) && !names_itself
}

/// Draws runs and does each on a bus of its own; a run that fails is made as short as it can be, and shown. On a stock
/// kernel it goes on until all that is wanted has come up, which takes more runs with some seeds than with others.
fn check(
    stage: Stage,
    limits: Range<usize>,
    wanted: Wanted<'_>,
    comparison: impl Fn(usize, &[Operation]) -> Result<Vec<Outcome>, TestCaseError> + Sync,
) {
    let seed = settings::seed();
    let config = Config {
        cases: if settings::kernel_is_slow() { 20 } else { 100 },
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let met = Mutex::new(Met::default());
    for round in 0..MOST_ROUNDS {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8] = round;
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config.clone(), rng);
        let strategy = (limits.clone(), runs(LENGTH, stage));
        let outcome = runner.run(&strategy, |(limit, run)| {
            let outcomes = place::elsewhere(|| comparison(limit, &run))?;
            let mut met = met.lock().unwrap();
            outcomes.iter().for_each(|outcome| met.note(outcome));
            TestCaseResult::Ok(())
        });
        if let Err(error) = outcome {
            panic!("with seed {seed} the module does not do what the model does: {error}");
        }
        // A slow kernel draws once: that all comes up is seen on the stock ones.
        if settings::kernel_is_slow() || wanted.is_met(&met.lock().unwrap()) {
            return;
        }
    }
    // What was not met was not compared.
    panic!("not all that was wanted came up: {:?}", met.lock().unwrap());
}

/// Times that runs are drawn again because something has not come up.
const MOST_ROUNDS: u8 = 30;

/// Refusals, and the first so many kinds of messages, that must come up.
struct Wanted<'a>(&'a [Refusal], usize);

impl Wanted<'_> {
    fn is_met(&self, met: &Met) -> bool {
        let refused = |refusal| met.refusals.contains(refusal);
        self.0.iter().all(refused) && !met.messages[..self.1].contains(&0)
    }
}

/// What a message costs, in bytes of its receiver's queue: the same for every kind of message of a run.
fn cost() -> u32 {
    static COST: OnceLock<u32> = OnceLock::new();
    *COST.get_or_init(|| place::elsewhere(measure))
}

fn measure() -> u32 {
    use Operation::*;
    let mut driver = Driver::new(None, 1);
    let mut last = 0;
    let mut costs = Vec::new();
    let name = || "ggggggggggggggg".to_owned();
    let kevents = || "ipcon_kevent".to_owned();
    let memory = true;
    // Peer 1 gets a message of each kind; 2 is its control socket, and 3 sends.
    let mut steps = vec![
        ("", Open { port: 1 }),
        ("", Open { port: 2 }),
        ("", Open { port: 3 }),
        (
            "",
            AddPeer {
                port: 1,
                control: Some(2),
            },
        ),
        ("", Attach { port: 2, peer: 1 }),
        (
            "",
            AddPeer {
                port: 3,
                control: None,
            },
        ),
        (
            "",
            RegisterGroup {
                port: 3,
                name: name(),
            },
        ),
    ];
    let unicast = |len| Unicast {
        port: 3,
        to: 1,
        len,
        memory,
    };
    let multicast = |len| Multicast {
        port: 3,
        name: name(),
        len,
        memory,
    };
    let join = |name, replay| Join {
        port: 2,
        name,
        replay,
    };
    let leave = |name| Leave { port: 2, name };
    let service = |name: &str| RegisterService {
        port: 3,
        name: name.repeat(31),
    };
    steps.extend([
        ("short unicast", unicast(8)),
        ("long unicast", unicast(63)),
        ("", multicast(63)),
        ("long replay", join(name(), true)),
        ("short multicast", multicast(8)),
        ("", leave(name())),
        ("short replay", join(name(), true)),
        ("replayed kevent", join(kevents(), true)),
        ("kevent", service("a")),
        ("lose", multicast(8)),
        ("long multicast after a loss", multicast(63)),
        ("lose", multicast(8)),
        ("short multicast after a loss", multicast(8)),
        ("lose", multicast(8)),
        ("kevent after a loss", service("b")),
        ("lose", multicast(8)),
        ("long unicast after a loss", unicast(63)),
        ("", leave(name())),
        ("lose", service("c")),
        ("long replay after a loss", join(name(), true)),
    ]);
    for (kind, operation) in steps {
        let room = if kind == "lose" { 0 } else { 1 << 24 };
        if last > 0 {
            driver.socket(1).force_queue_limit(room);
        }
        driver.apply(&operation).unwrap();
        if ["", "lose"].contains(&kind) {
            continue;
        }
        let bytes = driver.queue_bytes(1);
        costs.push((kind, bytes - last));
        last = bytes;
    }
    let (_, cost) = costs[0];
    assert!(
        costs.iter().all(|(_, other)| *other == cost),
        "choose messages of one cost, so that a queue can be counted in messages: {costs:?}"
    );
    cost
}
