// SPDX-License-Identifier: MIT OR Apache-2.0

//! What each kind of party does until its stage is over. Each is one thread with one peer, which it gives back, so
//! that what is still queued can be received and counted.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use libipcon::{Origin, Port, Replay};

use crate::cast::{self, Answer, Asker, Channel, Listener};
use crate::party::{Party, Sent};
use crate::stage::{Pace, Stage, Stages};

/// How long a party sits in a receive before it looks at the stage again.
const GLANCE: Duration = Duration::from_millis(100);

/// How long an answer may take before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers requests until nobody asks any more and none is left.
pub(crate) fn answer(party: Party, answer: Answer, stages: &Stages) -> anyhow::Result<Party> {
    loop {
        // Asked before the queue is looked at: what came in until then is found there.
        let last_look = stages.is_past(Stage::Answering);
        let request = match last_look {
            true => party.try_receive()?,
            false => party.receive(Instant::now() + GLANCE)?,
        };
        match request {
            Some(request) => {
                let Origin::Peer(client) = request.origin else {
                    continue;
                };
                match answer {
                    Answer::Echo => party.send(client, &request.data)?,
                    Answer::Bytes(len) => party.send(client, &vec![b'a'; len])?,
                };
            }
            None if last_look => return Ok(party),
            None => {}
        }
    }
}

/// Asks a service again and again.
pub(crate) fn ask(
    party: Party,
    asker: &Asker,
    rate: f64,
    stages: &Stages,
) -> anyhow::Result<Party> {
    let service = find(&party, asker.service)?;
    let mut pace = Pace::per_second(asker.rate * rate);
    for size in asker.sizes.iter().cycle() {
        if !pace.beat(stages, Stage::Running) {
            break;
        }
        if party.send(service, &vec![b'q'; *size])? == Sent::Accepted {
            await_answer(&party, service)?;
        }
    }
    Ok(party)
}

/// Publishes to a group again and again.
pub(crate) fn publish(
    party: Party,
    channel: &Channel,
    rate: f64,
    stages: &Stages,
) -> anyhow::Result<Party> {
    let mut data = vec![b'p'; channel.size];
    let mut pace = Pace::per_second(channel.rate * rate);
    for number in 0_u64.. {
        if !pace.beat(stages, Stage::Running) {
            break;
        }
        data[..8].copy_from_slice(&number.to_ne_bytes());
        party.multicast(channel.group, &data)?;
    }
    Ok(party)
}

/// Reads what its group brings.
pub(crate) fn listen(party: Party, listener: &Listener, stages: &Stages) -> anyhow::Result<Party> {
    match listener.rate {
        Some(rate) => read_slowly(party, rate, stages),
        None => {
            while !stages.is_past(Stage::Listening) {
                party.receive(Instant::now() + GLANCE)?;
            }
            Ok(party)
        }
    }
}

/// Reads one message at a time, with a pause after each.
pub(crate) fn read_slowly(party: Party, rate: f64, stages: &Stages) -> anyhow::Result<Party> {
    let mut pace = Pace::per_second(rate);
    while pace.beat(stages, Stage::Listening) {
        party.try_receive()?;
    }
    Ok(party)
}

/// Writes letters to a service that cannot keep up.
pub(crate) fn write_letters(party: Party, rate: f64, stages: &Stages) -> anyhow::Result<Party> {
    let archive = find(&party, cast::ARCHIVE)?;
    let letter = vec![b'l'; cast::LETTER_SIZE];
    let mut pace = Pace::per_second(cast::LETTERS * rate);
    while pace.beat(stages, Stage::Running) {
        party.send(archive, &letter)?;
    }
    Ok(party)
}

/// Writes down what comes and goes.
pub(crate) fn observe(party: Party, stages: &Stages) -> anyhow::Result<Party> {
    let mut newest = None;
    while !stages.is_past(Stage::Listening) {
        let Some(message) = party.receive(Instant::now() + GLANCE)? else {
            continue;
        };
        let Some(kevent) = message.kevent() else {
            continue;
        };
        let sequence = kevent.context("reading a kevent")?.sequence;
        if let Some(before) = newest
            && sequence != before + 1 + u64::from(message.lost)
        {
            bail!(
                "kevent {sequence} came after {before}, with {} told as lost",
                message.lost
            );
        }
        newest = Some(sequence);
    }
    Ok(party)
}

/// One visit: names itself, makes a group, asks, listens, and leaves with all of it still there. Gives the party back
/// when the end came first.
pub(crate) fn visit(party: Party, number: u64, stages: &Stages) -> anyhow::Result<Option<Party>> {
    let name = format!("visitor-{number}");
    let peer = &party.peer;
    peer.register_service(&name)
        .context("a visitor names itself")?;
    peer.register_group(&name)
        .context("a visitor makes a group")?;
    peer.join_group(cast::STATUS, Replay::Last)
        .context("a visitor listens")?;
    party.multicast(&name, b"nobody hears this")?;
    let clock = find(&party, cast::CLOCK)?;
    for _ in 0..cast::QUESTIONS {
        if stages.is_past(Stage::Running) {
            return Ok(Some(party));
        }
        if party.send(clock, &number.to_ne_bytes())? == Sent::Accepted {
            await_answer(&party, clock)?;
        }
    }
    // After this nothing comes any more, so that nothing is left unread when the visitor goes.
    peer.leave_group(cast::STATUS)
        .context("a visitor stops listening")?;
    party.drain()?;
    Ok(None)
}

/// Where a service is, which must be there.
pub(crate) fn find(party: &Party, service: &str) -> anyhow::Result<Port> {
    party
        .peer
        .find_service(service)
        .with_context(|| format!("{} looks for its service", party.name))
}

/// Receives until the answer is there; group messages may come before it.
fn await_answer(party: &Party, from: Port) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(message) = party.receive(deadline)? {
        if message.origin == Origin::Peer(from) {
            return Ok(());
        }
    }
    bail!(
        "{} got no answer from port {from} within {} s",
        party.name,
        PATIENCE.as_secs()
    )
}
