// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which fields of a row are wanted.

use anyhow::bail;
use ipcon_observe::fields::{Field, Kind, Metric, Unit};

use super::Output;
use crate::fielded::Fielded;
use crate::filter::keys::{RATE, is_scalar, named, names};
use crate::nearest::nearest;

/// What is known of a column without its rows.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) key: &'static str,
    /// Other words for it.
    pub(super) also: Vec<String>,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) metric: Option<&'static Metric>,
    pub(super) rate: bool,
}

impl Column {
    pub(super) fn of<R: Fielded>(field: &'static Field<R>, rate: bool) -> Self {
        Self {
            key: field.key,
            also: names(R::fields(), field).split_off(1),
            title: field.title,
            unit: field.unit,
            kind: field.kind,
            help: field.help,
            metric: field.metric.as_ref(),
            rate,
        }
    }
}

/// The columns of a list such as `name,sent_messages,sent_messages/s`.
pub(super) fn choose<R>(
    fields: &'static [Field<R>],
    list: &str,
) -> anyhow::Result<Vec<(&'static Field<R>, bool)>> {
    let mut chosen: Vec<(&'static Field<R>, bool)> = Vec::new();
    for word in list.split(',').map(str::trim) {
        let (field, rate) = one(fields, word)?;
        let is_it = |other: &(&Field<R>, bool)| other.0.key == field.key && other.1 == rate;
        if chosen.iter().any(is_it) {
            // An object has a key once.
            let end = if rate { RATE } else { "" };
            bail!(
                "`{word}` is the field `{}{end}`, which is in the list already",
                field.key
            );
        }
        chosen.push((field, rate));
    }
    Ok(chosen)
}

fn one<R>(fields: &'static [Field<R>], word: &str) -> anyhow::Result<(&'static Field<R>, bool)> {
    let (key, rate) = match word.strip_suffix(RATE) {
        Some(key) => (key, true),
        None => (word, false),
    };
    let Some(field) = named(fields, key) else {
        let names: Vec<String> = fields.iter().flat_map(|it| names(fields, it)).collect();
        let hint = match nearest(key, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`--fields help` tells all there are".to_owned(),
        };
        bail!("these rows have no field `{key}`: {hint}");
    };
    if rate && field.kind != Kind::Counter {
        bail!("`{key}` is no counter and has no rate: leave `{RATE}` out");
    }
    Ok((field, rate))
}

/// What a form shows unless somebody chooses.
pub(super) fn usual<R>(
    fields: &'static [Field<R>],
    output: Output,
    for_people: &str,
) -> Vec<(&'static Field<R>, bool)> {
    let all = fields.iter().map(|field| (field, false));
    let rates = fields
        .iter()
        .filter(|field| field.kind == Kind::Counter)
        .map(|field| (field, true));
    match output {
        Output::Text => choose(fields, for_people).unwrap_or_default(),
        Output::Json | Output::Jsonl => all.chain(rates).collect(),
        Output::Csv => all.filter(|it| is_scalar(it.0)).chain(rates).collect(),
        Output::Openmetrics => all
            .filter(|it| is_scalar(it.0) && it.0.kind != Kind::Info)
            .collect(),
    }
}
