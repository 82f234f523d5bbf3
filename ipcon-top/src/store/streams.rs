// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flows as they are shown: between pairs, or added up by sender or by receiver.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use ipcon_observe::fields::{FLOW_FIELDS, Field, Value, position};
use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Flow, FlowCounters, FlowKey, FlowKind, KERNEL, SafeText};
use ipcon_observe::{Rates, RowRates, Snapshot};

use super::{Item, Row, Store};
use crate::fielded::{Fielded, holds};

/// How flows are added up.
pub trait Grouping: Sized + Clone + std::fmt::Debug + Send + 'static {
    /// What it is called.
    const NAME: &'static str;

    /// Whether senders are told apart.
    const FROM: bool;

    /// Whether receivers are told apart.
    const TO: bool;

    /// The flow that another one is part of; `None` when it is in none.
    fn part_of(flow: &Flow, snapshot: &Snapshot) -> Option<FlowKey>;

    /// The flows that were added up so.
    fn streams(streams: &Streams) -> &[Stream<Self>];
}

/// Each flow alone.
#[derive(Debug, Clone)]
pub struct ByPair;

/// By the peer that sends: to peers, and to its groups. Copies that members lose count as lost.
#[derive(Debug, Clone)]
pub struct BySender;

/// By the peer that receives: from peers, and from groups.
#[derive(Debug, Clone)]
pub struct ByReceiver;

/// Flows that were added up.
#[derive(Debug, Clone)]
pub struct Stream<G> {
    /// What tells it from others.
    pub key: FlowKey,
    /// Where it begins; `None` for all senders.
    pub from: Option<End>,
    /// Where it ends; `None` for all receivers.
    pub to: Option<End>,
    /// Totals.
    pub counters: FlowCounters,
    /// Growth of the totals per second; `None` when there is nothing to compare with.
    pub per_second: Option<RowRates>,
    grouping: PhantomData<G>,
}

/// A peer or a group at the end of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Which one; `None` when nobody can be named.
    pub subject: Option<Subject>,
    /// What a person calls it. Safe to print.
    pub label: String,
    /// Its name on the bus, where that is another text. Safe to print.
    pub name: Option<SafeText>,
}

impl End {
    /// What it is called: as it is shown, and by its name.
    fn names(&self) -> Value<'_> {
        let name = self.name.iter().map(SafeText::as_str);
        Value::List(std::iter::once(&*self.label).chain(name).collect())
    }
}

/// The flows in all groupings, each in ascending order of key.
#[derive(Debug, Clone, Default)]
pub struct Streams {
    pairs: Vec<Stream<ByPair>>,
    senders: Vec<Stream<BySender>>,
    receivers: Vec<Stream<ByReceiver>>,
}

impl Streams {
    pub(super) fn of(snapshot: &Snapshot, rates: &Rates) -> Self {
        Self {
            pairs: add_up(snapshot, rates),
            senders: add_up(snapshot, rates),
            receivers: add_up(snapshot, rates),
        }
    }
}

/// Growth of [`FlowCounters`] per second.
#[derive(Default)]
struct Growth {
    messages: f64,
    bytes: f64,
    lost: f64,
}

impl Growth {
    fn by_key(self) -> RowRates {
        let Self {
            messages,
            bytes,
            lost,
        } = self;
        let rates = [
            ("messages", messages),
            ("bytes", bytes),
            ("lost_messages", lost),
        ];
        rates.into_iter().collect()
    }
}

fn add_up<G: Grouping>(snapshot: &Snapshot, rates: &Rates) -> Vec<Stream<G>> {
    let mut streams: BTreeMap<FlowKey, (Stream<G>, Option<Growth>)> = BTreeMap::new();
    for flow in &snapshot.flows {
        let Some(key) = G::part_of(flow, snapshot) else {
            continue;
        };
        let (stream, growth) = streams.entry(key).or_insert_with(|| {
            let stream = Stream {
                key,
                from: None,
                to: None,
                counters: FlowCounters::default(),
                per_second: None,
                grouping: PhantomData,
            };
            (stream, None)
        });
        if G::FROM && stream.from.is_none() {
            stream.from = Some(from(flow, key, snapshot));
        }
        if G::TO && stream.to.is_none() {
            stream.to = Some(to(flow, snapshot));
        }
        // Copies of what its owner published: the messages are counted once, the losses of all members.
        let adds_messages = key.kind == FlowKind::Copies || flow.kind != FlowKind::Copies;
        let mut counters = flow.counters;
        if !adds_messages {
            (counters.messages, counters.bytes) = (0, 0);
        }
        stream.counters += counters;
        if let Some(row) = rates.flow(flow.key()) {
            let sums = growth.get_or_insert_default();
            let rate = |key| row.get(key).unwrap_or_default();
            if adds_messages {
                sums.messages += rate("messages");
                sums.bytes += rate("bytes");
            }
            sums.lost += rate("lost_messages");
        }
    }
    let streams = streams.into_values();
    streams
        .map(|(stream, growth)| Stream {
            per_second: growth.map(Growth::by_key),
            ..stream
        })
        .collect()
}

/// Where the stream `key` begins, a part of which is the flow.
fn from(flow: &Flow, key: FlowKey, snapshot: &Snapshot) -> End {
    match (flow.kind, key.kind) {
        (FlowKind::Copies, FlowKind::Copies) => {
            let label = flow.from_label(snapshot);
            group(flow.from_id, flow.from_name.as_ref(), label)
        }
        (FlowKind::Copies, _) if key.from_id == 0 => peer(0, KERNEL.to_owned(), snapshot),
        (FlowKind::Copies, _) => {
            let label = snapshot.peer_label(key.from_id, None);
            peer(key.from_id, label, snapshot)
        }
        _ => peer(key.from_id, flow.from_label(snapshot), snapshot),
    }
}

