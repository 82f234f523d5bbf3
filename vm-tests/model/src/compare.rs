// SPDX-License-Identifier: MIT OR Apache-2.0

//! Doing a run to the model and to a bus, and finding where they differ.

use proptest::prelude::*;

use crate::Model;
use crate::operation::{Operation, Outcome};
use crate::snapshot::Snapshot;
use crate::strategy::PORTS;

/// A bus that operations are done to.
pub trait Subject {
    /// Does what the operation says, and says what came of it in the model's words.
    fn apply(&mut self, operation: &Operation) -> Outcome;

    /// Everything that an observer is told.
    fn snapshot(&mut self) -> Snapshot;

    /// A number that changes with each object and membership that comes or goes.
    fn generation(&mut self) -> u64;
}

/// Does a run to both, then reads what is left in the queues, and gives what came of each operation. Leaves
/// out what `is_possible` says no to.
///
/// # Errors
///
/// The first operation of which something else came, or after which something else is listed or counted.
pub fn compare(
    model: &mut Model,
    subject: &mut impl Subject,
    run: &[Operation],
    is_possible: impl Fn(&Model, &Operation) -> bool,
) -> Result<Vec<Outcome>, TestCaseError> {
    let drain = PORTS.map(|port| Operation::Read {
        port,
        count: usize::MAX,
    });
    let mut outcomes = Vec::new();
    for (step, operation) in run.iter().chain(&drain).enumerate() {
        if !is_possible(model, operation) {
            continue;
        }
        let (before, generation) = (model.snapshot(), subject.generation());
        let expected = model.apply(operation);
        let found = subject.apply(operation);
        prop_assert_eq!(&found, &expected, "step {}: {:?}", step, operation);
        let (listed, after) = (subject.snapshot(), model.snapshot());
        prop_assert_eq!(&listed, &after, "after step {}: {:?}", step, operation);
        prop_assert_eq!(
            subject.generation() != generation,
            before.objects() != after.objects(),
            "step {}: {:?}",
            step,
            operation
        );
        prop_assert_eq!(after.totals.accounted_unicast(), after.totals.sent_unicast);
        outcomes.push(expected);
    }
    Ok(outcomes)
}
