// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of a configuration file, checked name by name.

use std::ops::Range;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use crate::app::ViewSetup;
use crate::args;
use crate::filter::Filter;
use crate::keymap::{BINDINGS, Key};
use crate::nearest::nearest;
use crate::view::{self, View};

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub message: String,
}

type Value<'a> = Spanned<DeValue<'a>>;

/// What is wrong, and where in the text.
struct Fault(Range<usize>, String);

const SETTINGS: [&str; 10] = [
    "interval",
    "history",
    "latency_objective",
    "theme",
    "color",
    "ascii",
    "mouse",
    "view",
    "views",
    "keys",
];

const VIEW_SETTINGS: [&str; 4] = ["columns", "sort", "reverse", "filter"];

pub(super) fn parse(text: &str) -> Result<Config, Problem> {
    let problem = |at: usize, message: String| Problem {
        line: 1 + text[..at.min(text.len())].matches('\n').count(),
        message,
    };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        problem(at, error.message().to_owned())
    })?;
    read(table.get_ref()).map_err(|Fault(span, message)| problem(span.start, message))
}

fn read(table: &DeTable<'_>) -> Result<Config, Fault> {
    let mut config = Config::default();
    for (key, value) in table {
        let name: &str = key.get_ref();
        match name {
            "interval" => config.interval = Some(parsed(value, args::interval)?),
            "history" => config.setup.history = parsed(value, args::history)?,
            "latency_objective" => {
                config.setup.objectives.queue_latency = parsed(value, args::objective)?;
            }
            "theme" => config.theme = Some(choice(value)?),
            "color" => config.color = Some(choice(value)?),
            "ascii" => config.ascii = Some(flag(value)?),
            "mouse" => config.setup.mouse = flag(value)?,
            "view" => {
                let views = view::all();
                let name = text(value)?;
                named_view(&views, name, value.span())?;
                config.setup.view = Some(name.to_owned());
            }
            "views" => config.setup.views = views(value)?,
            "keys" => keys(value, &mut config)?,
            _ => return Err(unknown("setting", name, key.span(), SETTINGS)),
        }
    }
    Ok(config)
}

fn views(value: &Value<'_>) -> Result<Vec<ViewSetup>, Fault> {
    let views = view::all();
    let mut setups = Vec::new();
    for (key, value) in table(value)? {
        let view = named_view(&views, key.get_ref(), key.span())?;
        let mut setup = ViewSetup {
            name: key.get_ref().to_string(),
            ..ViewSetup::default()
        };
        for (key, value) in table(value)? {
            let name: &str = key.get_ref();
            match name {
                "columns" => setup.columns = Some(columns(view, value)?),
                "sort" => setup.sort = Some(column(view, value)?),
                "reverse" => setup.reverse = flag(value)?,
                "filter" => setup.filter = Some(filter(view, value)?),
                _ => return Err(unknown("setting", name, key.span(), VIEW_SETTINGS)),
            }
        }
        setups.push(setup);
    }
    Ok(setups)
}

fn named_view<'a>(
    views: &'a [Box<dyn View>],
    name: &str,
    span: Range<usize>,
) -> Result<&'a dyn View, Fault> {
    let names: Vec<String> = views.iter().map(|it| it.name().to_lowercase()).collect();
    match names.iter().position(|it| it == name) {
        Some(index) => Ok(&*views[index]),
        None => Err(unknown(
            "view",
            name,
            span,
            names.iter().map(String::as_str),
        )),
    }
}

fn columns(view: &dyn View, value: &Value<'_>) -> Result<Vec<String>, Fault> {
    array(value)?.iter().map(|it| column(view, it)).collect()
}

fn column(view: &dyn View, value: &Value<'_>) -> Result<String, Fault> {
    let name = text(value)?;
    let keys: Vec<String> = view.choices().into_iter().map(|it| it.key).collect();
    if keys.iter().any(|key| key == name) {
        return Ok(name.to_owned());
    }
    let keys = keys.iter().map(String::as_str);
    Err(unknown("column", name, value.span(), keys))
}

fn filter(view: &dyn View, value: &Value<'_>) -> Result<String, Fault> {
    let text = text(value)?;
    Filter::parse(text)
        .and_then(|filter| view.check(&filter))
        .map_err(|error| Fault(value.span(), format!("filter `{text}`: {error}")))?;
    Ok(text.to_owned())
}

fn keys(value: &Value<'_>, config: &mut Config) -> Result<(), Fault> {
    let mut last = value.span();
    for (name, keys) in table(value)? {
        let names: Vec<String> = BINDINGS.iter().map(|it| it.action.name()).collect();
        let binding = BINDINGS
            .iter()
            .find(|it| it.action.name() == **name.get_ref());
        let Some(binding) = binding else {
            let names = names.iter().map(String::as_str);
            return Err(unknown("action", name.get_ref(), name.span(), names));
        };
        let keys = array(keys)?.iter().map(|key| parsed(key, str::parse));
        config
            .setup
            .keymap
            .rebind(binding.action, keys.collect::<Result<Vec<Key>, _>>()?);
        last = name.span();
    }
    // Only when all are known: two actions may change keys with each other.
    if let Some((key, one, other)) = config.setup.keymap.conflict() {
        let of = |action: crate::keymap::Action| {
            let mut named = table(value).into_iter().flatten();
            named
                .find(|(name, _)| **name.get_ref() == action.name())
                .map(|(name, _)| name.span())
        };
        let span = of(other).or_else(|| of(one)).unwrap_or(last);
        let (key, one, other) = (key.written(), one.name(), other.name());
        let message =
            format!("`{key}` would mean both {one} and {other}; give one of them other keys");
        return Err(Fault(span, message));
    }
    Ok(())
}

fn text<'a>(value: &'a Value<'_>) -> Result<&'a str, Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err(Fault(
            value.span(),
            "this must be a text in quotes".to_owned(),
        )),
    }
}

fn flag(value: &Value<'_>) -> Result<bool, Fault> {
    match value.get_ref() {
        DeValue::Boolean(flag) => Ok(*flag),
        _ => Err(Fault(value.span(), "this must be true or false".to_owned())),
    }
}

fn array<'a, 'b>(value: &'a Value<'b>) -> Result<&'a [Value<'b>], Fault> {
    match value.get_ref() {
        DeValue::Array(items) => Ok(items),
        _ => Err(Fault(
            value.span(),
            "this must be a list, as in [\"a\", \"b\"]".to_owned(),
        )),
    }
}

fn table<'a, 'b>(value: &'a Value<'b>) -> Result<&'a DeTable<'b>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Fault(value.span(), "this must be a section".to_owned())),
    }
}

fn parsed<T>(value: &Value<'_>, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Fault> {
    parse(text(value)?).map_err(|message| Fault(value.span(), message))
}

fn choice<T: ValueEnum>(value: &Value<'_>) -> Result<T, Fault> {
    let word = text(value)?;
    T::from_str(word, false).map_err(|_| {
        let all = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let all: Vec<String> = all.map(|it| it.get_name().to_owned()).collect();
        unknown("value", word, value.span(), all.iter().map(String::as_str))
    })
}

fn unknown<'a>(
    what: &str,
    name: &str,
    span: Range<usize>,
    names: impl IntoIterator<Item = &'a str>,
) -> Fault {
    let names: Vec<&str> = names.into_iter().collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("is it `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Fault(span, format!("there is no {what} `{name}`; {hint}"))
}