/// Where a flow ends.
fn to(flow: &Flow, snapshot: &Snapshot) -> End {
    let label = flow.to_label(snapshot);
    match flow.kind {
        FlowKind::Published => group(flow.to_id, flow.to_name.as_ref(), label),
        FlowKind::Unicast | FlowKind::Copies => peer(flow.to_id, label, snapshot),
    }
}

/// A peer; one that is not here leads nowhere.
fn peer(id: u64, label: String, snapshot: &Snapshot) -> End {
    let peer = snapshot.peer(id);
    let name = peer.and_then(|peer| peer.name());
    End {
        subject: peer.map(|_| Subject::Peer(id)),
        name: name.filter(|name| name.as_str() != label).cloned(),
        label,
    }
}

fn group(id: u64, name: Option<&SafeText>, label: String) -> End {
    End {
        subject: Some(Subject::Group(id)),
        label,
        name: name.cloned(),
    }
}

impl Grouping for ByPair {
    const NAME: &'static str = "pair";
    const FROM: bool = true;
    const TO: bool = true;

    fn part_of(flow: &Flow, _: &Snapshot) -> Option<FlowKey> {
        Some(flow.key())
    }

    fn streams(streams: &Streams) -> &[Stream<Self>] {
        &streams.pairs
    }
}

impl Grouping for BySender {
    const NAME: &'static str = "sender";
    const FROM: bool = true;
    const TO: bool = false;

    fn part_of(flow: &Flow, snapshot: &Snapshot) -> Option<FlowKey> {
        let from_id = match flow.kind {
            FlowKind::Unicast | FlowKind::Published => flow.from_id,
            FlowKind::Copies => snapshot.group(flow.from_id)?.owner_id,
        };
        // Nobody in particular is the kernel in one kind and several peers in the other.
        let kind = match (flow.kind, from_id) {
            (FlowKind::Unicast, 0) => FlowKind::Unicast,
            _ => FlowKind::Published,
        };
        Some(FlowKey {
            kind,
            from_id,
            to_id: 0,
        })
    }

    fn streams(streams: &Streams) -> &[Stream<Self>] {
        &streams.senders
    }
}

impl Grouping for ByReceiver {
    const NAME: &'static str = "receiver";
    const FROM: bool = false;
    const TO: bool = true;

    fn part_of(flow: &Flow, _: &Snapshot) -> Option<FlowKey> {
        (flow.kind != FlowKind::Published).then_some(FlowKey {
            kind: FlowKind::Copies,
            from_id: 0,
            to_id: flow.to_id,
        })
    }

    fn streams(streams: &Streams) -> &[Stream<Self>] {
        &streams.receivers
    }
}

/// A fact about flows, told of what they add up to.
const fn of_flow<G: Grouping>(
    key: &str,
    get: for<'a> fn(&'a Stream<G>) -> Option<Value<'a>>,
) -> Field<Stream<G>> {
    FLOW_FIELDS[position(FLOW_FIELDS, key)].of(get)
}

impl<G: Grouping> Fielded for Stream<G> {
    /// The same in all groupings, so that a filter stays one: who is not told apart is absent.
    fn fields() -> &'static [Field<Self>] {
        const {
            &[
                of_flow("kind", |it| {
                    (G::FROM && G::TO).then(|| Value::Text(it.key.kind.key().into()))
                }),
                of_flow("from_name", |it| it.from.as_ref().map(End::names)),
                of_flow("from_id", |it| {
                    G::FROM.then_some(Value::Count(it.key.from_id))
                }),
                of_flow("to_name", |it| it.to.as_ref().map(End::names)),
                of_flow("to_id", |it| G::TO.then_some(Value::Count(it.key.to_id))),
                of_flow("messages", |it| Some(Value::Count(it.counters.messages))),
                of_flow("bytes", |it| Some(Value::Bytes(it.counters.bytes))),
                of_flow("lost_messages", |it| {
                    Some(Value::Count(it.counters.lost_messages))
                }),
            ]
        }
    }

    fn matches(&self, needle: &str) -> bool {
        let ends = [&self.from, &self.to];
        let is_pair = G::FROM && G::TO;
        is_pair && self.key.kind.key().contains(needle)
            || ends
                .into_iter()
                .flatten()
                .any(|end| holds(&end.label, needle))
    }
}

impl<G: Grouping> Item for Stream<G> {
    type Key = FlowKey;

    fn key(&self) -> FlowKey {
        self.key
    }

    fn count(store: &Store) -> usize {
        G::streams(&store.streams).len()
    }

    fn row(store: &Store, index: usize) -> Option<Row<'_, Self>> {
        let item = G::streams(&store.streams).get(index)?;
        Some(Row {
            rates: item.per_second.as_ref(),
            ..Row::of(item, store)
        })
    }

    fn unseen(store: &Store) -> Option<String> {
        store.bus_absence().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_can_be_asked_what_flows_can() {
        fn told<R>(fields: &'static [Field<R>]) -> Vec<(&'static str, &'static str)> {
            fields.iter().map(|it| (it.key, it.title)).collect()
        }
        assert_eq!(told(Stream::<ByPair>::fields()), told(FLOW_FIELDS));
        assert_eq!(told(Stream::<BySender>::fields()), told(FLOW_FIELDS));
        assert_eq!(told(Stream::<ByReceiver>::fields()), told(FLOW_FIELDS));
    }
}
