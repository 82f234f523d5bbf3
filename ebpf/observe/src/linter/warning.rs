// SPDX-License-Identifier: MIT OR Apache-2.0
//! One thing that is wrong.

use std::time::Duration;

use crate::model::Source;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Needs a look.
    Warning,
    /// Something is being lost, or is about to be.
    Alarm,
}

impl Severity {
    /// Stable name: JSON value and word of the filter.
    pub fn key(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident $key:literal $help:literal;)*) => {
        /// What was found to be wrong; of what is equally bad, the first here comes first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $help] $name,)* }

        impl Rule {
            /// All rules.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Stable name: JSON value and word of the filter.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// One sentence.
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

rules! {
    ReceiverStalled "receiver_stalled"
        "A receiver has messages and reads none.";
    ReceiverSlow "receiver_slow"
        "A receiver reads, and its oldest message waits for more than five seconds.";
    MemberLoses "member_loses"
        "A member loses copies of group messages.";
    Flood "flood"
        "While queues are full, one sender makes more than half of all traffic, or of what a receiver loses.";
    QueueFull "queue_full"
        "A receive queue is more than 80 % full.";
    GroupLoses "group_loses"
        "Members of a group lose copies of its messages.";
    ObserverBlind "observer_blind"
        "The observer lost events or counts in the last minute, so that its numbers are too small.";
    SourceFailed "source_failed"
        "A source that was on does not deliver.";
    DataStale "data_stale"
        "What is shown is old.";
    SendsRefused "sends_refused"
        "A sender has unicast messages refused.";
    QueueLatency "queue_latency"
        "One message in a hundred waits longer than the objective until it is read.";
    ErrorStorm "error_storm"
        "Many requests other than sends are answered with the same error.";
    Churn "churn"
        "Many services, groups and peers come and go.";
    UnreportedLoss "unreported_loss"
        "A member lost copies and has not read yet that it did.";
    Unheard "unheard"
        "A group is published to that has no member.";
    MapFull "map_full"
        "A map of the probes is more than 80 % full.";
    ChannelEventsDropped "channel_events_dropped"
        "Events of a coroipc connection are dropped.";
    ChannelClientStuck "channel_client_stuck"
        "The client of a coroipc connection does not take its events.";
    ChannelOverload "channel_overload"
        "Requests are turned down since the coroipc server has too much to do.";
    ChannelExpired "channel_expired"
        "Requests are late before the coroipc server gets to them.";
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The bus as a whole.
    Bus,
    /// A source of the observer.
    Observer(Source),
    /// The peer with this id.
    Peer(u64),
    /// The group with this id.
    Group(u64),
    /// The coroipc connection with this id.
    Channel(u64),
}

impl Subject {
    /// Stable name of its sort: JSON value and word of the filter.
    pub fn key(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Observer(_) => "observer",
            Self::Peer(_) => "peer",
            Self::Group(_) => "group",
            Self::Channel(_) => "channel",
        }
    }

    /// Its number among those of its sort.
    pub fn id(self) -> Option<u64> {
        match self {
            Self::Bus | Self::Observer(_) => None,
            Self::Peer(id) | Self::Group(id) | Self::Channel(id) => Some(id),
        }
    }
}

/// One thing that is wrong with one subject. All texts are safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which rule found it.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// Tells several warnings of one rule about one subject apart; else empty.
    pub item: String,
    /// What a person calls the subject.
    pub name: String,
    /// More to know the subject by, such as its process.
    pub who: Option<String>,
    /// What is wrong, as a sentence without its subject.
    pub what: String,
    /// Figures that show it.
    pub figures: Option<String>,
    /// Who or what does it.
    pub cause: Option<String>,
    /// What to do.
    pub advice: Option<&'static str>,
    /// Since when, `CLOCK_MONOTONIC`, as far as was seen.
    pub since: Duration,
}

impl Warning {
    /// What tells it from all others of a snapshot, and is the same in the next.
    pub fn key(&self) -> (Rule, Subject, String) {
        (self.rule, self.subject, self.item.clone())
    }

    /// What is wrong, with figures and cause, as a sentence without its subject.
    pub fn reason(&self) -> String {
        let figures = self.figures.iter().map(|it| format!(": {it}"));
        let cause = self.cause.iter().map(|it| format!("; {it}"));
        let parts = std::iter::once(self.what.clone())
            .chain(figures)
            .chain(cause);
        parts.collect()
    }

    /// All of it as a sentence.
    pub fn sentence(&self) -> String {
        let who = self.who.iter().map(|it| format!(" ({it})"));
        let who: String = who.collect();
        format!("{}{who} {}", self.name, self.reason())
    }

    /// What, and by whom, without figures.
    pub fn brief(&self) -> String {
        let cause = self.cause.iter().map(|it| format!("; {it}"));
        let cause: String = cause.collect();
        format!("{} {}{cause}", self.name, self.what)
    }
}
