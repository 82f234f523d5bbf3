// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of every sort, and the values of the wanted fields in them.

use std::fmt;

use clap::ValueEnum;
use ipcon_observe::fields::{Field, Value, find};
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{Bus, Channel, Endpoint, Event, Exception, Flow, Group, Peer, Probe};
use ipcon_observe::{RowRates, Snapshot};

use super::columns::{self, Column};
use super::{Output, Seen};
use crate::fielded::Fielded;
use crate::filter::{Compiled, Filter};
use crate::store::Row;

/// Which rows to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// The bus as a whole, one row
    Bus,
    /// Peers
    #[default]
    Peers,
    /// Groups
    Groups,
    /// Who sends to whom
    Flows,
    /// Connections of coroipc
    Channels,
    /// Endpoints of coroipc servers
    Endpoints,
    /// What came and went since the block before
    Events,
    /// What went wrong since the block before
    Exceptions,
    /// What the probes themselves did, and how long they ran
    Probes,
    /// What is wrong, by whom, and what to do
    Warnings,
}

impl Rows {
    /// Stable name.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Peers => "peers",
            Self::Groups => "groups",
            Self::Flows => "flows",
            Self::Channels => "channels",
            Self::Endpoints => "endpoints",
            Self::Events => "events",
            Self::Exceptions => "exceptions",
            Self::Probes => "probes",
            Self::Warnings => "warnings",
        }
    }
}

/// What is in one place of a table.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Value(Value<'a>),
    PerSecond(f64),
}

/// One row: a cell for each column, absent where the row has none.
pub(super) struct Line<'a> {
    pub(super) cells: Vec<Option<Cell<'a>>>,
    /// What tells the row from others, as labels of a metric.
    pub(super) labels: Vec<(&'static str, String)>,
}

/// The wanted fields of rows of one sort.
pub struct Table {
    pub(super) rows: Rows,
    pub(super) columns: Vec<Column>,
    lines: Box<Lines>,
}

type Lines = dyn for<'a> Fn(&'a Seen) -> Vec<Line<'a>>;

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &self.rows)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Looks up the fields that were asked for, or takes what the form usually has.
    ///
    /// # Errors
    ///
    /// There is no such field, or the filter is none for these rows.
    pub fn new(
        rows: Rows,
        fields: Option<&str>,
        filter: Option<&str>,
        output: Output,
    ) -> anyhow::Result<Self> {
        match rows {
            Rows::Bus => Self::of::<Bus>(rows, fields, filter, output),
            Rows::Peers => Self::of::<Peer>(rows, fields, filter, output),
            Rows::Groups => Self::of::<Group>(rows, fields, filter, output),
            Rows::Flows => Self::of::<Flow>(rows, fields, filter, output),
            Rows::Channels => Self::of::<Channel>(rows, fields, filter, output),
            Rows::Endpoints => Self::of::<Endpoint>(rows, fields, filter, output),
            Rows::Events => Self::of::<Event>(rows, fields, filter, output),
            Rows::Exceptions => Self::of::<Exception>(rows, fields, filter, output),
            Rows::Probes => Self::of::<Probe>(rows, fields, filter, output),
            Rows::Warnings => Self::of::<Warning>(rows, fields, filter, output),
        }
    }

    fn of<R: Tabled>(
        rows: Rows,
        fields: Option<&str>,
        filter: Option<&str>,
        output: Output,
    ) -> anyhow::Result<Self> {
        let wanted = match fields {
            Some(list) => columns::choose(R::fields(), list)?,
            None => columns::usual(R::fields(), output, R::FOR_PEOPLE),
        };
        let filter = compile(filter.unwrap_or_default())?;
        let for_people = output == Output::Text;
        let titles = if for_people { R::TITLES } else { &[] };
        let columns = wanted.iter().map(|&(field, rate)| {
            let mut column = Column::of(field, rate);
            if let Some((_, title)) = titles.iter().find(|(key, _)| *key == field.key) {
                column.title = title;
            }
            column
        });
        Ok(Self {
            rows,
            columns: columns.collect(),
            lines: Box::new(move |seen| {
                let rows = R::rows(seen).into_iter();
                let passing = rows.filter(|row| filter.matches(row));
                let called_in = for_people.then_some(&*seen.snapshot);
                passing.map(|row| line(&wanted, row, called_in)).collect()
            }),
        })
    }

    pub(super) fn lines<'a>(&self, seen: &'a Seen) -> Vec<Line<'a>> {
        (self.lines)(seen)
    }
}

