// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long others wait while somebody makes, fills and ends a large group over and over, or does as much that has
//! nothing to do with the bus.

use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use ipcon_vm_tests::process::Process;
use libipcon::{Peer, Replay};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::measure::Side;
use crate::{bus, echo, place, seqpacket};

const GROUP: &str = "churn";

/// What a busy process does, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// Makes a group, has peers join it, sends to it and ends it.
    Group,
    /// Sends and receives through as many Unix sockets.
    Sockets,
}

impl Work {
    const ALL: [Self; 2] = [Self::Group, Self::Sockets];

    /// Does it, with so many members or sockets.
    pub(crate) fn run(self, members: usize) -> anyhow::Result<()> {
        match self {
            Self::Group => churn_group(members),
            Self::Sockets => use_sockets(members),
        }
    }

    /// Starts a process that does it, and waits until it is about to begin.
    fn start(self, members: usize) -> anyhow::Result<Process> {
        let mut command = Command::new("/proc/self/exe");
        let value = self.to_possible_value().context("it has a name")?;
        command.arg("churn").arg(value.get_name());
        command.arg(format!("--members={members}"));
        command.arg(format!("--cpu={}", place::SECOND));
        let mut process = Process::spawn(&mut command);
        process.expect("ready");
        Ok(process)
    }
}

fn churn_group(members: usize) -> anyhow::Result<()> {
    let owner = Peer::connect()?;
    let members = (0..members)
        .map(|_| Peer::connect())
        .collect::<libipcon::Result<Vec<_>>>()?;
    echo::tell("ready")?;
    let mut buffer = [0; 64];
    loop {
        owner.register_group(GROUP)?;
        for member in &members {
            member.join_group(GROUP, Replay::None)?;
        }
        owner.multicast(GROUP, &[7; 64])?;
        for member in &members {
            member.recv_into(&mut buffer)?;
        }
        owner.unregister_group(GROUP)?;
    }
}

fn use_sockets(count: usize) -> anyhow::Result<()> {
    let pairs = (0..count)
        .map(|_| seqpacket::pair())
        .collect::<anyhow::Result<Vec<_>>>()?;
    echo::tell("ready")?;
    let mut buffer = [0; 64];
    loop {
        for (from, to) in &pairs {
            send(from, &[7; 64], SendFlags::empty())?;
            recv(to, &mut buffer[..], RecvFlags::empty())?;
        }
    }
}

/// A process that does some work while it is wanted, and is stopped otherwise.
pub(crate) struct Busy(Process);

impl Busy {
    pub(crate) fn start(work: Work, members: usize) -> anyhow::Result<Self> {
        let busy = Self(work.start(members)?);
        busy.stop()?;
        Ok(busy)
    }

    /// Does `body` while the process works.
    pub(crate) fn meanwhile<T>(
        &self,
        body: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.0.signal(Signal::CONT);
        let result = body();
        self.stop()?;
        result
    }

    /// Stops it, and waits until it has stopped.
    fn stop(&self) -> anyhow::Result<()> {
        self.0.signal(Signal::STOP);
        let pid = Pid::from_raw(i32::try_from(self.0.pid())?);
        let state = waitpid(pid, WaitOptions::UNTRACED)
            .context("waiting until the busy process stops")?
            .context("the busy process is no child")?;
        if !state.1.stopped() {
            bail!("the busy process has ended: {:?}", state.1);
        }
        Ok(())
    }
}

/// The two peers that are waited for, and the processes that disturb them, of which one runs at most.
pub(crate) struct Scene {
    pair: bus::RoundTrip,
    busy: Vec<(Work, Busy)>,
}

impl Scene {
    pub(crate) fn new(members: usize) -> anyhow::Result<Rc<RefCell<Self>>> {
        let busy = Work::ALL
            .into_iter()
            .map(|work| Ok((work, Busy::start(work, members)?)))
            .collect::<anyhow::Result<_>>()?;
        let pair = bus::RoundTrip::new(64, place::FIRST)?;
        Ok(Rc::new(RefCell::new(Self { pair, busy })))
    }

    /// The 99th percentile of so many round trips, meanwhile `work` is done.
    fn round_trips(&mut self, work: Option<Work>, times: u32) -> anyhow::Result<f64> {
        let Self { pair, busy } = self;
        let mut measure = || percentile_of(99, times, || pair.once());
        match busy.iter().find(|(which, _)| Some(*which) == work) {
            Some((_, busy)) => busy.meanwhile(measure),
            None => measure(),
        }
    }
}

/// The time in nanoseconds that so many of a hundred times do not exceed.
pub(crate) fn percentile_of(
    percent: usize,
    times: u32,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(times as usize);
    for _ in 0..times {
        let begin = Instant::now();
        once()?;
        took.push(u64::try_from(begin.elapsed().as_nanos())?);
    }
    took.sort_unstable();
    Ok(percentile(&took, percent))
}

/// Round trips while the other processor is busy with some work, or idle.
pub(crate) struct RoundTrips {
    scene: Rc<RefCell<Scene>>,
    work: Option<Work>,
}

impl RoundTrips {
    pub(crate) fn new(scene: &Rc<RefCell<Scene>>, work: Option<Work>) -> Self {
        Self {
            scene: Rc::clone(scene),
            work,
        }
    }
}

impl Side for RoundTrips {
    /// The time that 99 of 100 round trips do not exceed.
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        self.scene.borrow_mut().round_trips(self.work, times)
    }
}

/// The value that so many of a hundred sorted values do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1] as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_leaves_out_one_of_a_hundred() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 99), 99.0);
        assert_eq!(percentile(&[5], 99), 5.0);
        assert_eq!(percentile(&[1, 2, 3], 99), 3.0);
    }
}
