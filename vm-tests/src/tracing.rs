// SPDX-License-Identifier: MIT OR Apache-2.0

//! The module's tracepoints as tracefs shows them, counted by the kernel itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::MountFlags;

const TRACEFS: &str = "/sys/kernel/tracing";

/// Makes tracefs available and gives the directory of the module's events.
pub fn events() -> PathBuf {
    if !Path::new(TRACEFS).join("events").exists() {
        match rustix::mount::mount("tracefs", TRACEFS, "tracefs", MountFlags::empty(), None) {
            Ok(()) | Err(Errno::BUSY) => {}
            Err(error) => panic!("mount tracefs: {error}"),
        }
    }
    Path::new(TRACEFS).join("events/ipcon")
}

/// Whether the kernel can count the hits of an event by their values.
pub fn has_histograms() -> bool {
    events().join("ipcon_send/hist").exists()
}

/// A histogram that the kernel keeps over the values of one field of a tracepoint, until it is dropped.
#[derive(Debug)]
pub struct Histogram {
    event: PathBuf,
    trigger: String,
}

impl Histogram {
    /// Starts to count the hits of an event by the values of `keys`, at most three, separated by commas.
    pub fn start(event: &str, keys: &str) -> Self {
        let event = events().join(event);
        let trigger = format!("hist:keys={keys}");
        let histogram = Self { event, trigger };
        let started = histogram.write(&histogram.trigger);
        started.unwrap_or_else(|error| panic!("start {histogram:?}: {error}"));
        histogram
    }

    /// The hits so far by the text of the keys, such as `group: 0, reason: 1`.
    pub fn hits(&self) -> BTreeMap<String, u64> {
        let text = fs::read_to_string(self.event.join("hist")).expect("read the histogram");
        assert!(
            text.contains("Dropped: 0"),
            "the histogram has dropped entries:\n{text}"
        );
        let mut hits = BTreeMap::new();
        // A line reads `{ group:          0, reason:          1 } hitcount:          7`.
        for line in text.lines().filter_map(|line| line.strip_prefix("{ ")) {
            let (keys, rest) = line
                .split_once(" } hitcount:")
                .expect("a line of the histogram");
            let words: Vec<&str> = keys.split_whitespace().collect();
            hits.insert(
                words.join(" "),
                rest.trim().parse().expect("a number of hits"),
            );
        }
        hits
    }

    fn write(&self, trigger: &str) -> std::io::Result<()> {
        fs::write(self.event.join("trigger"), trigger)
    }
}

impl Drop for Histogram {
    fn drop(&mut self) {
        if let Err(error) = self.write(&format!("!{}", self.trigger))
            && !std::thread::panicking()
        {
            panic!("end {} of {}: {error}", self.trigger, self.event.display());
        }
    }
}
