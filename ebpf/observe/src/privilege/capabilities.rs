// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of capabilities, by the names that people know.

use std::fmt;

use rustix::thread::CapabilitySet;
use serde::{Serialize, Serializer};

/// A set of capabilities. As text it names them: `CAP_BPF and CAP_PERFMON`; as JSON it is the list of the names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(pub(super) CapabilitySet);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(CapabilitySet::empty());
    /// What attaching the probes takes: `CAP_BPF` to make maps and load programs, `CAP_PERFMON` to load those that trace.
    pub const PROBES: Self = Self(CapabilitySet::BPF.union(CapabilitySet::PERFMON));
    /// What looking at the descriptors of other users' processes takes: `CAP_DAC_READ_SEARCH` to list them and
    /// `CAP_SYS_PTRACE` to see what they are.
    pub const CHANNELS: Self =
        Self(CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH));

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of these are in it.
    #[must_use]
    pub fn contains(self, others: Self) -> bool {
        self.0.contains(others.0)
    }

    /// Those that are in either.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0.union(others.0))
    }

    /// Those that are in both.
    #[must_use]
    pub fn among(self, others: Self) -> Self {
        Self(self.0.intersection(others.0))
    }

    /// Those that are not in `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0.difference(others.0))
    }

    /// What of [`Self::PROBES`] one with these lacks. `CAP_SYS_ADMIN` stands for both.
    #[must_use]
    pub fn lacking_for_probes(self) -> Self {
        if self.0.contains(CapabilitySet::SYS_ADMIN) {
            return Self::NONE;
        }
        Self::PROBES.without(self)
    }

    /// What of [`Self::CHANNELS`] one with these lacks. `CAP_DAC_OVERRIDE` stands for `CAP_DAC_READ_SEARCH`.
    #[must_use]
    pub fn lacking_for_channels(self) -> Self {
        let mut lacking = Self::CHANNELS.0.difference(self.0);
        if self.0.contains(CapabilitySet::DAC_OVERRIDE) {
            lacking.remove(CapabilitySet::DAC_READ_SEARCH);
        }
        Self(lacking)
    }

    /// The names, in alphabetical order.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let bits = (0..64).filter(|bit| self.0.bits() >> bit & 1 == 1);
        let names = bits.map(|bit| {
            let one = CapabilitySet::from_bits_retain(1 << bit);
            match one.iter_names().next() {
                Some((name, _)) => format!("CAP_{name}"),
                None => format!("CAP_{bit}"),
            }
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    }

    /// As the kernel writes sets in `/proc`, in hexadecimal.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bits = u64::from_str_radix(text, 16).ok()?;
        Some(Self(CapabilitySet::from_bits_retain(bits)))
    }
}

impl From<CapabilitySet> for Capabilities {
    fn from(set: CapabilitySet) -> Self {
        Self(set)
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names().as_slice() {
            [] => f.write_str("none"),
            [one] => f.write_str(one),
            [first, second] => write!(f, "{first} and {second}"),
            more => f.write_str(&more.join(", ")),
        }
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Capabilities {
        Capabilities::parse(text).unwrap()
    }

    #[test]
    fn sets_have_names() {
        assert_eq!(Capabilities::NONE.to_string(), "none");
        // As the kernel shows CAP_PERFMON (38) and CAP_BPF (39).
        assert_eq!(set("000000c000000000"), Capabilities::PROBES);
        assert_eq!(Capabilities::PROBES.to_string(), "CAP_BPF and CAP_PERFMON");
        assert_eq!(set("1").to_string(), "CAP_CHOWN");
        assert_eq!(set("7").names()[2], "CAP_DAC_READ_SEARCH");
        // One that came after this was written.
        assert_eq!(set("8000000000000000").to_string(), "CAP_63");
        assert_eq!(Capabilities::parse("x"), None);
        let json = serde_json::to_string(&Capabilities::CHANNELS).unwrap();
        assert_eq!(json, r#"["CAP_DAC_READ_SEARCH","CAP_SYS_PTRACE"]"#);
    }

    #[test]
    fn greater_capabilities_stand_for_lesser_ones() {
        let none = Capabilities::NONE;
        assert_eq!(none.lacking_for_probes(), Capabilities::PROBES);
        assert_eq!(none.lacking_for_channels(), Capabilities::CHANNELS);
        let bpf = Capabilities(CapabilitySet::BPF);
        assert_eq!(
            bpf.lacking_for_probes(),
            Capabilities(CapabilitySet::PERFMON)
        );
        assert!(Capabilities::PROBES.lacking_for_probes().is_empty());
        let admin = Capabilities(CapabilitySet::SYS_ADMIN);
        assert!(admin.lacking_for_probes().is_empty());
        assert_eq!(admin.lacking_for_channels(), Capabilities::CHANNELS);
        let overriding = Capabilities(CapabilitySet::DAC_OVERRIDE | CapabilitySet::SYS_PTRACE);
        assert!(overriding.lacking_for_channels().is_empty());
    }
}
