// SPDX-License-Identifier: MIT OR Apache-2.0

//! Draws requests. The same seed and cast give the same steps.

use fastrand::Rng;

use super::bytes::align;
use super::cast::Cast;
use super::mutation::{Attribute, Draft, Mutation};
use super::table::OPERATIONS;
use super::wire::{ACK, DUMP, ECHO, Field, Kind, Operation, REQUEST};

/// Bytes after which a datagram takes no further message: its refusals, which may repeat it, must fit a receive queue.
const DATAGRAM: usize = 60_000;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this datagram from the socket of a slot.
    Send {
        /// The slot.
        slot: usize,
        /// One message or several.
        datagram: Vec<u8>,
    },
    /// Close the socket of a slot and open it again with the same port.
    Reopen {
        /// The slot.
        slot: usize,
    },
}

/// Draws steps from a seed.
#[derive(Debug)]
pub struct Generator {
    rng: Rng,
    cast: Cast,
    sequence: u32,
}

impl Generator {
    /// A generator that draws from this seed.
    pub fn new(seed: u64, cast: Cast) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            cast,
            sequence: 0,
        }
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        let slot = self.rng.usize(..self.cast.slots.len());
        if self.rng.u8(..16) == 0 {
            return Step::Reopen { slot };
        }
        let mut datagram = Vec::new();
        for _ in 0..self.rng.usize(1..=48) {
            let (bytes, _) = self.message();
            datagram.resize(align(datagram.len()), 0);
            datagram.extend(bytes);
            if datagram.len() > DATAGRAM {
                break;
            }
        }
        // The kernel has nothing to say to no bytes at all.
        if datagram.is_empty() {
            datagram.push(0);
        }
        Step::Send { slot, datagram }
    }

    /// One message, and how it was spoiled.
    pub fn message(&mut self) -> (Vec<u8>, Vec<Mutation>) {
        let mut draft = self.draft();
        let count = [0, 0, 0, 1, 1, 1, 1, 2][self.rng.usize(..8)];
        let mut mutations = Vec::new();
        for _ in 0..count {
            let mutation = Mutation::ALL[self.rng.usize(..Mutation::ALL.len())];
            // What makes large messages or ends a datagram early is drawn less often: it costs many others.
            let costly = matches!(
                mutation,
                Mutation::DataAroundLimit | Mutation::CutShort | Mutation::LengthOfAnotherMessage
            );
            if costly && self.rng.u8(..4) != 0 {
                continue;
            }
            draft.apply(mutation, &mut self.rng, self.cast.max_msg_len);
            mutations.push(mutation);
        }
        (draft.encode(), mutations)
    }

    /// A request that fits the definition of the wire.
    fn draft(&mut self) -> Draft {
        let operation = &OPERATIONS[self.rng.usize(..OPERATIONS.len())];
        self.sequence += 1;
        let dump = match (operation.single, operation.dump) {
            (Some(_), Some(_)) => self.rng.u8(..6) == 0,
            (single, _) => single.is_none(),
        };
        let fields = if dump {
            operation.dump
        } else {
            operation.single
        };
        let mut attributes = Vec::new();
        for field in fields.unwrap_or_default() {
            if self.is_wanted(field) {
                attributes.push(self.attribute(operation, field));
            }
        }
        let mut flags = REQUEST;
        if dump {
            flags |= DUMP;
        }
        flags |= [0, ACK, ACK, ACK | ECHO][self.rng.usize(..4)];
        Draft {
            family: self.cast.family,
            flags,
            sequence: self.sequence,
            command: operation.command,
            version: 1,
            reserved: 0,
            attributes,
            trailing: Vec::new(),
            cut: None,
            off_by: 0,
        }
    }

    /// What a request can do without is there every other time.
    fn is_wanted(&mut self, field: &Field) -> bool {
        let optional = matches!(field.kind, Kind::Flag) || field.name == "ctl-port";
        !optional || self.rng.bool()
    }

    fn attribute(&mut self, operation: &Operation, field: &Field) -> Attribute {
        let rng = &mut self.rng;
        let payload = match field.kind {
            Kind::Number(4) => {
                // Ours most often: who attaches to a stranger is refused at once.
                let ours = operation.name.starts_with("peer") || rng.u8(..4) != 0;
                let ports = if ours {
                    &self.cast.slots
                } else {
                    &self.cast.strangers
                };
                rng.choice(ports)
                    .copied()
                    .unwrap_or(1)
                    .to_ne_bytes()
                    .to_vec()
            }
            Kind::Number(len) => vec![rng.u8(..); len],
            Kind::Text => {
                let name = rng.choice(&self.cast.names).cloned().unwrap_or_default();
                let max = field.max_len.unwrap_or(name.len()).min(name.len());
                [&name[..max], b"\0"].concat()
            }
            Kind::Bytes => {
                let len = [1, 2, 3, 4, 5, 17, 64, 300, 1500][rng.usize(..9)];
                vec![rng.u8(..); len]
            }
            Kind::Nest(_) | Kind::Flag | Kind::Pad => Vec::new(),
        };
        Attribute {
            kind: field.number,
            payload,
            claimed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::judge::{Judged, Law, Verdict};
    use super::*;

    const FAMILY: u16 = 30;

    fn cast() -> Cast {
        Cast {
            family: FAMILY,
            max_msg_len: 65_000,
            slots: (1..9).collect(),
            strangers: vec![0, 77, 78],
            names: vec![b"one".to_vec(), b"ipcon_kevent".to_vec(), b"two".to_vec()],
        }
    }

    fn law() -> Law {
        Law {
            family: FAMILY,
            max_msg_len: 65_000,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_steps_and_another_seed_others() {
        let steps = |seed| {
            let mut generator = Generator::new(seed, cast());
            (0..200).map(|_| generator.step()).collect::<Vec<_>>()
        };
        assert_eq!(steps(7), steps(7));
        assert_ne!(steps(7), steps(8));
    }

    #[test]
    fn each_command_attribute_and_mutation_appears_and_is_both_taken_and_refused() {
        let mut generator = Generator::new(1, cast());
        let (mut open, mut refused, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut attributes = BTreeSet::new();
        for _ in 0..100_000 {
            let (bytes, mutations) = generator.message();
            seen.extend(mutations);
            let Some(judged) = law().judge(&bytes).first().copied() else {
                continue;
            };
            let Judged {
                operation: Some(operation),
                dump,
                ..
            } = judged
            else {
                continue;
            };
            match judged.verdict {
                Verdict::Open => {
                    open.insert((operation.name, dump));
                    let (found, _) = super::super::bytes::attributes(&bytes[20..]);
                    attributes.extend(found.iter().map(|a| (operation.name, dump, a.number)));
                }
                Verdict::Refused { .. } => drop(refused.insert((operation.name, dump))),
                Verdict::Silent | Verdict::Acknowledged | Verdict::Foreign => {}
            }
        }
        assert_eq!(seen, Mutation::ALL.into_iter().collect());
        for operation in OPERATIONS {
            for (dump, fields) in [(false, operation.single), (true, operation.dump)] {
                let Some(fields) = fields else { continue };
                let key = (operation.name, dump);
                assert!(open.contains(&key), "{key:?} is never well-formed");
                assert!(refused.contains(&key), "{key:?} is never malformed");
                for field in fields {
                    let key = (operation.name, dump, field.number);
                    assert!(attributes.contains(&key), "{key:?} is never there");
                }
            }
        }
    }

    #[test]
    fn what_was_not_spoiled_is_well_formed() {
        let mut generator = Generator::new(3, cast());
        for _ in 0..10_000 {
            let draft = generator.draft();
            let bytes = draft.encode();
            let judged = law().judge(&bytes);
            assert_eq!(judged.len(), 1);
            // The event is an operation that nobody can ask for.
            let event = judged[0]
                .operation
                .is_some_and(|op| op.single.is_none() && op.dump.is_none());
            let kernel_port = draft.attributes.iter().any(|a| a.payload == [0; 4]);
            if !event && !kernel_port {
                assert_eq!(judged[0].verdict, Verdict::Open, "{draft:?}");
            }
        }
    }
}
