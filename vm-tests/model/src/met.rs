// SPDX-License-Identifier: MIT OR Apache-2.0

//! What came up in a run: what did not was not compared.

use std::collections::BTreeSet;

use crate::operation::{Answer, Outcome, Refusal};

/// Refusals and messages that runs brought up.
#[derive(Debug, Default)]
pub struct Met {
    pub refusals: BTreeSet<Refusal>,
    /// Unicast, multicast, kevents, replays, and those that tell of losses.
    pub messages: [usize; 5],
}

impl Met {
    /// Adds what came of one operation.
    pub fn note(&mut self, outcome: &Outcome) {
        let messages = match outcome {
            Ok(Answer::Messages(messages)) => messages,
            Ok(_) => return,
            Err(refusal) => {
                self.refusals.insert(*refusal);
                return;
            }
        };
        for message in messages {
            let from_peer = message.from != 0;
            self.messages[0] += usize::from(message.group.is_none());
            self.messages[1] += usize::from(message.group.is_some() && from_peer);
            self.messages[2] += usize::from(!from_peer);
            self.messages[3] += usize::from(message.replay);
            self.messages[4] += usize::from(message.lost > 0);
        }
    }
}
