// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it comes to, for all who judge: the same standing gets the same exit status from each program.

use super::prediction::Available;
use crate::model::Source;

/// What all sources that were asked for come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything can be seen.
    Whole,
    /// Not all of it.
    Part,
    /// Nothing of the bus, nor connections of coroipc.
    Blind,
}

impl Verdict {
    /// Judges the sources that were asked for. What the kevents and the probes tell is nothing without the dumps.
    #[must_use]
    pub fn of(sources: &[(Source, Available)]) -> Self {
        let is_seen = |&(source, available): &(Source, Available)| {
            matches!(source, Source::Dumps | Source::Channels) && available != Available::No
        };
        if sources.iter().all(|(_, how)| *how == Available::Yes) {
            Self::Whole
        } else if sources.iter().any(is_seen) {
            Self::Part
        } else {
            Self::Blind
        }
    }

    /// The exit status of a program that was asked to judge.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Part => 3,
            Self::Blind => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Available::{No, Partly, Yes};
    use super::Source::{Channels, Dumps, Probes};
    use super::*;

    #[test]
    fn what_is_missing_counts_and_what_is_there_too() {
        let cases: [(&[_], _); 7] = [
            (&[(Dumps, Yes), (Probes, Yes), (Channels, Yes)], 0),
            (&[(Dumps, Yes)], 0),
            (&[(Dumps, Yes), (Channels, Partly)], 3),
            (&[(Dumps, Yes), (Probes, No), (Channels, Yes)], 3),
            (&[(Dumps, No), (Channels, Partly)], 3),
            (&[(Dumps, No), (Channels, No)], 1),
            (&[(Dumps, No), (Probes, Yes)], 1),
        ];
        for (sources, status) in cases {
            assert_eq!(Verdict::of(sources).exit_status(), status, "{sources:?}");
        }
    }
}
