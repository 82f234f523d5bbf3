// SPDX-License-Identifier: MIT OR Apache-2.0
//! The peers: who sends, who receives, whose queue is full.

use std::cmp::Ordering;

use ipcon_observe::model::{Peer, SafeText};

use super::View;
use super::detail::{self, Detail};
use super::table_view::TableView;
use crate::format;
use crate::store::{Row, Store};
use crate::table::{Cell, Column, Natural, Table, queue, rate, text, value};
use crate::theme::Role;
use crate::trouble::Troubled;

/// The view of the peers.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "trouble",
        order: by_name,
    };
    Box::new(TableView {
        name: "Peers",
        table: Table::new(columns(), natural),
        detail,
    })
}

fn columns() -> Vec<Column<Peer>> {
    vec![
        text("name", name).extent(16, 32, 0),
        value("comm").extent(10, 15, 10),
        value("pid").extent(7, 7, 11),
        value("port").extent(10, 10, 14),
        value("sent_messages").extent(5, 5, 8),
        rate("sent_messages").extent(5, 5, 4),
        rate("sent_bytes").extent(7, 7, 12),
        value("delivered_messages").extent(5, 5, 7),
        rate("delivered_messages").extent(5, 5, 2),
        rate("delivered_bytes").extent(7, 7, 13),
        queue().extent(10, 14, 3),
        value("refused_messages").extent(8, 8, 15),
        rate("refused_messages").extent(10, 10, 5),
        value("dropped_messages").extent(8, 8, 6),
        rate("dropped_messages").extent(10, 10, 1),
        value("lost").extent(5, 5, 16),
    ]
}

/// What a person calls the peer: its oldest service and how many more it has; for one without a name the
/// command, marked as a stand-in, and the number that tells it from others of the same program.
pub(super) fn label(peer: &Peer) -> String {
    match (peer.name(), peer.services.len()) {
        (Some(name), 0 | 1) => name.to_string(),
        (Some(name), n) => format!("{name} +{}", n - 1),
        (None, _) => format!("~{}#{}", peer.comm, peer.id),
    }
}

fn name(row: &Row<'_, Peer>) -> Cell {
    let peer = row.item;
    let role = if peer.observer || peer.name().is_none() {
        Role::Quiet
    } else {
        Role::Normal
    };
    Cell::new(label(peer), role)
}

/// Those with a name first, by name: a calm list.
fn by_name(a: &Row<'_, Peer>, b: &Row<'_, Peer>) -> Ordering {
    let (a, b) = (a.item.name(), b.item.name());
    a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
}

fn detail(row: &Row<'_, Peer>, _: &Store) -> Detail {
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
        ("peer", peer.id.to_string()),
    ];
    if peer.observer {
        facts.push(("this is", "the observer itself".to_owned()));
    }
    Detail {
        title: label(peer),
        troubles: Peer::troubles(row),
        facts,
        lists: vec![
            (
                "services",
                names(&mut peer.services.iter().map(|service| &service.name)),
            ),
            ("owns", names(&mut peer.owned_groups.iter())),
            ("joined", names(&mut peer.joined_groups.iter())),
        ],
        times: None,
        counters: detail::counters(row),
    }
}
