// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a run in the VM ended, and what a script gets to know about it.

use super::deadline::Missed;
use crate::channel::End;

/// Exit status when the kernel's log has a report of trouble although the command succeeded.
pub(crate) const STATUS_SPLAT: i32 = 3;
/// Exit status when something around the command is broken: no boot, no module, no program.
pub(crate) const STATUS_INFRASTRUCTURE: i32 = 69;
/// Exit status when a deadline passed.
pub(crate) const STATUS_DEADLINE: i32 = 124;
/// Exit status when the VM died under the command.
pub(crate) const STATUS_CRASH: i32 = 125;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command ran to its end.
    Ended(End),
    /// The guest could not run it, for this reason.
    NotRun(String),
    /// The VM ended before it was up; with how its process ended.
    NoBoot(String),
    /// The VM ended while the command ran: a panic, most likely.
    Crashed,
    /// It took too long.
    Deadline(Missed),
}

impl Outcome {
    /// The exit status that tells it.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::Ended(end) => end.shell_status(),
            Self::NotRun(_) | Self::NoBoot(_) => STATUS_INFRASTRUCTURE,
            Self::Crashed => STATUS_CRASH,
            Self::Deadline(Missed::Boot(_) | Missed::Silence(_)) => STATUS_INFRASTRUCTURE,
            Self::Deadline(Missed::Command(_) | Missed::Shutdown(_)) => STATUS_DEADLINE,
        }
    }

    /// Whether the guest came up, so that it has a kernel log.
    pub(crate) fn is_after_boot(&self) -> bool {
        !matches!(
            self,
            Self::NoBoot(_) | Self::Deadline(Missed::Boot(_) | Missed::Silence(_))
        )
    }

    /// What went wrong, for a person; none when the command ran to its end.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Ended(_) => None,
            Self::NotRun(reason) => Some(reason.clone()),
            Self::NoBoot(how) => Some(format!(
                "the VM did not boot: its process {how} before the guest was up"
            )),
            Self::Crashed => {
                Some("the VM ended while the command was running (a kernel panic?)".to_owned())
            }
            Self::Deadline(missed) => Some(match missed {
                Missed::Boot(limit) => format!("the VM was not up within {} s", limit.as_secs()),
                Missed::Silence(limit) => {
                    format!(
                        "the VM's console was silent for {} s during the boot",
                        limit.as_secs()
                    )
                }
                Missed::Command(limit) => {
                    format!("the command did not end within {} s", limit.as_secs())
                }
                Missed::Shutdown(limit) => {
                    format!("the VM did not power off within {} s", limit.as_secs())
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn statuses_tell_a_failed_command_from_a_broken_vm() {
        let limit = Duration::from_secs(9);
        assert_eq!(Outcome::Ended(End::Status(7)).status(), 7);
        assert_eq!(Outcome::Ended(End::Signal(9)).status(), 137);
        assert_eq!(
            Outcome::NotRun(String::new()).status(),
            STATUS_INFRASTRUCTURE
        );
        assert_eq!(
            Outcome::NoBoot(String::new()).status(),
            STATUS_INFRASTRUCTURE
        );
        assert_eq!(Outcome::Crashed.status(), STATUS_CRASH);
        assert_eq!(
            Outcome::Deadline(Missed::Silence(limit)).status(),
            STATUS_INFRASTRUCTURE
        );
        assert_eq!(
            Outcome::Deadline(Missed::Command(limit)).status(),
            STATUS_DEADLINE
        );
    }

    #[test]
    fn only_a_finished_command_has_no_complaint() {
        assert_eq!(Outcome::Ended(End::Status(1)).complaint(), None);
        let missed = Outcome::Deadline(Missed::Command(Duration::from_secs(9)));
        assert!(missed.complaint().is_some_and(|text| text.contains("9 s")));
    }
}
