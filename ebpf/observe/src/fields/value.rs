// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of fields.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::model::{KindLatency, LatencyHistogram, QueueLatency, SafeText};

/// The value of a field in one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A count, an id or another whole number.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// A length of time or a moment of `CLOCK_MONOTONIC`; seconds in JSON.
    Time(Duration),
    /// A share, 0 to about 1.
    Ratio(f64),
    /// A mean of counts.
    Mean(f64),
    /// Yes or no.
    Flag(bool),
    /// Text, safe to print.
    Text(Cow<'a, str>),
    /// Several texts, each safe to print.
    List(Vec<&'a str>),
    /// How often something took how long. In JSON a list of the buckets that hold something, each with what its times
    /// are less than, unless it has no bound.
    Times(&'a LatencyHistogram),
    /// How many messages waited how long. In JSON a list of the buckets that hold something, each with its inclusive
    /// upper bound, unless it has none.
    Waits(&'a QueueLatency),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a SafeText) -> Self {
        Self::Text(Cow::Borrowed(text.as_str()))
    }

    pub(super) fn list(texts: impl IntoIterator<Item = &'a SafeText>) -> Self {
        Self::List(texts.into_iter().map(SafeText::as_str).collect())
    }

    /// The whole number of a count or of bytes.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Count(n) | Self::Bytes(n) => Some(*n),
            _ => None,
        }
    }

    /// The number, in base units. `None` for text.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Count(n) | Self::Bytes(n) => Some(*n as f64),
            Self::Time(time) => Some(time.as_secs_f64()),
            Self::Ratio(number) | Self::Mean(number) => Some(*number),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Text(_) | Self::List(_) | Self::Times(_) | Self::Waits(_) => None,
        }
    }
}

/// Order for sorting rows by a field: numbers by size, text by bytes. Values of different sorts, which one
/// field never has, are not ordered.
impl PartialOrd for Value<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            _ => match (self.as_u64(), other.as_u64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
            },
        }
    }
}

/// The plain form: base units, no unit name; the items of a list joined by a comma.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(n) | Self::Bytes(n) => f.pad(&n.to_string()),
            Self::Time(time) => f.pad(&time.as_secs_f64().to_string()),
            Self::Ratio(number) | Self::Mean(number) => f.pad(&number.to_string()),
            Self::Flag(flag) => f.pad(if *flag { "yes" } else { "no" }),
            Self::Text(text) => f.pad(text),
            Self::List(items) => f.pad(&items.join(",")),
            Self::Times(times) => f.pad(&times.count().to_string()),
            Self::Waits(waits) => f.pad(&waits.count().to_string()),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(n) | Self::Bytes(n) => serializer.serialize_u64(*n),
            Self::Time(time) => serializer.serialize_f64(time.as_secs_f64()),
            Self::Ratio(number) | Self::Mean(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Times(times) => serializer.collect_seq(buckets(times)),
            Self::Waits(waits) => waits.serialize(serializer),
        }
    }
}

/// A bucket of a histogram of times.
#[derive(Serialize)]
struct Bucket {
    #[serde(skip_serializing_if = "Option::is_none")]
    less_than_seconds: Option<f64>,
    count: u64,
}

fn buckets(times: &LatencyHistogram) -> impl Iterator<Item = Bucket> {
    let counts = times.counts.iter().enumerate();
    let filled = counts.filter(|&(_, &count)| count > 0);
    filled.map(|(bucket, &count)| Bucket {
        less_than_seconds: LatencyHistogram::bound(bucket).map(|bound| bound.as_secs_f64()),
        count,
    })
}

/// A bucket of a histogram of waiting times.
#[derive(Serialize)]
struct WaitBucket {
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to_seconds: Option<f64>,
    count: u64,
}

impl Serialize for QueueLatency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.counts.iter().enumerate();
        let filled = counts.filter(|&(_, &count)| count > 0);
        serializer.collect_seq(filled.map(|(bucket, &count)| WaitBucket {
            up_to_seconds: Self::bound_seconds(bucket),
            count,
        }))
    }
}

impl Serialize for KindLatency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("KindLatency", 3)?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("sum_seconds", &(self.latency.sum_nanos as f64 / 1e9))?;
        fields.serialize_field("buckets", &self.latency)?;
        fields.end()
    }
}
