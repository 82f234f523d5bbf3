// SPDX-License-Identifier: MIT OR Apache-2.0

//! The role that sends requests of every shape, and checks each answer.

use std::collections::HashMap;

use ipcon_vm_tests::fuzz::answer::{self, Answer};
use ipcon_vm_tests::fuzz::judge::{Judged, Law, Verdict};
use ipcon_vm_tests::fuzz::{Cast, Generator, Step};
use ipcon_vm_tests::netlink::{Raw, Switch};
use ipcon_vm_tests::process::{Role, hear, say};
use rustix::io::Errno;

use super::neighbour;
use crate::speaker::Speaker;
use crate::uapi;

pub(super) const ROLES: [Role; 1] = [("fuzzer", run)];

const SLOTS: u32 = 8;

/// What a malformed request may be refused with.
const MALFORMED: &[i32] = &[
    libc::EINVAL,
    libc::ERANGE,
    libc::EOPNOTSUPP,
    libc::ENOENT,
    libc::EMSGSIZE,
];
/// What the bus may answer to a request that is well-formed. EINVAL is for a reserved name and for a ctl-port that is
/// the socket's own.
const REFUSED: &[i32] = &[
    libc::EINVAL,
    libc::EEXIST,
    libc::ENOENT,
    libc::EPERM,
    libc::EALREADY,
    libc::ENOTCONN,
    libc::EISCONN,
    libc::ECONNREFUSED,
    libc::EAGAIN,
    libc::EDQUOT,
];

fn run() {
    let order = hear().unwrap();
    let numbers: Vec<u64> = order.split(' ').map(|n| n.parse().unwrap()).collect();
    let [number, seed, one, two] = numbers[..] else {
        panic!("{order}")
    };
    let mut fuzzer = Fuzzer::new(number as u32, seed, [one as u32, two as u32]);
    while let Some(order) = hear() {
        let (kind, count) = order.split_once(' ').unwrap();
        let count = count.parse().unwrap();
        let sent = match kind {
            "anything" => fuzzer.anything(count),
            _ => fuzzer.malformed(count),
        };
        match sent {
            Ok(sent) => say(&format!("sent {sent}")),
            Err(what) => return say(&format!("fuzzer {number} of seed {seed}: {what}")),
        }
    }
}

struct Fuzzer {
    law: Law,
    generator: Generator,
    slots: Vec<Raw>,
    buffer: Vec<u8>,
}

impl Fuzzer {
    fn new(number: u32, seed: u64, neighbours: [u32; 2]) -> Self {
        let family = Speaker::open().family();
        // Ports of our choice, so that the same seed sends the same bytes.
        let ports: Vec<u32> = (1..=SLOTS).map(|slot| number << 8 | slot).collect();
        let other = (number ^ 1) << 8;
        let mut strangers = vec![0, 0xdead_beef, other | 1, other | 2, other | 3];
        strangers.extend(neighbours);
        let names = ["a", "b", "shared", "fifteen bytes..", uapi::KEVENT_GROUP];
        let mut names: Vec<Vec<u8>> = names.map(|name| name.as_bytes().to_vec()).into();
        names.extend([neighbour::SERVICE, neighbour::GROUP].map(|name| name.as_bytes().to_vec()));
        names.push(format!("own {number}").into_bytes());
        let max_msg_len = uapi::MAX_MSG_LEN_LIMIT;
        Self {
            law: Law {
                family,
                max_msg_len,
            },
            slots: ports.iter().map(|port| open(*port)).collect(),
            generator: Generator::new(
                seed,
                Cast {
                    family,
                    max_msg_len,
                    slots: ports,
                    strangers,
                    names,
                },
            ),
            buffer: vec![0; 1 << 18],
        }
    }

    /// Sends at least this many messages, whatever they are, and gives their number.
    fn anything(&mut self, count: u64) -> Result<u64, String> {
        let mut sent = 0;
        while sent < count {
            match self.generator.step() {
                Step::Reopen { slot } => self.reopen(slot),
                Step::Send { slot, datagram } => sent += self.send(slot, &datagram)?,
            }
        }
        Ok(sent)
    }

    /// Reads what is queued, and sends messages of which each must be refused.
    fn malformed(&mut self, count: u64) -> Result<u64, String> {
        for raw in &self.slots {
            drain(raw, self.law.family, &mut self.buffer)?;
        }
        let mut sent = 0;
        while sent < count {
            let (message, _) = self.generator.message();
            let judged = self.law.judge(&message);
            let refused = |judged: &Judged<'_>| matches!(judged.verdict, Verdict::Refused { .. });
            if !judged.is_empty() && judged.iter().all(refused) {
                let slot = sent as usize % self.slots.len();
                sent += self.send(slot, &message)?;
            }
        }
        Ok(sent)
    }

    /// The port goes to the next socket before the kernel has more than noticed that the first one is gone.
    fn reopen(&mut self, slot: usize) {
        let port = self.slots[slot].port();
        // The old socket is closed before there can be another one at its port.
        self.slots[slot] = Raw::open();
        self.slots[slot] = open(port);
    }

    fn send(&mut self, slot: usize, datagram: &[u8]) -> Result<u64, String> {
        let context = |what: String| {
            format!(
                "{what}, from port {} with {}",
                self.slots[slot].port(),
                hex(datagram)
            )
        };
        self.slots[slot]
            .send(datagram)
            .map_err(|error| context(format!("send: {error}")))?;
        let judged = self.law.judge(datagram);
        for socket in 0..self.slots.len() {
            let raw = &self.slots[socket];
            let (answers, lost) =
                drain(raw, self.law.family, &mut self.buffer).map_err(&context)?;
            let answers = answers.into_iter().filter(|a| *a != Answer::Message);
            let answers = answers.collect::<Vec<_>>();
            if lost {
                continue;
            }
            if socket == slot {
                check(&judged, answers).map_err(&context)?;
            } else if let Some(stray) = answers.first() {
                return Err(context(format!("{stray:?} at port {}", raw.port())));
            }
        }
        Ok(judged.len() as u64)
    }
}

