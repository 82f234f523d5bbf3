// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages and requests that did not go as they should, in words.

use ipcon_observe::Snapshot;
use ipcon_observe::model::{Exception, ExceptionKind, KERNEL};

use super::{Happened, Store};
use crate::fielded::holds;
use crate::format;

/// Exceptions of one snapshot that are shown one by one. More would push all else out of the log.
const SHOWN: usize = 20;

/// An exception with the names that were known when it was told of.
#[derive(Debug, Clone, PartialEq)]
pub struct Mishap {
    /// What happened.
    pub exception: Exception,
    /// The same in words. Safe to print.
    pub text: String,
}

impl Mishap {
    pub(super) fn matches(&self, needle: &str) -> bool {
        holds(&self.text, needle) || self.exception.what.key().contains(needle)
    }
}

impl Store {
    pub(super) fn log_exceptions(&mut self, before: &Snapshot, now: &Snapshot) {
        let hidden = now.exceptions.len().saturating_sub(SHOWN);
        let unreported = |snapshot: &Snapshot| {
            let probes = snapshot.probes.as_ref();
            probes.map_or(0, |probes| probes.unreported_exceptions)
        };
        let unreported = unreported(now).saturating_sub(unreported(before));
        let exceptions = unreported.saturating_add(hidden as u64);
        if exceptions > 0 {
            let noticed = now.taken_at;
            self.push_log(Happened::More {
                exceptions,
                noticed,
            });
        }
        for exception in &now.exceptions[hidden..] {
            let text = self.words(&exception.what);
            self.push_log(Happened::Exception(Mishap {
                exception: exception.clone(),
                text,
            }));
        }
    }

    fn words(&self, what: &ExceptionKind) -> String {
        match what {
            ExceptionKind::Refused {
                from_id,
                to_id,
                bytes,
                reason,
            } => {
                let (from, to) = (
                    self.peer_label(*from_id, None),
                    self.peer_label(*to_id, None),
                );
                let bytes = format::bytes((*bytes).into());
                format!("{from} to {to}: {bytes}, {}", spaced(reason))
            }
            ExceptionKind::Dropped {
                from_id,
                to_id,
                group_id,
                bytes,
                reason,
            } => {
                let group = self.current.group(*group_id);
                let group = group.map_or_else(|| group_id.to_string(), |it| it.name.to_string());
                let from = match from_id {
                    0 => KERNEL.to_owned(),
                    id => self.peer_label(*id, None),
                };
                let to = self.peer_label(*to_id, None);
                let bytes = format::bytes((*bytes).into());
                format!("{from} to {to} by {group}: {bytes}, {}", spaced(reason))
            }
            ExceptionKind::Failed {
                peer_id,
                command,
                errno,
            } => format!(
                "{}: {} {errno}",
                self.peer_label(*peer_id, None),
                spaced(command)
            ),
            ExceptionKind::Slow { peer_id, waited } => format!(
                "{} left a message unread for {}",
                self.peer_label(*peer_id, None),
                format::duration(*waited)
            ),
        }
    }
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}
