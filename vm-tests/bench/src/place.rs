// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where processes run, and what they may open.

use anyhow::Context as _;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The processor of whoever measures.
pub(crate) const FIRST: usize = 0;
/// Another one.
pub(crate) const SECOND: usize = 1;

/// Descriptors that the largest row needs: two for each of 10,000 peers, and some.
const DESCRIPTORS: u64 = 32 * 1024;

/// Lets this thread, and what it starts from now on, run on one processor only.
pub(crate) fn pin(cpu: usize) -> anyhow::Result<()> {
    place(None, &[cpu])
}

/// Lets a process run on these processors only; the calling thread if there is none.
pub(crate) fn place(pid: Option<Pid>, cpus: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    sched_setaffinity(pid, &set).with_context(|| {
        format!("pinning to the processors {cpus:?}; the rows need two: xtask's --cpus 2")
    })
}

/// Lets this process have as many descriptors as the largest row needs.
pub(crate) fn raise_descriptor_limit() -> anyhow::Result<()> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|limit| limit >= DESCRIPTORS) {
        return Ok(());
    }
    let wanted = Rlimit {
        current: Some(DESCRIPTORS),
        maximum: now.maximum.map(|limit| limit.max(DESCRIPTORS)),
    };
    setrlimit(Resource::Nofile, wanted)
        .with_context(|| format!("raising the limit of descriptors to {DESCRIPTORS}"))
}
