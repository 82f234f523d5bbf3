// SPDX-License-Identifier: MIT OR Apache-2.0
//! The events: what came and went, newest first, and what the observer missed.

use std::cmp::Ordering;
use std::time::Duration;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{EventKind, ExceptionKind};

use super::View;
use super::detail::Detail;
use super::table_view::TableView;
use crate::format::{self, Align};
use crate::store::{Happened, LogLine, Row, Store};
use crate::table::{Cell, CellContext, Column, Natural, Table};
use crate::theme::Role;

/// The view of the events.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "newest",
        order: newest_first,
    };
    Box::new(TableView {
        leads_to: about,
        ..TableView::new("Events", Table::new(columns(), natural), detail)
    })
}

/// The receiver of what did not arrive, or who asked for what failed; the group that came.
fn about(line: &LogLine) -> Option<Subject> {
    match &line.what {
        Happened::Exception(mishap) => match mishap.exception.what {
            ExceptionKind::Refused {
                to_id: 0, from_id, ..
            } => Some(Subject::Peer(from_id)),
            ExceptionKind::Refused { to_id, .. } | ExceptionKind::Dropped { to_id, .. } => {
                Some(Subject::Peer(to_id))
            }
            ExceptionKind::Failed { peer_id, .. } | ExceptionKind::Slow { peer_id, .. } => {
                Some(Subject::Peer(peer_id))
            }
        },
        Happened::Kevent(event) => event.group_id.map(Subject::Group),
        _ => None,
    }
}

fn columns() -> Vec<Column<LogLine>> {
    let plain =
        |cell: fn(&Line<'_>) -> Cell| move |line: &Line<'_>, _: &CellContext<'_>| cell(line);
    vec![
        Column::new(
            "TIME",
            "When it happened, in UTC.",
            Align::Left,
            time,
            by_time,
        )
        .extent(12, 12, 2),
        Column::new("AGE", "How long ago.", Align::Right, plain(age), by_time).extent(6, 6, 5),
        Column::new(
            "EVENT",
            "What happened.",
            Align::Left,
            plain(event),
            by_event,
        )
        .extent(10, 10, 0),
        Column::new(
            "NAME",
            "Service or group; of what went wrong, who sent what to whom and why it failed.",
            Align::Left,
            plain(name),
            by_name,
        )
        .extent(16, 100, 1),
        Column::new(
            "PORT",
            "Port of the peer.",
            Align::Right,
            plain(port),
            by_port,
        )
        .extent(10, 10, 3),
        Column::new(
            "PID",
            "Process of the peer.",
            Align::Right,
            plain(pid),
            by_pid,
        )
        .extent(7, 7, 4),
        Column::new(
            "SEQ",
            "Number of the event.",
            Align::Right,
            plain(sequence),
            oldest_first,
        )
        .extent(8, 8, 6),
    ]
}

type Line<'a> = Row<'a, LogLine>;

fn newest_first(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    oldest_first(b, a)
}

fn oldest_first(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    a.item.number.cmp(&b.item.number)
}

fn by_time(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    moment(a).cmp(&moment(b))
}

fn by_port(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    let port = |line: &Line<'_>| kevent(line).and_then(|event| event.port);
    port(a).cmp(&port(b))
}

fn by_pid(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    let pid = |line: &Line<'_>| kevent(line).map(|event| event.pid);
    pid(a).cmp(&pid(b))
}

fn by_event(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    event(a).text.cmp(&event(b).text)
}

fn by_name(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    name(a).text.cmp(&name(b).text)
}

fn kevent<'a>(line: &Line<'a>) -> Option<&'a ipcon_observe::model::Event> {
    match &line.item.what {
        Happened::Kevent(event) => Some(event),
        Happened::Exception(_)
        | Happened::More { .. }
        | Happened::Lost { .. }
        | Happened::Restarted { .. }
        | Happened::BusGone { .. }
        | Happened::BusFound { .. } => None,
    }
}

fn moment(line: &Line<'_>) -> Duration {
    match &line.item.what {
        Happened::Kevent(event) => event.time,
        Happened::Exception(mishap) => mishap.exception.time,
        Happened::More { noticed, .. }
        | Happened::Lost { noticed, .. }
        | Happened::Restarted { noticed }
        | Happened::BusGone { noticed }
        | Happened::BusFound { noticed } => *noticed,
    }
}

