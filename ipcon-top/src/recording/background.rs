// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings of the dashboard, made on threads of their own, so that drawing and keys never wait for the disk.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use ipcon_observe::Snapshot;

use super::Recorder;
use crate::app::{Event, Recording};
use crate::clock::{Clock, SystemClock};

/// Frames that wait for the disk; those that come when there are so many are left out.
const WAITING: usize = 8;

/// Makes recordings in a folder, one at a time.
#[derive(Debug)]
pub struct Background {
    folder: PathBuf,
    news: Sender<Event>,
    running: Option<Running>,
    threads: Vec<JoinHandle<Option<String>>>,
}

#[derive(Debug)]
struct Running {
    frames: SyncSender<Arc<Snapshot>>,
    left_out: Arc<AtomicU64>,
}

impl Background {
    /// Makes recordings in `folder`, which is the current one when it is empty, and sends how they get on to `news`.
    #[must_use]
    pub fn new(folder: PathBuf, news: Sender<Event>) -> Self {
        Self {
            folder,
            news,
            running: None,
            threads: Vec::new(),
        }
    }

    /// Begins a recording with this frame. Whether that went well is told by an event.
    pub fn start(&mut self, first: Arc<Snapshot>) {
        let (frames, incoming) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let (folder, news) = (self.folder.clone(), self.news.clone());
        let missed = Arc::clone(&left_out);
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                let _obituary = Obituary(news.clone());
                record(folder, &incoming, &missed, &news)
            });
        match thread {
            Ok(thread) => {
                self.threads.push(thread);
                self.running = Some(Running { frames, left_out });
                self.append(first);
            }
            Err(error) => {
                let told = format!("starting the thread that records: {error}");
                tell(&self.news, Recording::Failed(told));
            }
        }
    }

    /// Adds a frame to the recording that is made, if there is one.
    pub fn append(&self, snapshot: Arc<Snapshot>) {
        let Some(running) = &self.running else { return };
        if let Err(TrySendError::Full(_)) = running.frames.try_send(snapshot) {
            running.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends the recording that is made, if there is one, when what waits is written. An event tells when that is.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Ends the recording that is made, waits until all is written, and says what was recorded, one line for each.
    #[must_use]
    pub fn end(mut self) -> String {
        self.stop();
        let told = self.threads.into_iter().filter_map(|it| it.join().ok()?);
        told.map(|line| line + "\n").collect()
    }
}

/// Records what comes until nothing comes any more. What was recorded, in words; `None` when it failed.
fn record(
    folder: PathBuf,
    frames: &Receiver<Arc<Snapshot>>,
    left_out: &AtomicU64,
    news: &Sender<Event>,
) -> Option<String> {
    let clock = SystemClock::new();
    let mut recorder = match Recorder::begin(&folder, clock.now().wall()) {
        Ok(recorder) => recorder,
        Err(error) => {
            tell(news, Recording::Failed(explained(&error)));
            return None;
        }
    };
    let file = recorder.path().display().to_string();
    let words = |recorder: &Recorder| {
        let recorded = recorder.recorded();
        match left_out.load(Ordering::Relaxed) {
            0 => format!("recorded {recorded} to {file}"),
            n => format!("recorded {recorded} to {file}; {n} left out while the disk was busy"),
        }
    };
    for snapshot in frames {
        // Of each frame anew, since somebody may set the clock.
        let at = SystemClock::new().now().epoch + snapshot.taken_at;
        if let Err(error) = recorder.append(at, &snapshot) {
            let told = format!("{}; before that, {}", explained(&error), words(&recorder));
            tell(news, Recording::Failed(told));
            return Some(words(&recorder));
        }
        let going = Recording::Going {
            file: file.clone(),
            bytes: recorder.size(),
        };
        tell(news, going);
    }
    let words = words(&recorder);
    tell(news, Recording::Over(words.clone()));
    Some(words)
}

/// An error, and what may be done about it.
fn explained(error: &anyhow::Error) -> String {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    let refused = cause.is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied);
    let root = rustix::process::geteuid().is_root();
    let hint = match (refused, root) {
        (false, _) => "",
        (true, false) => ": start ipcon-top in a folder that you may write to",
        (true, true) => {
            ": root may write only to what is root's own, since ipcon-top gives up its capabilities; start it in a \
             folder of root's, or with --keep-capabilities"
        }
    };
    format!("{error:#}{hint}")
}

fn tell(news: &Sender<Event>, recording: Recording) {
    // When nobody listens any more, the recording goes on to its end all the same.
    let _ = news.send(Event::Recording(recording));
}

/// Tells the main thread when a recording dies by a panic; it would be waited for for ever.
struct Obituary(Sender<Event>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if thread::panicking() {
            let told = "the thread that records panicked".to_owned();
            tell(&self.0, Recording::Failed(told));
        }
    }
}