/// The wanted of a row. For people, peers and groups are called as in the snapshot they are `called_in`.
fn line<'a, R: Tabled>(
    wanted: &[(&'static Field<R>, bool)],
    row: Row<'a, R>,
    called_in: Option<&Snapshot>,
) -> Line<'a> {
    let cell = |&(field, rate): &(&Field<R>, bool)| {
        if rate {
            row.rate(field.key).map(Cell::PerSecond)
        } else if let Some(called) = called_in.and_then(|it| row.item.called(field.key, it)) {
            Some(Cell::Value(Value::Text(called.into())))
        } else {
            (field.get)(row.item).map(Cell::Value)
        }
    };
    let label = |&(name, key): &(&'static str, &str)| {
        let value = (find(R::fields(), key)?.get)(row.item)?;
        Some((name, value.to_string()))
    };
    Line {
        cells: wanted.iter().map(cell).collect(),
        labels: R::LABELS.iter().filter_map(label).collect(),
    }
}

/// A sort of rows.
trait Tabled: Fielded {
    /// What a table for people shows.
    const FOR_PEOPLE: &'static str;
    /// Fields that have another title there, since what stands below it is not their value.
    const TITLES: &'static [(&'static str, &'static str)] = &[];
    /// Labels that tell rows apart, and the fields they are made from.
    const LABELS: &'static [(&'static str, &'static str)];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>>;
}

fn compile<R: Fielded>(text: &str) -> anyhow::Result<Compiled<R>> {
    let compiled = Filter::parse(text).and_then(|filter| filter.compile());
    compiled.map_err(|error| error.of_option(text))
}

fn rows<'a, R: Fielded>(
    items: &'a [R],
    seen: &'a Seen,
    rates: impl Fn(&R) -> Option<&'a RowRates>,
) -> Vec<Row<'a, R>> {
    items
        .iter()
        .map(|item| Row {
            item,
            rates: rates(item),
            waits: item.waits(),
            warnings: &[],
            gone: None,
            now: seen.snapshot.taken_at,
        })
        .collect()
}

impl Tabled for Bus {
    const FOR_PEOPLE: &'static str = "peers,services,groups,sent_messages/s,delivered_messages/s,sent_messages,\
        delivered_messages,refused_messages,dropped_messages";
    const LABELS: &'static [(&'static str, &'static str)] = &[];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        let bus = seen.snapshot.bus.as_ref();
        rows(bus.map_or(&[], std::slice::from_ref), seen, |_| {
            Some(seen.rates.bus()).filter(|rates| !rates.is_empty())
        })
    }
}

impl Tabled for Peer {
    const FOR_PEOPLE: &'static str = "name,port,pid,comm,sent_messages,sent_messages/s,delivered_messages,\
        delivered_messages/s,queue_fill,refused_messages,dropped_messages,dropped_messages/s";
    const LABELS: &'static [(&'static str, &'static str)] = &[
        ("id", "id"),
        ("peer", "name"),
        ("comm", "comm"),
        ("pid", "pid"),
    ];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.snapshot.peers, seen, |peer| seen.rates.peer(peer.id))
    }
}

