// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads of connections are scheduled, and where they run.
#![allow(unsafe_code)]

use std::fmt;
use std::io;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::endpoint::BindError;

/// How real-time threads of the same priority share a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheduling {
    /// One runs until it sleeps (`SCHED_FIFO`).
    Fifo,
    /// They take turns (`SCHED_RR`).
    RoundRobin,
}

impl Scheduling {
    const fn number(self) -> libc::c_int {
        match self {
            Self::Fifo => libc::SCHED_FIFO,
            Self::RoundRobin => libc::SCHED_RR,
        }
    }
}

impl fmt::Display for Scheduling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "SCHED_FIFO",
            Self::RoundRobin => "SCHED_RR",
        })
    }
}

/// What is wanted of the threads of connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Placement {
    pub(super) schedule: Option<(Scheduling, u8)>,
    /// Any, if there are none.
    pub(super) processors: Vec<usize>,
}

impl Placement {
    /// Finds out, in a thread that ends with this, whether threads of this process may have what is wanted.
    pub(super) fn check(&self) -> Result<(), BindError> {
        if self.schedule.is_none() && self.processors.is_empty() {
            return Ok(());
        }
        let its = self.clone();
        let trial = std::thread::Builder::new()
            .name("coroipc-trial".into())
            .spawn(move || its.apply())
            .map_err(BindError::Start)?;
        // It does not panic.
        trial.join().unwrap_or(Ok(()))
    }

    /// Gives the calling thread what is wanted.
    pub(super) fn apply(&self) -> Result<(), BindError> {
        if !self.processors.is_empty() {
            place(&self.processors).map_err(|source| BindError::Processors {
                processors: self.processors.clone(),
                source,
            })?;
        }
        let Some((policy, priority)) = self.schedule else {
            return Ok(());
        };
        schedule(policy, priority).map_err(|source| BindError::Schedule {
            policy,
            priority,
            most: getrlimit(Resource::Rtprio).current.unwrap_or(u64::MAX),
            source,
        })
    }
}

fn place(processors: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &processor in processors {
        if processor >= CpuSet::MAX_CPU {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        set.set(processor);
    }
    Ok(sched_setaffinity(None, &set)?)
}

fn schedule(policy: Scheduling, priority: u8) -> io::Result<()> {
    const THIS_THREAD: libc::c_long = 0;
    let parameter = libc::c_int::from(priority);
    // What a handler starts is not to be of real time by accident.
    let policy = policy.number() | libc::SCHED_RESET_ON_FORK;
    // SAFETY: The kernel reads one number, which is all of `struct sched_param`, and it lives for as long as the call takes.
    let status = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            THIS_THREAD,
            policy,
            &raw const parameter,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
