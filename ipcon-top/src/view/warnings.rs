// SPDX-License-Identifier: MIT OR Apache-2.0
//! The warnings: what is wrong, since when, by whom, and what to do.

use std::cmp::Ordering;

use ipcon_observe::linter::Warning;

use super::View;
use super::detail::Detail;
use super::table_view::TableView;
use crate::format::{self, Align};
use crate::store::{Row, Store};
use crate::table::{Cell, CellContext, Column, Natural, Table};
use crate::theme::Role;
use crate::trouble;

/// The view of the warnings.
pub(super) fn view() -> Box<dyn View> {
    let natural = Natural {
        name: "severity",
        order: worst_first,
    };
    Box::new(TableView {
        leads_to: |warning: &Warning| Some(warning.subject),
        leads_at_once: true,
        written: |line| Some(written(line)),
        ..TableView::new("Warnings", Table::new(columns(), natural), detail)
    })
}

type Line<'a> = Row<'a, Warning>;

fn columns() -> Vec<Column<Warning>> {
    vec![
        Column::new("RULE", "Which rule found it.", Align::Left, rule, |a, b| {
            a.item.rule.cmp(&b.item.rule)
        })
        .extent(18, 24, 3),
        Column::new(
            "ABOUT",
            "Peer, group, connection or source.",
            Align::Left,
            |line: &Line<'_>, _: &CellContext<'_>| Cell::new(line.item.name.clone(), Role::Normal),
            |a, b| a.item.name.cmp(&b.item.name),
        )
        .extent(16, 32, 1),
        Column::new(
            "FOR",
            "How long it has been so, as far as was seen.",
            Align::Right,
            |line: &Line<'_>, _: &CellContext<'_>| Cell::new(lasts(line), Role::Normal),
            |a, b| b.item.since.cmp(&a.item.since),
        )
        .extent(6, 6, 2),
        Column::new(
            "WHAT",
            "What is wrong, with figures and, where it is known, by whom.",
            Align::Left,
            |line: &Line<'_>, _: &CellContext<'_>| Cell::new(line.item.reason(), Role::Normal),
            |a, b| a.item.reason().cmp(&b.item.reason()),
        )
        .extent(20, 160, 0),
    ]
}

fn rule(line: &Line<'_>, ctx: &CellContext<'_>) -> Cell {
    let warning = line.item;
    let text = format!("{}{}", ctx.theme.glyphs.alarm, words(warning));
    Cell::new(text, trouble::role(warning.severity))
}

fn words(warning: &Warning) -> String {
    warning.rule.key().replace('_', " ")
}

fn lasts(line: &Line<'_>) -> String {
    format::duration(line.now.saturating_sub(line.item.since))
}

fn worst_first(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    let order = |line: &Line<'_>| (std::cmp::Reverse(line.item.severity), line.item.rule);
    order(a)
        .cmp(&order(b))
        .then_with(|| a.item.since.cmp(&b.item.since))
}

/// The whole sentence, and what to do.
fn written(line: &Line<'_>) -> String {
    let warning = line.item;
    let advice = warning.advice.map(|advice| format!(" ({advice})"));
    format!(
        "{} for {}, {}: {}{}",
        warning.severity.key(),
        lasts(line),
        words(warning),
        warning.sentence(),
        advice.unwrap_or_default()
    )
}

fn detail(line: &Line<'_>, _: &Store) -> Detail {
    let warning = line.item;
    Detail {
        title: words(warning),
        warnings: vec![warning.clone()],
        named: true,
        facts: vec![
            ("severity", warning.severity.key().to_owned()),
            ("for", lasts(line)),
            ("rule", warning.rule.help().to_owned()),
        ],
        ..Detail::default()
    }
}
