// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages while somebody observes the bus, and while nobody does.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Context as _;
use ipcon_observe::probes::{Probes, Settings};
use ipcon_vm_tests::tracing;

use crate::bus::OneWay;
use crate::measure::Side;

/// What makes the kernel tell of messages for as long as it lives.
pub(crate) trait Observer: Sized {
    /// Begins.
    fn begin() -> anyhow::Result<Self>;
}

/// The probes of `ipcon-top` and `ipcon-exporter`, which count.
impl Observer for Probes {
    fn begin() -> anyhow::Result<Self> {
        Self::attach().context("attaching the probes")
    }
}

/// The probes without waiting times.
pub(crate) struct CountersOnly {
    _probes: Probes,
}

impl Observer for CountersOnly {
    fn begin() -> anyhow::Result<Self> {
        let settings = Settings {
            latency: false,
            ..Settings::default()
        };
        let probes = Probes::attach_with(settings).context("attaching the probes")?;
        Ok(Self { _probes: probes })
    }
}

/// The kernel's own tracer, which writes each event down.
pub(crate) struct Tracer {
    switch: PathBuf,
}

impl Tracer {
    fn switch(&self, on: bool) -> anyhow::Result<()> {
        let word = if on { "1" } else { "0" };
        fs::write(&self.switch, word)
            .with_context(|| format!("writing {word} to {}", self.switch.display()))
    }
}

impl Observer for Tracer {
    fn begin() -> anyhow::Result<Self> {
        let tracer = Self {
            switch: tracing::events().join("enable"),
        };
        tracer.switch(true)?;
        Ok(tracer)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // What follows would be measured with it; a row that is far off shows it.
        let _ = self.switch(false);
    }
}

/// Two peers, and who observes them now.
struct Scene<O> {
    one_way: OneWay,
    observer: Option<O>,
}

/// One-way messages that are observed, or not.
pub(crate) struct Observed<O> {
    scene: Rc<RefCell<Scene<O>>>,
    on: bool,
}

impl<O: Observer> Observed<O> {
    /// Both sides, with messages of `len` bytes between the same two peers.
    pub(crate) fn and_not(len: usize) -> anyhow::Result<(Self, Self)> {
        let scene = Rc::new(RefCell::new(Scene {
            one_way: OneWay::new(len)?,
            observer: None,
        }));
        let side = |on| Self {
            scene: Rc::clone(&scene),
            on,
        };
        Ok((side(true), side(false)))
    }
}

impl<O: Observer> Side for Observed<O> {
    fn round(&mut self, times: u32) -> anyhow::Result<f64> {
        let Scene { one_way, observer } = &mut *self.scene.borrow_mut();
        if self.on != observer.is_some() {
            *observer = if self.on { Some(O::begin()?) } else { None };
            // The kernel tidies up behind who went, and the first event of a peer makes its counters.
            one_way.round(times)?;
        }
        one_way.round(times)
    }
}
