// SPDX-License-Identifier: MIT OR Apache-2.0
//! The field table: every fact about a peer, a group, a connection, an endpoint, a probe, a warning or the bus, named once.
//!
//! Columns, `JSON` keys and metric families are made from it; a field added here appears everywhere.

mod bus;
mod channel;
mod endpoint;
mod event;
mod families;
mod flow;
mod group;
mod peer;
mod probe;
mod value;
mod warning;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::linter::Warning;
use crate::model::{Bus, Channel, Endpoint, Flow, Group, Peer};

pub use bus::BUS_FIELDS;
pub use channel::CHANNEL_FIELDS;
pub use endpoint::ENDPOINT_FIELDS;
pub use event::{EVENT_FIELDS, EXCEPTION_FIELDS};
pub use families::{Family, Metric};
pub use flow::FLOW_FIELDS;
pub use group::GROUP_FIELDS;
pub use peer::PEER_FIELDS;
pub use probe::PROBE_FIELDS;
pub use value::Value;
pub use warning::WARNING_FIELDS;

/// One fact about a row.
#[derive(Debug)]
pub struct Field<R: 'static> {
    /// Stable name, `snake_case`: the JSON key.
    pub key: &'static str,
    /// Column title, at most 10 characters.
    pub title: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// What the value does over time.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// Where it is exported. `None` when it is not, or is the sum of fields that are.
    pub metric: Option<Metric>,
    /// The value in a row; `None` when the row does not have it.
    pub get: for<'a> fn(&'a R) -> Option<Value<'a>>,
}

/// Unit of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Messages.
    Messages,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Neither.
    None,
}

/// What a field does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; a rate can be made of it.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Says what the row is.
    Info,
}

impl<R> Field<R> {
    /// The same fact about rows of another sort, of which nothing is exported.
    pub const fn of<S>(&self, get: for<'a> fn(&'a S) -> Option<Value<'a>>) -> Field<S> {
        Field {
            key: self.key,
            title: self.title,
            unit: self.unit,
            kind: self.kind,
            help: self.help,
            metric: None,
            get,
        }
    }

    /// The value of a counter in a row. `None` for other kinds.
    pub fn counter(&self, row: &R) -> Option<u64> {
        match self.kind {
            Kind::Counter => (self.get)(row).and_then(|value| value.as_u64()),
            Kind::Gauge | Kind::Info => None,
        }
    }
}

/// The field with this key.
pub fn find<R>(fields: &'static [Field<R>], key: &str) -> Option<&'static Field<R>> {
    fields.iter().find(|field| field.key == key)
}

/// Where the field with this key is.
///
/// # Panics
///
/// There is none; where a table is made of another, that shows when it is compiled.
pub const fn position<R>(fields: &[Field<R>], key: &str) -> usize {
    let mut at = 0;
    while !is_same(fields[at].key, key) {
        at += 1;
    }
    at
}

/// Whether two texts are the same, for tables that are made when they are compiled.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut same = a.len() == b.len();
    let mut at = 0;
    while same && at < a.len() {
        same = a[at] == b[at];
        at += 1;
    }
    same
}

const fn counter<R>(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    help: &'static str,
    metric: Option<Metric>,
    get: for<'a> fn(&'a R) -> Option<Value<'a>>,
) -> Field<R> {
    Field {
        key,
        title,
        unit,
        kind: Kind::Counter,
        help,
        metric,
        get,
    }
}

const fn gauge<R>(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    help: &'static str,
    metric: Option<Metric>,
    get: for<'a> fn(&'a R) -> Option<Value<'a>>,
) -> Field<R> {
    Field {
        key,
        title,
        unit,
        kind: Kind::Gauge,
        help,
        metric,
        get,
    }
}

/// A field that says what a row is.
pub const fn info<R>(
    key: &'static str,
    title: &'static str,
    unit: Unit,
    help: &'static str,
    get: for<'a> fn(&'a R) -> Option<Value<'a>>,
) -> Field<R> {
    Field {
        key,
        title,
        unit,
        kind: Kind::Info,
        help,
        metric: None,
        get,
    }
}

/// Writes a row as a map of its fields, those it does not have left out.
fn serialize_row<R, S: Serializer>(
    fields: &'static [Field<R>],
    row: &R,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    serialize_fields(fields, row, &mut map)?;
    map.end()
}

