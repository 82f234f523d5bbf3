// SPDX-License-Identifier: MIT OR Apache-2.0
//! What fails once an interval is told once, and not each time.

use ipcon_observe::Snapshot;

/// Tells on standard error what fails, as long as it fails in the same way only the first time.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    /// What was told last, and holds.
    told: Option<String>,
}

impl Complaint {
    /// Says `what` was not done and why. Failures with the same `cause` are one.
    pub(crate) fn tell(&mut self, what: &str, cause: &str, error: &anyhow::Error) {
        if self.is_new(cause) {
            eprintln!("ipcon-top: {what}: {error:#}");
        }
    }

    /// Says that the bus is not in a snapshot and why, or that all is well.
    pub(crate) fn look(&mut self, snapshot: &Snapshot) {
        let Some(reason) = snapshot.bus_absence() else {
            return self.settle();
        };
        let error = anyhow::anyhow!("{reason}");
        self.tell("nothing is known of the bus", reason, &error);
    }

    fn is_new(&mut self, cause: &str) -> bool {
        let new = self.told.as_deref() != Some(cause);
        if new {
            self.told = Some(cause.to_owned());
        }
        new
    }

    /// All is well again: what fails next is told, even if it is the same.
    pub(crate) fn settle(&mut self) {
        self.told = None;
    }
}

#[cfg(test)]
mod tests {
    use ipcon_observe::model::Bus;

    use super::*;

    #[test]
    fn the_same_failure_is_told_once_until_all_was_well_between() {
        let mut complaint = Complaint::default();
        assert!(complaint.is_new("no module"));
        assert!(!complaint.is_new("no module"));
        assert!(complaint.is_new("no memory"));
        assert!(complaint.is_new("no module"));
        complaint.settle();
        assert!(complaint.is_new("no module"));
    }

    #[test]
    fn a_bus_that_is_not_there_is_told_until_it_is() {
        let mut complaint = Complaint::default();
        complaint.look(&Snapshot::default());
        assert_eq!(complaint.told.as_deref(), Some("the bus was not read"));
        complaint.look(&Snapshot {
            bus: Some(Bus::default()),
            ..Snapshot::default()
        });
        assert_eq!(complaint.told, None);
    }
}