fn time(line: &Line<'_>, ctx: &CellContext<'_>) -> Cell {
    Cell::new(
        format::precise_time_of_day(ctx.epoch + moment(line)),
        Role::Normal,
    )
}

fn age(line: &Line<'_>) -> Cell {
    Cell::new(
        format::duration(line.now.saturating_sub(moment(line))),
        Role::Quiet,
    )
}

fn event(line: &Line<'_>) -> Cell {
    let (text, role) = match &line.item.what {
        Happened::Kevent(event) => match event.kind {
            EventKind::ServiceAdd => ("+ service", Role::Good),
            EventKind::ServiceRemove => ("- service", Role::Warning),
            EventKind::GroupAdd => ("+ group", Role::Good),
            EventKind::GroupRemove => ("- group", Role::Warning),
            EventKind::PeerRemove => ("- peer", Role::Warning),
        },
        Happened::Exception(mishap) => match mishap.exception.what {
            ExceptionKind::Refused { .. } => ("! refused", Role::Warning),
            ExceptionKind::Dropped { .. } => ("! dropped", Role::Alarm),
            ExceptionKind::Failed { .. } => ("! failed", Role::Warning),
            ExceptionKind::Slow { .. } => ("! slow", Role::Warning),
        },
        Happened::More { .. } => ("! more", Role::Quiet),
        Happened::Lost { .. } => ("! lost", Role::Alarm),
        Happened::Restarted { .. } => ("! new bus", Role::Alarm),
        Happened::BusGone { .. } => ("! no bus", Role::Alarm),
        Happened::BusFound { .. } => ("+ bus", Role::Good),
    };
    Cell::new(text, role)
}

fn name(line: &Line<'_>) -> Cell {
    match &line.item.what {
        Happened::Kevent(event) => {
            let name = event.name.as_ref().map_or("", |name| name.as_str());
            Cell::new(name, Role::Normal)
        }
        Happened::Exception(mishap) => Cell::new(mishap.text.clone(), Role::Normal),
        Happened::More { exceptions, .. } => {
            let text = format!("{exceptions} more messages or requests went wrong");
            Cell::new(text, Role::Quiet)
        }
        Happened::Lost { source, events, .. } => {
            Cell::new(format!("{events} missed by {}", source.key()), Role::Alarm)
        }
        Happened::Restarted { .. } => {
            Cell::new("module loaded anew, counters restarted", Role::Alarm)
        }
        Happened::BusGone { .. } => Cell::new("the bus cannot be read any more", Role::Alarm),
        Happened::BusFound { .. } => Cell::new("the bus can be read now", Role::Good),
    }
}

fn port(line: &Line<'_>) -> Cell {
    optional(kevent(line).and_then(|event| event.port))
}

fn pid(line: &Line<'_>) -> Cell {
    optional(kevent(line).map(|event| event.pid).filter(|&pid| pid != 0))
}

fn sequence(line: &Line<'_>) -> Cell {
    optional(kevent(line).map(|event| event.sequence))
}

fn optional(number: Option<impl ToString>) -> Cell {
    match number {
        Some(number) => Cell::new(number.to_string(), Role::Normal),
        None => Cell::new("", Role::Quiet),
    }
}

fn detail(line: &Line<'_>, _: &Store) -> Detail {
    let mut facts = vec![("what", name(line).text), ("age", age(line).text)];
    if let Some(event) = kevent(line) {
        facts = vec![
            (
                "name",
                event
                    .name
                    .as_ref()
                    .map_or(format::ABSENT.to_owned(), ToString::to_string),
            ),
            (
                "port",
                event
                    .port
                    .map_or(format::ABSENT.to_owned(), |port| port.to_string()),
            ),
            ("pid", event.pid.to_string()),
            (
                "group",
                event
                    .group_id
                    .map_or(format::ABSENT.to_owned(), |id| id.to_string()),
            ),
            ("number", event.sequence.to_string()),
            ("age", age(line).text),
        ];
    }
    Detail {
        title: event_title(line),
        facts,
        ..Detail::default()
    }
}

fn event_title(line: &Line<'_>) -> String {
    kevent(line).map_or_else(
        || event(line).text,
        |event| event.kind.key().replace('_', " "),
    )
}
