// SPDX-License-Identifier: MIT OR Apache-2.0
//! The groups: who publishes, how many hear it, what members lose.

use std::cmp::Ordering;

use ipcon_observe::linter::Subject;
use ipcon_observe::model::{Group, KERNEL};

use super::View;
use super::detail::{self, Detail};
use super::table_view::TableView;
use crate::format;
use crate::store::{Row, Store};
use crate::table::{Cell, Column, Natural, Table, rate, text, text_of, value};
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
        text_of("owner_name", |row, ctx| owner(row, ctx.store)).extent(12, 31, 5),
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

/// What the owner is called.
fn owner(row: &Row<'_, Group>, store: &Store) -> Cell {
    let group = row.item;
    let role = match group.owner_name {
        Some(_) => Role::Normal,
        None => Role::Quiet,
    };
    let label = match group.owner_id {
        0 => KERNEL.to_owned(),
        id => store.peer_label(id, group.owner_name.as_ref()),
    };
    Cell::new(label, role)
}

fn by_name(a: &Row<'_, Group>, b: &Row<'_, Group>) -> Ordering {
    a.item.name.cmp(&b.item.name)
}

/// Who hears the group. A member that came or went while the bus was read has no row and no name.
fn members(group: &Group, store: &Store) -> String {
    let members = group.member_ids.iter();
    let labels: Vec<String> = members.map(|&id| store.peer_label(id, None)).collect();
    labels.join(", ")
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
            ("owner", owner(row, store).text),
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