fn serialize_fields<R, M: SerializeMap>(
    fields: &'static [Field<R>],
    row: &R,
    map: &mut M,
) -> Result<(), M::Error> {
    for field in fields {
        if let Some(value) = (field.get)(row) {
            map.serialize_entry(field.key, &value)?;
        }
    }
    Ok(())
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(PEER_FIELDS, self, serializer)
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(GROUP_FIELDS, self, serializer)
    }
}

impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(FLOW_FIELDS, self, serializer)
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(CHANNEL_FIELDS, self, serializer)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(ENDPOINT_FIELDS, self, serializer)
    }
}

impl Serialize for Bus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_row(BUS_FIELDS, self, serializer)
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // What the rule was called in reports before warnings had fields.
        map.serialize_entry("key", self.rule.key())?;
        serialize_fields(WARNING_FIELDS, self, &mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn check_table<R>(fields: &'static [Field<R>]) {
        let mut keys = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for field in fields {
            assert!(keys.insert(field.key), "key {} twice", field.key);
            assert!(titles.insert(field.title), "title {} twice", field.title);
            assert!(
                field.title.chars().count() <= 10,
                "title {} is long",
                field.title
            );
            assert!(
                field.help.ends_with('.'),
                "help of {} is no sentence",
                field.key
            );
            assert!(
                field
                    .key
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "key {} is not snake case",
                field.key
            );
            if let Some(metric) = &field.metric {
                let name = metric.family.name;
                assert_eq!(
                    name.ends_with("_total"),
                    field.kind == Kind::Counter,
                    "{name}"
                );
                assert_ne!(field.kind, Kind::Info, "{name}");
                match field.unit {
                    Unit::Messages => assert!(!name.contains("bytes"), "{name}"),
                    Unit::Bytes => assert!(name.contains("bytes"), "{name}"),
                    Unit::Seconds => assert!(name.contains("seconds"), "{name}"),
                    Unit::None => {}
                }
            }
        }
    }

    #[test]
    fn tables_are_well_formed() {
        check_table(PEER_FIELDS);
        check_table(GROUP_FIELDS);
        check_table(FLOW_FIELDS);
        check_table(BUS_FIELDS);
        check_table(CHANNEL_FIELDS);
        check_table(ENDPOINT_FIELDS);
        check_table(EVENT_FIELDS);
        check_table(EXCEPTION_FIELDS);
        check_table(PROBE_FIELDS);
        check_table(WARNING_FIELDS);
    }

    #[test]
    fn counters_are_whole_numbers() {
        let peer = Peer::default();
        for field in PEER_FIELDS
            .iter()
            .filter(|field| field.kind == Kind::Counter && field.key != "read_messages")
        {
            assert_eq!(field.counter(&peer), Some(0), "{}", field.key);
        }
        let group = Group::default();
        for field in GROUP_FIELDS
            .iter()
            .filter(|field| field.kind == Kind::Counter)
        {
            assert_eq!(field.counter(&group), Some(0), "{}", field.key);
        }
        let channel = Channel::default();
        for field in CHANNEL_FIELDS
            .iter()
            .filter(|field| field.kind == Kind::Counter)
        {
            assert_eq!(field.counter(&channel), Some(0), "{}", field.key);
        }
        let endpoint = Endpoint::default();
        for field in ENDPOINT_FIELDS
            .iter()
            .filter(|field| field.kind == Kind::Counter)
        {
            assert_eq!(field.counter(&endpoint), Some(0), "{}", field.key);
        }
    }

    #[test]
    fn what_a_row_does_not_have_is_absent() {
        let json = serde_json::to_value(Peer::default()).unwrap();
        assert!(json.get("name").is_none());
        assert!(json.get("queue_fill").is_none());
        assert!(json.get("queue_oldest_seconds").is_none());
        assert!(json.get("read_messages").is_none());
        assert!(json.get("queue_latency_p99_seconds").is_none());
        assert_eq!(json["sent_messages"], 0);
        let json = serde_json::to_value(Group::default()).unwrap();
        assert!(json.get("last_bytes").is_none());
        let json = serde_json::to_value(Channel::default()).unwrap();
        assert!(json.get("latency_p99_seconds").is_none());
        assert_eq!(json["latency_buckets"], serde_json::json!([]));
        let json = serde_json::to_value(Endpoint::default()).unwrap();
        assert!(json.get("address").is_none());
    }
}
