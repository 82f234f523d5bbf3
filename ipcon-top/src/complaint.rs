// SPDX-License-Identifier: MIT OR Apache-2.0
//! What fails once an interval is told once, and not each time.

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
}
