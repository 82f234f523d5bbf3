// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fields of a row are called, in a filter and where fields are chosen.

use ipcon_observe::fields::{Field, Kind, Unit};

use crate::nearest::nearest;

/// Words beside the keys and the titles of fields: what people call them.
const ALIASES: [(&str, &str); 11] = [
    ("command", "comm"),
    ("command", "server_comm"),
    ("drops", "dropped_messages"),
    ("drops", "events_dropped"),
    ("drops", "lost_messages"),
    ("owner", "owner_name"),
    ("p50", "queue_latency_p50_seconds"),
    ("p99", "queue_latency_p99_seconds"),
    ("receiver", "to_name"),
    ("sender", "from_name"),
    ("server", "server_comm"),
];

/// Fields that say what a row is by a number.
const NUMBERS: [&str; 10] = [
    "pid",
    "port",
    "uid",
    "id",
    "server_pid",
    "client_pid",
    "client_uid",
    "service",
    "connection",
    "sequence",
];

/// What the rate of a counter has after its key.
pub const RATE: &str = "/s";

/// What a key stands for.
#[derive(Debug)]
pub(super) enum Subject<T: 'static> {
    /// The value of a field.
    Value(&'static Field<T>),
    /// The growth of a counter per second.
    Rate(&'static Field<T>),
}

/// Whether a field says something by a number.
#[must_use]
pub fn is_number<T>(field: &Field<T>) -> bool {
    field.kind != Kind::Info
        || NUMBERS.contains(&field.key)
        || field.key.ends_with("_id")
        || field.unit != Unit::None
}

/// Whether a field is one value, and no histogram.
#[must_use]
pub fn is_scalar<T>(field: &Field<T>) -> bool {
    !field.key.ends_with("_buckets")
}

/// The words for a field, its key first. No word stands for two fields of a table.
#[must_use]
pub fn names<T>(fields: &'static [Field<T>], field: &'static Field<T>) -> Vec<String> {
    let mut names = vec![field.key.to_owned()];
    let title = field.title.to_lowercase().replace(' ', "_");
    let aliases = ALIASES.iter().filter(|(_, key)| *key == field.key);
    let more = std::iter::once(title).chain(aliases.map(|(alias, _)| (*alias).to_owned()));
    for name in more {
        let is_key = fields.iter().any(|other| other.key == name);
        if !is_key && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// All words for fields with one value.
#[must_use]
pub fn all<T>(fields: &'static [Field<T>]) -> Vec<String> {
    let usable = fields.iter().filter(|field| is_scalar(field));
    usable.flat_map(|field| names(fields, field)).collect()
}

/// The field that `name` is a word for.
#[must_use]
pub fn named<T>(fields: &'static [Field<T>], name: &str) -> Option<&'static Field<T>> {
    let is_it = |field: &&Field<T>| field.key == name;
    // Most are asked for by their keys.
    fields.iter().find(is_it).or_else(|| {
        let is_it = |field: &&'static Field<T>| names(fields, field).iter().any(|it| it == name);
        fields.iter().find(is_it)
    })
}

/// What `key` stands for in rows with these fields.
///
/// # Errors
///
/// There is no such key, or no rate of it; the error says which is nearest.
pub(super) fn find<T>(fields: &'static [Field<T>], key: &str) -> Result<Subject<T>, String> {
    let (name, is_rate) = match key.strip_suffix(RATE) {
        Some(name) => (name, true),
        None => (key, false),
    };
    match named(fields, name).filter(|field| is_scalar(field)) {
        Some(field) if !is_rate => Ok(Subject::Value(field)),
        Some(field) if field.kind == Kind::Counter => Ok(Subject::Rate(field)),
        Some(_) => Err(format!("{name} is no counter and has no rate")),
        None => Err(unknown(fields, name)),
    }
}

fn unknown<T>(fields: &'static [Field<T>], name: &str) -> String {
    let all = all(fields);
    match nearest(name, all.iter().map(String::as_str)) {
        _ if all.is_empty() => "there are no keys in this view, only words".to_owned(),
        Some(near) => format!("no key {name}; is it {near}?"),
        None => {
            let first: Vec<&str> = all.iter().map(String::as_str).take(6).collect();
            format!("no key {name}; there are {}, ...", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcon_observe::fields::{
        BUS_FIELDS, CHANNEL_FIELDS, ENDPOINT_FIELDS, EVENT_FIELDS, EXCEPTION_FIELDS, FLOW_FIELDS,
        GROUP_FIELDS, PEER_FIELDS, WARNING_FIELDS,
    };
    use std::collections::BTreeSet;

    fn check<T>(fields: &'static [Field<T>]) {
        let mut seen = BTreeSet::new();
        for name in fields.iter().flat_map(|field| names(fields, field)) {
            assert!(seen.insert(name.clone()), "{name} stands for two fields");
        }
    }

    #[test]
    fn no_word_stands_for_two_fields() {
        check(PEER_FIELDS);
        check(GROUP_FIELDS);
        check(FLOW_FIELDS);
        check(CHANNEL_FIELDS);
        check(ENDPOINT_FIELDS);
        check(EVENT_FIELDS);
        check(EXCEPTION_FIELDS);
        check(WARNING_FIELDS);
        check(BUS_FIELDS);
    }

    #[test]
    fn titles_and_common_words_are_keys() {
        let key = |name: &str| match find(PEER_FIELDS, name) {
            Ok(Subject::Value(field)) => field.key.to_owned(),
            Ok(Subject::Rate(field)) => format!("rate of {}", field.key),
            Err(error) => error,
        };
        assert_eq!(key("peer"), "name");
        assert_eq!(key("drops"), "dropped_messages");
        assert_eq!(key("tx/s"), "rate of sent_messages");
        assert_eq!(key("tx_b/s"), "rate of sent_bytes");
        assert_eq!(key("p99"), "queue_latency_p99_seconds");
        assert_eq!(key("oldest"), "queue_oldest_seconds");
        assert_eq!(key("queue"), "queue_fill");
        assert_eq!(key("dorps"), "no key dorps; is it drops?");
        assert_eq!(key("queue/s"), "queue is no counter and has no rate");
        assert!(key("zzzzzzz").starts_with("no key zzzzzzz; there are name, peer, id,"));
        assert!(key("queue_latency_buckets").starts_with("no key"));
    }
}
