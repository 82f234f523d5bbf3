// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where processes run.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The processor that a process is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cpu {
    Pinned(usize),
    /// Wherever the scheduler likes.
    Free,
}

impl FromStr for Cpu {
    type Err = std::num::ParseIntError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "-" => Self::Free,
            number => Self::Pinned(number.parse()?),
        })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(number) => number.fmt(f),
            Self::Free => f.write_str("-"),
        }
    }
}

/// Where the client and the server of a row run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    OneCore,
    TwoCores,
    Unpinned,
}

impl Placement {
    /// The processor of the client and that of the server.
    pub(crate) fn cpus(self) -> (Cpu, Cpu) {
        match self {
            Self::OneCore => (Cpu::Pinned(0), Cpu::Pinned(0)),
            Self::TwoCores => (Cpu::Pinned(0), Cpu::Pinned(1)),
            Self::Unpinned => (Cpu::Free, Cpu::Free),
        }
    }
}

/// Goes to its processor, and ends with whoever measures, however that ends.
pub(crate) fn settle(cpu: Cpu) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("asking to end with whoever measures")?;
    let Cpu::Pinned(cpu) = cpu else {
        return Ok(());
    };
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)
        .with_context(|| format!("pinning to processor {cpu}; the rows need the first two"))
}
