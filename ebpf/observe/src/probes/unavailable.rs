// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the probes cannot be attached.

use std::error::Error;
use std::{fmt, io};

use rustix::thread::{CapabilitySet, capabilities};

use crate::privilege::{self, Capabilities};

/// A capability that the probes need. Both are in `CAP_SYS_ADMIN` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `CAP_BPF`: to make maps and load programs.
    Bpf,
    /// `CAP_PERFMON`: to attach programs to tracepoints.
    Perfmon,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
        })
    }
}

impl Capability {
    /// The capabilities that the probes need and this thread does not have. Empty when the kernel does
    /// not tell, so that attaching is tried and says itself what is wrong.
    #[must_use]
    pub fn missing() -> Vec<Self> {
        capabilities(None).map_or_else(|_| Vec::new(), |sets| Self::missing_in(sets.effective))
    }

    fn missing_in(effective: CapabilitySet) -> Vec<Self> {
        if effective.contains(CapabilitySet::SYS_ADMIN) {
            return Vec::new();
        }
        let wanted = [
            (Self::Bpf, CapabilitySet::BPF),
            (Self::Perfmon, CapabilitySet::PERFMON),
        ];
        let missing = wanted
            .into_iter()
            .filter(|(_, bit)| !effective.contains(*bit));
        missing.map(|(capability, _)| capability).collect()
    }
}

/// Why the probes are not attached. Everything that does not come from them works nevertheless.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The library was compiled without the BPF object.
    #[error("the probes were not built in; run: cargo xtask build")]
    NotBuilt,
    /// This process may not load or attach BPF programs.
    #[error("{}", lacking(missing))]
    NotPermitted {
        /// What it lacks.
        missing: Vec<Capability>,
    },
    /// The kernel has no such tracepoint.
    #[error("{}", privilege::no_tracepoint(tracepoint))]
    NoTracepoint {
        /// Its name.
        tracepoint: &'static str,
    },
    /// The kernel refused a step.
    #[error("the kernel refused to {step}: {reason}")]
    Refused {
        /// What was tried, such as "attach the probe ipcon_send".
        step: String,
        /// The kernel's answer, on one line.
        reason: String,
        /// All that is known, which may hold the verifier's long log.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Unavailable {
    /// A refusal with the kernel's own words, and what they often mean.
    pub(super) fn refused(
        step: impl Into<String>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        let reason = match system_error(&source) {
            Some(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                match privilege::explain_refusal() {
                    Some(obstacle) => format!("{error}: {obstacle}"),
                    None => error.to_string(),
                }
            }
            Some(error) => error.to_string(),
            None => first_line(&source),
        };
        Self::Refused {
            step: step.into(),
            reason,
            source: Box::new(source),
        }
    }
}

/// The answer of the system call at the end of a chain of errors.
pub(super) fn system_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(system) = error.downcast_ref::<io::Error>() {
            return Some(system);
        }
        next = error.source();
    }
    None
}

fn first_line(error: &dyn Error) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn lacking(missing: &[Capability]) -> privilege::Obstacle {
    let missing = missing.iter().map(|capability| match capability {
        Capability::Bpf => CapabilitySet::BPF,
        Capability::Perfmon => CapabilitySet::PERFMON,
    });
    privilege::lacking(Capabilities::from(missing.collect::<CapabilitySet>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_capabilities_are_named() {
        assert_eq!(
            Capability::missing_in(CapabilitySet::empty()),
            [Capability::Bpf, Capability::Perfmon]
        );
        assert_eq!(
            Capability::missing_in(CapabilitySet::BPF),
            [Capability::Perfmon]
        );
        let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
        assert_eq!(Capability::missing_in(both), []);
        assert_eq!(Capability::missing_in(CapabilitySet::SYS_ADMIN), []);
    }

    #[test]
    fn a_reason_is_one_line_that_says_what_to_do() {
        let reason = Unavailable::NotPermitted {
            missing: vec![Capability::Perfmon],
        }
        .to_string();
        assert_eq!(
            reason,
            "the probes need CAP_PERFMON; run as root, or give that to the program as `ipcon-top doctor` tells"
        );
    }

    #[test]
    fn a_refusal_tells_the_kernels_answer_and_keeps_the_rest() {
        #[derive(Debug, thiserror::Error)]
        #[error("verifier log\nof many lines")]
        struct Verifier(#[source] io::Error);

        let refused = Unavailable::refused("load x", Verifier(io::Error::from_raw_os_error(22)));
        assert_eq!(
            refused.to_string(),
            "the kernel refused to load x: Invalid argument (os error 22)"
        );
        let source = refused.source().unwrap().to_string();
        assert!(source.contains("of many lines"));
    }
}
