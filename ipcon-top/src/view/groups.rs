// SPDX-License-Identifier: MIT OR Apache-2.0
//! The groups: who publishes, how many hear it, what members lose.

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Group, Peer};

use super::View;
use super::detail::{self, Detail};
use super::table_view::TableView;
use crate::format;
use crate::store::{Row, Store};
use crate::table::{Cell, Column, Natural, Table, rate, text, value};
use crate::theme::Role;

/// The view of the groups.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "trouble",
        order: by_name,
    };
    Box::new(TableView {
        row_of: |subject| match subject {
            Subject::Group(id) => Some(id),
            _ => None,
        },
        ..TableView::new("Groups", Table::new(columns(), natural), detail)
    })
}

fn columns() -> Vec<Column<Group>> {
    vec![
        text("name", |row: &Row<'_, Group>| {
            Cell::new(row.item.name.as_str(), Role::Normal)
        })
        .extent(15, 15, 0),
        text("owner_name", owner).extent(12, 31, 5),
        value("members").extent(8, 8, 6),
        value("sent_messages").extent(5, 5, 7),
        rate("sent_messages").extent(6, 6, 2),
        rate("sent_bytes").extent(8, 8, 11),
        value("delivered_messages").extent(6, 6, 8),
        rate("delivered_messages").extent(8, 8, 3),
        value("fan_out").extent(8, 8, 10),
        rate("unheard_messages").extent(10, 10, 14),
        value("unheard_messages").extent(8, 8, 9),
        value("replayed_messages").extent(7, 7, 12),
        value("last_bytes").extent(7, 7, 13),
        value("dropped_messages").extent(8, 8, 4),
        rate("dropped_messages").extent(10, 10, 1),
    ]
}

/// The owner's name; for one without a name its port.
fn owner(row: &Row<'_, Group>) -> Cell {
    let group = row.item;
    match &group.owner_name {
        Some(name) => Cell::new(name.as_str(), Role::Normal),
        None if group.owner_id == 0 => Cell::new("kernel", Role::Quiet),
        None => Cell::new(format!("~port {}", group.owner_port), Role::Quiet),
    }
}

fn by_name(a: &Row<'_, Group>, b: &Row<'_, Group>) -> Ordering {
    a.item.name.cmp(&b.item.name)
}

/// Who hears the group. A member that came or went while the bus was read has no row and no name.
fn members(group: &Group, store: &Store) -> String {
    let name = |&id: &u64| {
        store
            .snapshot()
            .peer(id)
            .map_or_else(|| format!("peer {id}"), Peer::label)
    };
    group
        .member_ids
        .iter()
        .map(name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn detail(row: &Row<'_, Group>, store: &Store) -> Detail {
    let group = row.item;
    let kept = group
        .last_len
        .map_or("nothing".to_owned(), |len| format::bytes(len.into()));
    Detail {
        title: group.name.to_string(),
        warnings: row.warnings.to_vec(),
        facts: vec![
            ("owner", owner(row).text),
            ("members", group.members.to_string()),
            (
                "age",
                format::duration(row.now.saturating_sub(group.created_at)),
            ),
            ("kept for replay", kept),
            ("group", group.id.to_string()),
        ],
        lists: vec![("members", members(group, store))],
        counters: detail::counters(row),
        ..Detail::default()
    }
}