fn open(port: u32) -> Raw {
    let socket = Raw::at(port).unwrap();
    socket.switch_on(Switch::Words).unwrap();
    if port.is_multiple_of(2) {
        socket.switch_on(Switch::ShortErrors).unwrap();
    }
    socket
}

/// All that is queued, and whether something was lost for want of room.
fn drain(raw: &Raw, family: u16, buffer: &mut [u8]) -> Result<(Vec<Answer>, bool), String> {
    let (mut answers, mut lost) = (Vec::new(), false);
    loop {
        match raw.receive(buffer) {
            Ok(None) => return Ok((answers, lost)),
            Ok(Some((datagram, 0))) => answers.extend(
                answer::read(family, datagram)
                    .map_err(|what| format!("{what}: received {}", hex(datagram)))?,
            ),
            Ok(Some((_, from))) => return Err(format!("a datagram from port {from}")),
            Err(Errno::NOBUFS) => lost = true,
            Err(error) => return Err(format!("receive: {error}")),
        }
    }
}

/// Checks that each message got the answers that it must get, and that there are no others.
fn check(judged: &[Judged<'_>], answers: Vec<Answer>) -> Result<(), String> {
    let mut by_sequence: HashMap<u32, Vec<Answer>> = HashMap::new();
    for answer in answers {
        by_sequence
            .entry(sequence(&answer))
            .or_default()
            .push(answer);
    }
    let mut askers: HashMap<u32, usize> = HashMap::new();
    for message in judged {
        *askers.entry(message.sequence()).or_default() += 1;
    }
    for message in judged {
        let sequence = message.sequence();
        let answers = by_sequence.remove(&sequence).unwrap_or_default();
        // A length that is too short makes the kernel read a message inside another one, with any number.
        if askers[&sequence] == 1 {
            judge_answers(message, &answers).map_err(|what| {
                let name = message.operation.map_or("nothing", |op| op.name);
                let verdict = message.verdict;
                format!("{what} to {name}, number {sequence}, which is {verdict:?}: {answers:?}")
            })?;
        }
    }
    match by_sequence.into_values().next() {
        Some(stray) => Err(format!("answers to nobody: {stray:?}")),
        None => Ok(()),
    }
}

fn sequence(answer: &Answer) -> u32 {
    match answer {
        Answer::Message => 0,
        Answer::Data { sequence, .. }
        | Answer::Done { sequence }
        | Answer::Error { sequence, .. } => *sequence,
    }
}

fn judge_answers(message: &Judged<'_>, answers: &[Answer]) -> Result<(), String> {
    for answer in answers {
        if let Answer::Error { request, .. } = answer {
            expect_repeated(message.bytes, request)?;
        }
    }
    match (message.verdict, answers) {
        (Verdict::Foreign, _) | (Verdict::Silent, []) => Ok(()),
        (Verdict::Acknowledged, [Answer::Error { errno: 0, .. }]) => Ok(()),
        (Verdict::Refused { in_words }, [Answer::Error { errno, text, .. }]) => {
            // Whether the list before it has ended is looked at first.
            let busy = message.dump && *errno == libc::EBUSY;
            let worded = !in_words || text.as_deref().is_some_and(|text| !text.is_empty());
            if busy || (MALFORMED.contains(errno) && worded) {
                Ok(())
            } else {
                Err("the wrong refusal".to_owned())
            }
        }
        (Verdict::Open, [Answer::Error { errno, text, .. }]) if *errno != 0 => {
            let expected = if message.dump {
                *errno == libc::EBUSY
            } else {
                REFUSED.contains(errno) && text.as_deref().is_some_and(|text| !text.is_empty())
            };
            expected.then_some(()).ok_or("the wrong refusal".to_owned())
        }
        (Verdict::Open, [rows @ .., Answer::Done { .. }]) if message.dump => {
            of_one_kind(message, rows)
        }
        (Verdict::Open, _) if !message.dump => {
            let (acks, data): (Vec<_>, Vec<_>) = answers
                .iter()
                .cloned()
                .partition(|answer| matches!(answer, Answer::Error { .. }));
            let name = message.operation.map_or("", |op| op.name);
            let replies = usize::from(name.ends_with("-get") || name == "peer-new");
            if acks.len() != usize::from(message.wants_ack()) || data.len() != replies {
                return Err("the wrong number of answers".to_owned());
            }
            of_one_kind(message, &data)
        }
        _ => Err("the wrong answers".to_owned()),
    }
}

/// Replies are to the command that was asked.
fn of_one_kind(message: &Judged<'_>, rows: &[Answer]) -> Result<(), String> {
    let asked = message.operation.map(|op| op.command);
    let matches =
        |row: &Answer| matches!(row, Answer::Data { command, .. } if Some(*command) == asked);
    rows.iter()
        .all(matches)
        .then_some(())
        .ok_or("a reply to something else".to_owned())
}

/// What a refusal repeats is what was sent, and zeroes up to the next multiple of four.
fn expect_repeated(sent: &[u8], repeated: &[u8]) -> Result<(), String> {
    let same = sent.len().min(repeated.len());
    let (start, rest) = repeated.split_at(same);
    if start == &sent[..same] && rest.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(format!("a refusal that repeats {}", hex(repeated)))
    }
}

/// The start of some bytes, to be read by people.
fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes
        .iter()
        .take(2_000)
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("{} bytes {shown}", bytes.len())
}
