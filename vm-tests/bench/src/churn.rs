// SPDX-License-Identifier: MIT OR Apache-2.0

//! How long others wait while somebody makes, fills and ends a large group over and over.

use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use ipcon_vm_tests::process::Process;
use libipcon::{Peer, Replay};
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::measure::Side;
use crate::place;
use crate::{bus, echo};

const GROUP: &str = "churn";

/// What the busy process does, for ever.
pub(crate) fn run(members: usize) -> anyhow::Result<()> {
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

/// The two peers that are waited for, and the process that disturbs them.
pub(crate) struct Scene {
    pair: bus::RoundTrip,
    busy: Process,
    stopped: bool,
}

impl Scene {
    pub(crate) fn new(members: usize) -> anyhow::Result<Rc<RefCell<Self>>> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("churn").arg(format!("--members={members}"));
        command.arg(format!("--cpu={}", place::SECOND));
        let mut busy = Process::spawn(&mut command);
        busy.expect("ready");
        let pair = bus::RoundTrip::new(64, place::FIRST)?;
        Ok(Rc::new(RefCell::new(Self {
            pair,
            busy,
            stopped: false,
        })))
    }

    /// Lets the busy process go on, or stops it and waits until it has stopped.
    fn disturb(&mut self, on: bool) -> anyhow::Result<()> {
        if on == self.stopped {
            self.busy
                .signal(if on { Signal::CONT } else { Signal::STOP });
            if !on {
                let pid = Pid::from_raw(i32::try_from(self.busy.pid())?);
                waitpid(pid, WaitOptions::UNTRACED)
                    .context("waiting until the busy process stops")?;
            }
            self.stopped = !on;
        }
        Ok(())
    }
}

/// Round trips with the busy process at work, or not.
pub(crate) struct RoundTrips {
    scene: Rc<RefCell<Scene>>,
    busy: bool,
    took: Vec<u64>,
}

impl RoundTrips {
    pub(crate) fn new(scene: &Rc<RefCell<Scene>>, busy: bool) -> Self {
        Self {
            scene: Rc::clone(scene),
            busy,
            took: Vec::new(),
        }
    }
}

impl Side for RoundTrips {
    /// The time that 99 of 100 round trips do not exceed.
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let mut scene = self.scene.borrow_mut();
        scene.disturb(self.busy)?;
        self.took.clear();
        for _ in 0..times {
            let begin = Instant::now();
            scene.pair.once()?;
            self.took.push(u64::try_from(begin.elapsed().as_nanos())?);
        }
        self.took.sort_unstable();
        Ok(percentile(&self.took, 99))
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