impl Tabled for Group {
    const FOR_PEOPLE: &'static str = "name,owner_name,members,sent_messages,sent_messages/s,delivered_messages,\
        delivered_messages/s,replayed_messages,unheard_messages,dropped_messages,dropped_messages/s";
    const LABELS: &'static [(&'static str, &'static str)] = &[("id", "id"), ("group", "name")];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.snapshot.groups, seen, |group| {
            seen.rates.group(group.id)
        })
    }
}

impl Tabled for Flow {
    const FOR_PEOPLE: &'static str =
        "kind,from_name,to_name,messages,messages/s,bytes,bytes/s,lost_messages,lost_messages/s";
    const LABELS: &'static [(&'static str, &'static str)] = &[
        ("kind", "kind"),
        ("from_id", "from_id"),
        ("from", "from_name"),
        ("to_id", "to_id"),
        ("to", "to_name"),
    ];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.snapshot.flows, seen, |flow| {
            seen.rates.flow(flow.key())
        })
    }
}

impl Tabled for Channel {
    const FOR_PEOPLE: &'static str = "server_comm,server_pid,service,client_pid,requests,requests/s,responses,\
        dispatched,dispatched/s,queue_size,flow_control,latency_p99_seconds,events_dropped";
    const LABELS: &'static [(&'static str, &'static str)] = &[
        ("id", "id"),
        ("server", "server_comm"),
        ("server_pid", "server_pid"),
        ("service", "service"),
        ("client_pid", "client_pid"),
    ];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(seen.snapshot.channels(), seen, |row| {
            seen.rates.channel(row.id)
        })
    }
}

impl Tabled for Endpoint {
    const FOR_PEOPLE: &'static str = "server_comm,server_pid,connections,connections_max,memory_bytes,accepted,\
        accepted/s,connected,refused,refused/s,address";
    const LABELS: &'static [(&'static str, &'static str)] = &[
        ("id", "id"),
        ("server", "server_comm"),
        ("server_pid", "server_pid"),
        ("address", "address"),
    ];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(seen.snapshot.endpoints(), seen, |row| {
            seen.rates.endpoint(row.id)
        })
    }
}

impl Tabled for Event {
    const FOR_PEOPLE: &'static str = "sequence,time_seconds,kind,name,pid,port,group_id";
    const LABELS: &'static [(&'static str, &'static str)] = &[];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.snapshot.events, seen, |_| None)
    }
}

impl Tabled for Exception {
    const FOR_PEOPLE: &'static str = "time_seconds,exception,from_id,to_id,group_id,peer_id,bytes,reason,command,errno,waited_seconds";
    const TITLES: &'static [(&'static str, &'static str)] = &[
        ("from_id", "FROM"),
        ("to_id", "TO"),
        ("group_id", "GROUP"),
        ("peer_id", "PEER"),
    ];
    const LABELS: &'static [(&'static str, &'static str)] = &[];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.snapshot.exceptions, seen, |_| None)
    }
}

impl Tabled for Probe {
    const FOR_PEOPLE: &'static str = "name,attached,seen,seen/s,counted,lost_events,missed,timed_runs,\
        run_time_mean_seconds,run_time_seconds/s";
    const LABELS: &'static [(&'static str, &'static str)] = &[("probe", "name")];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        let probes = seen.snapshot.probes.as_ref();
        rows(probes.map_or(&[], |it| &it.probes), seen, |probe| {
            seen.rates.probes().row(&probe.name)
        })
    }
}

impl Tabled for Warning {
    const FOR_PEOPLE: &'static str = "severity,rule,subject_name,who,reason,advice";
    const LABELS: &'static [(&'static str, &'static str)] = &[
        ("rule", "rule"),
        ("severity", "severity"),
        ("subject", "subject"),
        ("subject_id", "subject_id"),
        ("source", "source"),
        ("name", "subject_name"),
        ("item", "item"),
    ];

    fn rows(seen: &Seen) -> Vec<Row<'_, Self>> {
        rows(&seen.warnings, seen, |_| None)
    }
}
