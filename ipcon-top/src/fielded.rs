// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that have a table of fields: what a filter, a choice of columns or a program can ask of them.

use ipcon_observe::fields::{
    BUS_FIELDS, CHANNEL_FIELDS, ENDPOINT_FIELDS, EVENT_FIELDS, EXCEPTION_FIELDS, FLOW_FIELDS,
    Field, GROUP_FIELDS, Kind, PEER_FIELDS, PROBE_FIELDS, Value, WARNING_FIELDS,
};
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{
    Bus, Channel, Endpoint, Event, Exception, ExceptionKind, Flow, Group, KERNEL, Peer, Probe,
    QueueLatency, Snapshot,
};

use crate::store::{Row, waits};

/// Rows of one sort.
pub trait Fielded: Sized + 'static {
    /// What there is to ask.
    fn fields() -> &'static [Field<Self>];

    /// Whether one of the texts it is known by holds `needle`, which is in lower case. Unless a sort of rows knows better,
    /// that is any text of its fields.
    fn matches(&self, needle: &str) -> bool {
        let mut values = Self::fields().iter().filter_map(|field| (field.get)(self));
        values.any(|value| match value {
            Value::Text(text) => holds(&text, needle),
            Value::List(texts) => texts.iter().any(|text| holds(text, needle)),
            _ => false,
        })
    }

    /// What a row says at one of the fields.
    fn value<'a>(field: &Field<Self>, row: &Row<'a, Self>) -> Option<Value<'a>> {
        (field.get)(row.item)
    }

    /// What a person is told at the field with this key instead of its value: what a peer or a group is called. `None` where
    /// that is the value.
    fn called(&self, _key: &str, _snapshot: &Snapshot) -> Option<String> {
        None
    }

    /// How long the messages waited that it read since the probes were attached.
    fn waits(&self) -> Option<&QueueLatency> {
        None
    }
}

/// Whether a text holds `needle`, which is in lower case.
pub(crate) fn holds(text: &str, needle: &str) -> bool {
    text.to_lowercase().contains(needle)
}

/// Whether a number is written so that it holds `needle`.
fn written(number: u32, needle: &str) -> bool {
    number.to_string().contains(needle)
}

/// The counters of a table of fields.
pub fn counters<T>(fields: &'static [Field<T>]) -> impl Iterator<Item = &'static Field<T>> {
    fields.iter().filter(|field| field.kind == Kind::Counter)
}

impl Fielded for Bus {
    fn fields() -> &'static [Field<Self>] {
        BUS_FIELDS
    }
}

impl Fielded for Peer {
    fn fields() -> &'static [Field<Self>] {
        PEER_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        self.services.iter().any(|it| holds(&it.name, needle))
            || holds(&self.comm, needle)
            || holds(&self.label(), needle)
            || written(self.port, needle)
            || written(self.pid, needle)
    }

    /// Waiting times are those of the row, as they are shown: of the last seconds in the dashboard.
    fn value<'a>(field: &Field<Self>, row: &Row<'a, Self>) -> Option<Value<'a>> {
        let share = match field.key {
            "queue_latency_p50_seconds" => 0.5,
            "queue_latency_p99_seconds" => 0.99,
            _ => return (field.get)(row.item),
        };
        waits::quantile(row.waits, share).map(Value::Time)
    }

    fn called(&self, key: &str, _: &Snapshot) -> Option<String> {
        (key == "name").then(|| self.label())
    }

    fn waits(&self) -> Option<&QueueLatency> {
        self.queue_latency.as_ref()
    }
}

impl Fielded for Group {
    fn fields() -> &'static [Field<Self>] {
        GROUP_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let owner = self.owner_name.as_ref();
        holds(&self.name, needle)
            || owner.is_some_and(|name| holds(name, needle))
            || written(self.owner_port, needle)
    }

    fn called(&self, key: &str, snapshot: &Snapshot) -> Option<String> {
        (key == "owner_name").then(|| self.owner_label(snapshot))
    }
}

impl Fielded for Flow {
    fn fields() -> &'static [Field<Self>] {
        FLOW_FIELDS
    }

    fn called(&self, key: &str, snapshot: &Snapshot) -> Option<String> {
        match key {
            "from_name" => Some(self.from_label(snapshot)),
            "to_name" => Some(self.to_label(snapshot)),
            _ => None,
        }
    }
}

impl Fielded for Channel {
    fn fields() -> &'static [Field<Self>] {
        CHANNEL_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let numbers = [self.server_pid, self.client_pid, self.service.into()];
        holds(&self.server_comm, needle) || numbers.iter().any(|it| written(*it, needle))
    }
}

impl Fielded for Endpoint {
    fn fields() -> &'static [Field<Self>] {
        ENDPOINT_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let address = self.address.as_ref();
        holds(&self.server_comm, needle)
            || address.is_some_and(|address| holds(address, needle))
            || written(self.server_pid, needle)
    }
}

impl Fielded for Event {
    fn fields() -> &'static [Field<Self>] {
        EVENT_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        self.name.as_ref().is_some_and(|name| holds(name, needle))
            || self.kind.key().contains(needle)
            || self.port.is_some_and(|port| written(port, needle))
            || written(self.pid, needle)
    }
}

impl Fielded for Exception {
    fn fields() -> &'static [Field<Self>] {
        EXCEPTION_FIELDS
    }

    fn called(&self, key: &str, snapshot: &Snapshot) -> Option<String> {
        let peer = |id| Some(snapshot.peer_label(id, None));
        match (&self.what, key) {
            (ExceptionKind::Dropped { from_id: 0, .. }, "from_id") => Some(KERNEL.to_owned()),
            (
                ExceptionKind::Refused { from_id, .. } | ExceptionKind::Dropped { from_id, .. },
                "from_id",
            ) => peer(*from_id),
            (
                ExceptionKind::Refused { to_id, .. } | ExceptionKind::Dropped { to_id, .. },
                "to_id",
            ) => peer(*to_id),
            (ExceptionKind::Dropped { group_id, .. }, "group_id") => {
                Some(snapshot.group_label(*group_id, None))
            }
            (
                ExceptionKind::Failed { peer_id, .. } | ExceptionKind::Slow { peer_id, .. },
                "peer_id",
            ) => peer(*peer_id),
            _ => None,
        }
    }
}

impl Fielded for Probe {
    fn fields() -> &'static [Field<Self>] {
        PROBE_FIELDS
    }
}

impl Fielded for Warning {
    fn fields() -> &'static [Field<Self>] {
        WARNING_FIELDS
    }

    fn matches(&self, needle: &str) -> bool {
        let keys = [self.rule.key(), self.severity.key(), self.subject.key()];
        holds(&self.sentence(), needle) || keys.iter().any(|key| key.contains(needle))
    }
}
