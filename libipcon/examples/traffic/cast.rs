// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who takes part: names, sizes and rates. Rates are per second and are multiplied by `--rate`.

/// A service that answers each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk {
    pub(crate) service: &'static str,
    pub(crate) answer: Answer,
}

/// What a service answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// The request itself.
    Echo,
    /// This many bytes.
    Bytes(usize),
}

/// A client that asks one service, one request after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) name: &'static str,
    pub(crate) service: &'static str,
    /// Bytes of the requests, taken in turn.
    pub(crate) sizes: &'static [usize],
    pub(crate) rate: f64,
}

/// A group and how often its owner publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    pub(crate) service: &'static str,
    pub(crate) group: &'static str,
    pub(crate) size: usize,
    pub(crate) rate: f64,
}

/// A member of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    /// Whether it wants the last message on joining.
    pub(crate) replay: bool,
    /// Reads this often per second; `None` reads as messages come.
    pub(crate) rate: Option<f64>,
}

pub(crate) const DESKS: &[Desk] = &[
    Desk {
        service: CLOCK,
        answer: Answer::Bytes(16),
    },
    Desk {
        service: "store",
        answer: Answer::Bytes(4096),
    },
    Desk {
        service: "mirror",
        answer: Answer::Echo,
    },
];

/// The service that visitors ask.
pub(crate) const CLOCK: &str = "clock";

/// The group that visitors join.
pub(crate) const STATUS: &str = "status";

pub(crate) const ASKERS: &[Asker] = &[
    Asker {
        name: "watch",
        service: CLOCK,
        sizes: &[8],
        rate: 40.0,
    },
    Asker {
        name: "browser",
        service: "store",
        sizes: &[64],
        rate: 10.0,
    },
    Asker {
        name: "prober",
        service: "mirror",
        sizes: &[1, 511, 512, 4096, 65_000],
        rate: 5.0,
    },
];

pub(crate) const CHANNELS: &[Channel] = &[
    Channel {
        service: "ticker",
        group: "ticks",
        size: 32,
        rate: 50.0,
    },
    Channel {
        service: "camera",
        group: "frames",
        size: 16_384,
        rate: 20.0,
    },
    Channel {
        service: "monitor",
        group: STATUS,
        size: 200,
        rate: 2.0,
    },
];

pub(crate) const LISTENERS: &[Listener] = &[
    Listener {
        name: "ticks-reader",
        group: "ticks",
        replay: false,
        rate: None,
    },
    Listener {
        name: "frames-reader",
        group: "frames",
        replay: false,
        rate: None,
    },
    Listener {
        name: "status-reader",
        group: STATUS,
        replay: true,
        rate: None,
    },
    // Reads so late that its queue is full most of the time, and it loses messages.
    Listener {
        name: "slow-reader",
        group: "frames",
        replay: false,
        rate: Some(2.0),
    },
];

/// A service that reads its letters so slowly that its writer is refused.
pub(crate) const ARCHIVE: &str = "archive";
pub(crate) const ARCHIVE_READS: f64 = 4.0;
pub(crate) const LETTER_SIZE: usize = 8192;
pub(crate) const LETTERS: f64 = 20.0;

/// Visitors that come, ask, listen and go; how often, and what each asks before it goes.
pub(crate) const VISITS: f64 = 2.0;
pub(crate) const QUESTIONS: usize = 5;
