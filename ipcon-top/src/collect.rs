// SPDX-License-Identifier: MIT OR Apache-2.0
//! Collection on a thread of its own, so that drawing and keys never wait for the bus.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use ipcon_observe::Snapshot;

use crate::app::Event;

/// Where snapshots come from: the collector of the running bus, or a script.
pub trait SnapshotSource: Send {
    /// The bus as it is now.
    ///
    /// # Errors
    ///
    /// The bus cannot be read this time; the caller may ask again.
    fn collect(&mut self) -> anyhow::Result<Snapshot>;

    /// What a thread that does not collect does to give up what only collecting needs. Nothing for most sources.
    fn bystander(&self) -> Box<dyn FnOnce() -> anyhow::Result<()>> {
        Box::new(|| Ok(()))
    }
}

/// Sets the pace of a running collection. The collection ends when this is dropped.
#[derive(Debug)]
pub struct Pace(Sender<Duration>);

impl Pace {
    /// Collects once an `interval` from now on.
    pub fn set(&self, interval: Duration) {
        // A collection that has ended has told so itself, as an event.
        let _ = self.0.send(interval);
    }
}

/// Starts to collect from `source`, the first time one `interval` from now, and sends what comes to `out`.
///
/// # Errors
///
/// The thread cannot be started.
pub fn spawn(
    mut source: Box<dyn SnapshotSource>,
    interval: Duration,
    out: Sender<Event>,
) -> anyhow::Result<Pace> {
    let (pace, changes) = mpsc::channel();
    thread::Builder::new()
        .name("collector".to_owned())
        .spawn(move || {
            let _obituary = Obituary(out.clone());
            let collect = || match source.collect() {
                Ok(snapshot) => Event::Snapshot(Arc::new(snapshot)),
                Err(error) => Event::CollectFailed(format!("{error:#}")),
            };
            run(collect, interval, &changes, &out);
        })
        .context("starting the thread that reads the bus")?;
    Ok(Pace(pace))
}

/// Lets a recording go on once an `interval`, the first time one `interval` from now.
///
/// # Errors
///
/// The thread cannot be started.
pub fn beat(interval: Duration, out: Sender<Event>) -> anyhow::Result<Pace> {
    let (pace, changes) = mpsc::channel();
    thread::Builder::new()
        .name("player".to_owned())
        .spawn(move || run(|| Event::Advance, interval, &changes, &out))
        .context("starting the thread that lets the recording go on")?;
    Ok(Pace(pace))
}

fn run(
    mut next: impl FnMut() -> Event,
    mut interval: Duration,
    changes: &mpsc::Receiver<Duration>,
    out: &Sender<Event>,
) {
    let mut last = Instant::now();
    loop {
        // Counted from the start of the collection before, so that a slow one does not stretch the pace.
        let wait = (last + interval).saturating_duration_since(Instant::now());
        match changes.recv_timeout(wait) {
            Ok(changed) => {
                interval = changed;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        last = Instant::now();
        if out.send(next()).is_err() {
            return;
        }
    }
}

/// Tells the main thread when the collector dies by a panic; it would show old numbers for ever.
struct Obituary(Sender<Event>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Event::Fatal(
                "the thread that reads the bus panicked".to_owned(),
            ));
        }
    }
}
