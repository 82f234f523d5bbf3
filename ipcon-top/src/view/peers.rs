// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peers: who sends, who receives, whose queue is full.

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Peer, SafeText};

use super::detail::{self, Detail};
use super::table_view::TableView;
use super::{View, waits};
use crate::format;
use crate::store::{Row, Store};
use crate::table::{Cell, Column, Natural, Table, queue, rate, text, value};
use crate::theme::Role;

/// The view of the peers.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "trouble",
        order: by_name,
    };
    Box::new(TableView {
        row_of: |subject| match subject {
            Subject::Peer(id) => Some(id),
            _ => None,
        },
        ..TableView::new("Peers", Table::new(columns(), natural), detail)
    })
}

fn columns() -> Vec<Column<Peer>> {
    vec![
        text("name", name).extent(16, 32, 0),
        value("comm").extent(10, 15, 9),
        value("pid").extent(7, 7, 11),
        value("port").extent(10, 10, 18),
        rate("sent_messages").extent(6, 6, 6),
        rate("delivered_messages").extent(6, 6, 2),
        rate("sent_bytes").extent(7, 7, 12),
        rate("delivered_bytes").extent(7, 7, 13),
        queue().extent(10, 14, 3),
        value("queue_oldest_seconds").extent(7, 7, 4),
        waits::p50().extent(6, 6, 10),
        waits::p99().extent(6, 6, 7),
        rate("refused_messages").extent(10, 10, 5),
        rate("dropped_messages").extent(10, 10, 1),
        value("dropped_messages").extent(8, 8, 8),
        value("sent_messages").extent(5, 5, 15),
        value("delivered_messages").extent(5, 5, 14),
        value("refused_messages").extent(8, 8, 16),
        value("lost").extent(5, 5, 17),
    ]
}

/// The name of a peer as a cell.
pub(super) fn name(row: &Row<'_, Peer>) -> Cell {
    let peer = row.item;
    let role = if peer.observer || peer.name().is_none() {
        Role::Quiet
    } else {
        Role::Normal
    };
    Cell::new(peer.label(), role)
}

/// Those with a name first, by name: a calm list.
fn by_name(a: &Row<'_, Peer>, b: &Row<'_, Peer>) -> Ordering {
    let (a, b) = (a.item.name(), b.item.name());
    a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
}

/// Everything about a peer.
pub(super) fn detail(row: &Row<'_, Peer>, store: &Store) -> Detail {
    let peer = row.item;
    let names = |texts: &mut dyn Iterator<Item = &SafeText>| {
        let texts: Vec<&str> = texts.map(SafeText::as_str).collect();
        texts.join(", ")
    };
    let mut facts = vec![
        ("port", peer.port.to_string()),
        ("pid", peer.pid.to_string()),
        ("command", peer.comm.to_string()),
        ("uid", peer.uid.to_string()),
        (
            "age",
            format::duration(row.now.saturating_sub(peer.created_at)),
        ),
        (
            "queue",
            format!(
                "{} of {}",
                format::bytes(peer.queue_bytes),
                format::bytes(peer.queue_limit)
            ),
        ),
        (
            "oldest",
            peer.queue_oldest
                .map_or(format::ABSENT.to_owned(), format::duration),
        ),
        ("peer", peer.id.to_string()),
    ];
    if peer.observer {
        facts.push(("this is", "the observer itself".to_owned()));
    }
    Detail {
        title: peer.label(),
        warnings: row.warnings.to_vec(),
        facts,
        lists: vec![
            ("top senders", top_senders(peer.id, store)),
            (
                "services",
                names(&mut peer.services.iter().map(|service| &service.name)),
            ),
            ("owns", names(&mut peer.owned_groups.iter())),
            ("joined", names(&mut peer.joined_groups.iter())),
        ],
        waits: row.waits.copied(),
        counters: detail::counters(row),
        ..Detail::default()
    }
}

/// Senders that are shown: more would not fit a line.
const TOP: usize = 5;

/// Who sends most to a peer, itself or through its groups.
fn top_senders(id: u64, store: &Store) -> String {
    let senders = store.senders().to(id).iter().take(TOP);
    let shown = senders.map(|sender| {
        let by = sender.group.iter().map(|group| format!(" by {group}"));
        let by: String = by.collect();
        let lost = match sender.lost_per_second {
            0.0 => String::new(),
            lost => format!(", {}/s lost", format::rate(lost)),
        };
        let rate = format::rate(sender.per_second);
        format!("{} {rate}/s{by}{lost}", sender.name)
    });
    shown.collect::<Vec<_>>().join("; ")
}
