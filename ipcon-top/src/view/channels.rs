// SPDX-License-Identifier: MIT OR Apache-2.0
//! The channels: connections of coroipc, who calls whom how often, how soon it is answered, who does not read events.

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Channel, Endpoint};

use super::View;
use super::detail::{self, Detail};
use super::table_view::TableView;
use crate::format;
use crate::store::{Row, Store};
use crate::table::{Cell, Column, Natural, Table, rate, text, value};
use crate::theme::Role;

/// The view of the channels.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "trouble",
        order: by_server,
    };
    Box::new(TableView {
        row_of: |subject| match subject {
            Subject::Channel(id) => Some(id),
            _ => None,
        },
        ..TableView::new("Channels", Table::new(columns(), natural), detail)
    })
}

fn columns() -> Vec<Column<Channel>> {
    vec![
        text("server_comm", |row: &Row<'_, Channel>| {
            Cell::new(row.item.server_comm.as_str(), Role::Normal)
        })
        .extent(12, 15, 0),
        value("server_pid").extent(7, 7, 9),
        value("service").extent(8, 8, 3),
        value("client_pid").extent(7, 7, 1),
        value("client_uid").extent(6, 6, 12),
        value("requests").extent(5, 5, 7),
        rate("requests").extent(6, 6, 2),
        value("dispatched").extent(7, 7, 10),
        rate("dispatched").extent(9, 9, 6),
        value("queue_size").extent(6, 6, 8),
        value("events_queued").extent(8, 8, 11),
        value("latency_p50_seconds").extent(6, 6, 13),
        value("latency_p99_seconds").extent(6, 6, 5),
        rate("overload").extent(11, 11, 14),
        rate("events_dropped").extent(10, 10, 4),
    ]
}

/// By name, process and service of the server, then by age.
fn by_server(a: &Row<'_, Channel>, b: &Row<'_, Channel>) -> Ordering {
    let key = |row: &Row<'_, Channel>| (row.item.server_pid, row.item.service);
    let names = a.item.server_comm.cmp(&b.item.server_comm);
    names.then_with(|| key(a).cmp(&key(b)))
}

/// Endpoints of a server that are shown: more would leave no room for the counters.
const ENDPOINTS: usize = 2;

/// What the server of a connection tells of its endpoints. Which of several the client came to, nobody says.
fn endpoints(channel: &Channel, store: &Store) -> Vec<(&'static str, String)> {
    let all = store.snapshot().endpoints().iter();
    let mut of_server = all.filter(|it| it.server_pid == channel.server_pid);
    let mut lines: Vec<_> = of_server
        .by_ref()
        .take(ENDPOINTS)
        .map(|it| ("endpoint", endpoint(it)))
        .collect();
    let more = of_server.count();
    if more > 0 {
        lines.push(("endpoints", format!("and {more} more")));
    }
    lines
}

fn endpoint(endpoint: &Endpoint) -> String {
    let counters = &endpoint.counters;
    let refused = format::refusals(counters).unwrap_or("none".to_owned());
    let address = endpoint.address.as_deref();
    // What may be long comes last, since lines are cut.
    format!(
        "accepted {}, refused {refused}; memory {}, at most {}; at {}",
        counters.accepted,
        format::bytes(counters.memory_bytes),
        format::bytes(counters.memory_bytes_max),
        address.unwrap_or(format::ABSENT),
    )
}

fn detail(row: &Row<'_, Channel>, store: &Store) -> Detail {
    let channel = row.item;
    let counters = &channel.counters;
    let time = |time: Option<std::time::Duration>| {
        time.map_or(format::ABSENT.to_owned(), |bound| {
            format!("<{}", format::duration(bound))
        })
    };
    let held = if counters.flow_control > 0 {
        "events held back"
    } else {
        "events flow"
    };
    Detail {
        title: channel.label(),
        warnings: row.warnings.to_vec(),
        facts: vec![
            ("server", channel.server_pid.to_string()),
            ("service", channel.service.to_string()),
            ("client", channel.client_pid.to_string()),
            ("uid", channel.client_uid.to_string()),
            ("connection", channel.connection.to_string()),
            (
                "age",
                format::duration(row.now.saturating_sub(channel.started_at)),
            ),
            (
                "unanswered",
                format!(
                    "{}, at most {}",
                    counters.queue_size, counters.queue_size_max
                ),
            ),
            (
                "events waiting",
                format!(
                    "{}, at most {}",
                    counters.events_queued, counters.events_queued_max
                ),
            ),
            ("flow", held.to_owned()),
            ("p50", time(channel.latency.quantile(0.5))),
            ("p99", time(channel.latency.quantile(0.99))),
        ],
        lists: endpoints(channel, store),
        times: Some(channel.latency.clone()),
        counters: detail::counters(row),
        ..Detail::default()
    }
}
