// SPDX-License-Identifier: MIT OR Apache-2.0
//! Columns made from the field table.

use std::cmp::Ordering;

use ipcon_observe::fields::{Field, Kind, Unit, Value, find};
use ipcon_observe::model::Peer;

use super::{Cell, CellContext, Column};
use crate::columns::Extent;
use crate::fielded::Fielded;
use crate::filter::keys;
use crate::format::{self, Align};
use crate::store::Row;
use crate::theme::Role;
use crate::trouble;

/// Room for a text of which nothing is known.
const TEXT: Extent = Extent {
    min: 12,
    max: 24,
    priority: u8::MAX,
};

/// Column with the value of a field.
///
/// # Panics
///
/// When the field table has no such key. Views are made when the program starts, so this shows at once.
#[must_use]
pub fn value<T: Fielded>(key: &str) -> Column<T> {
    value_of(field::<T>(key))
}

/// Column with the value of `field`.
pub(super) fn value_of<T: Fielded>(field: &'static Field<T>) -> Column<T> {
    let number = keys::is_number(field);
    let extent = width_of(field.title);
    Column {
        key: field.key.to_owned(),
        title: field.title.to_owned(),
        help: field.help,
        align: if number { Align::Right } else { Align::Left },
        extent: if number {
            extent
        } else {
            Extent {
                min: extent.min.max(TEXT.min),
                max: TEXT.max,
                ..extent
            }
        },
        largest_first: field.kind != Kind::Info,
        cell: Box::new(move |row, _| match (field.get)(row.item) {
            // A moment of the monotonic clock tells nobody anything.
            Some(Value::Time(at)) if is_moment(field.key) => {
                let age = row.now.saturating_sub(at);
                Cell::new(format!("-{}", format::duration(age)), Role::Normal)
            }
            Some(value) => value_cell(field, &value, row.gone.is_some()),
            None => Cell::new(format::ABSENT, Role::Quiet),
        }),
        order: Box::new(move |a, b| absent_first((field.get)(a.item), (field.get)(b.item))),
    }
}

/// Whether a field tells a moment, and not how long something takes.
fn is_moment(key: &str) -> bool {
    key.ends_with("_at_seconds") || key == "since_seconds"
}

/// Column with the growth of a counter per second.
///
/// # Panics
///
/// When the field table has no such key.
#[must_use]
pub fn rate<T: Fielded>(key: &str) -> Column<T> {
    rate_of(field::<T>(key))
}

/// Column with the growth of the counter `field` per second.
pub(super) fn rate_of<T: Fielded>(field: &'static Field<T>) -> Column<T> {
    let title = format!("{}/s", field.title);
    Column {
        key: format!("{}{}", field.key, keys::RATE),
        help: field.help,
        align: Align::Right,
        extent: width_of(&title),
        title,
        largest_first: true,
        cell: Box::new(move |row, ctx| match row.rate(field.key) {
            Some(rate) => rate_cell(field, rate, ctx),
            None => Cell::new(format::ABSENT, Role::Quiet),
        }),
        order: Box::new(move |a, b| absent_first(a.rate(field.key), b.rate(field.key))),
    }
}

/// Column with a text made from a row, titled and sorted as a field.
///
/// # Panics
///
/// When the field table has no such key.
#[must_use]
pub fn text<T: Fielded>(key: &str, of: fn(&Row<'_, T>) -> Cell) -> Column<T> {
    text_of(key, move |row, _| of(row))
}

/// Column with a text made from a row and what is beside it, titled and sorted as a field.
///
/// # Panics
///
/// When the field table has no such key.
#[must_use]
pub fn text_of<T: Fielded>(
    key: &str,
    of: impl Fn(&Row<'_, T>, &CellContext<'_>) -> Cell + Send + 'static,
) -> Column<T> {
    Column {
        cell: Box::new(of),
        align: Align::Left,
        ..value(key)
    }
}

/// Column with the fill of a receive queue: a mark when it needs a look, a bar, and percent.
#[must_use]
pub fn queue() -> Column<Peer> {
    let cell = |row: &Row<'_, Peer>, ctx: &CellContext<'_>| {
        let peer = row.item;
        let Some(percent) = format::percent(peer.queue_bytes, peer.queue_limit) else {
            return Cell::new(format::ABSENT, Role::Quiet);
        };
        let severity = peer
            .queue_fill()
            .and_then(trouble::of_fill)
            .filter(|_| row.gone.is_none());
        let mark = severity.map_or(" ", |_| ctx.theme.glyphs.alarm);
        let bar = ctx.theme.bar(
            peer.queue_bytes,
            peer.queue_limit,
            ctx.width.saturating_sub(6),
        );
        let role = match severity {
            Some(severity) => trouble::role(severity),
            None if peer.queue_bytes == 0 => Role::Quiet,
            None => Role::Graph,
        };
        Cell::new(format!("{mark}{bar}{percent:>4}%"), role)
    };
    Column {
        cell: Box::new(cell),
        ..value("queue_fill")
    }
}

fn field<T: Fielded>(key: &str) -> &'static Field<T> {
    match find(T::fields(), key) {
        Some(field) => field,
        None => panic!("the field table has no `{key}`"),
    }
}

/// Room for the title and the arrow of the sorted column.
fn width_of(title: &str) -> Extent {
    let width = u16::try_from(title.len() + 1).unwrap_or(u16::MAX).max(5);
    Extent {
        min: width,
        max: width,
        priority: u8::MAX,
    }
}

fn value_cell<T>(field: &Field<T>, value: &Value<'_>, gone: bool) -> Cell {
    let role = match value.as_u64() {
        _ if field.kind == Kind::Info => Role::Normal,
        Some(0) => Role::Quiet,
        Some(total) if !gone => {
            trouble::of_total(field.key, total).map_or(Role::Normal, trouble::role)
        }
        _ => Role::Normal,
    };
    Cell::new(shorten(field, value), role)
}

/// A value in the few cells of a column.
fn shorten<T>(field: &Field<T>, value: &Value<'_>) -> String {
    match value {
        Value::Count(n) if field.kind == Kind::Info => n.to_string(),
        Value::Count(n) => format::count(*n),
        Value::Bytes(n) => format::bytes(*n),
        Value::Time(span) => format::duration(*span),
        Value::Ratio(share) => format!("{:.0}%", share * 100.0),
        Value::Mean(mean) => format!("{mean:.1}"),
        Value::Flag(_) | Value::Text(_) | Value::Times(_) | Value::Waits(_) => value.to_string(),
        Value::List(items) => items.join(" "),
    }
}

fn rate_cell<T>(field: &Field<T>, rate: f64, ctx: &CellContext<'_>) -> Cell {
    let text = match field.unit {
        Unit::Bytes => format::byte_rate(rate),
        Unit::Messages | Unit::Seconds | Unit::None => format::rate(rate),
    };
    match trouble::of_rate(field.key, rate) {
        Some(severity) => Cell::new(
            format!("{}{text}", ctx.theme.glyphs.alarm),
            trouble::role(severity),
        ),
        None if rate == 0.0 => Cell::new(text, Role::Quiet),
        None => Cell::new(text, Role::Normal),
    }
}

/// Rows without a value are the smallest.
fn absent_first<V: PartialOrd>(a: Option<V>, b: Option<V>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}
