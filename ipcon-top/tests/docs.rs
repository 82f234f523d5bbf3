// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about the dashboard says what is so. `INSTA_UPDATE=always` writes its generated parts.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::{env, fs};

use ipcon_observe::fields::Field;
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{Channel, Group, Peer};
use ipcon_top::config::Config;
use ipcon_top::fielded::Fielded;
use ipcon_top::filter::Filter;
use ipcon_top::filter::keys::{is_scalar, names};
use ipcon_top::keymap::{BINDINGS, Place};
use ipcon_top::store::LogLine;
use ipcon_top::store::streams::{ByPair, Stream};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ipcon-top.md");

fn keys(place: Place) -> String {
    let mut table = String::from("| keys | action | what it does |\n|---|---|---|\n");
    for binding in BINDINGS.iter().filter(|it| it.action.place() == place) {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let (name, help) = (binding.action.name(), binding.help);
        let _ = writeln!(table, "| {} | `{name}` | {help} |", keys.join(" "));
    }
    table
}

fn fields<T>(view: &str, fields: &'static [Field<T>]) -> String {
    let usable = fields.iter().filter(|field| is_scalar(field));
    let words = usable.map(|field| {
        let names = names(fields, field);
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" ")
    });
    format!("| {view} | {} |\n", words.collect::<Vec<_>>().join(", "))
}

fn filter_keys() -> String {
    let rows = [
        fields("peers", Peer::fields()),
        fields("groups", Group::fields()),
        fields("flows", Stream::<ByPair>::fields()),
        fields("events", LogLine::fields()),
        fields("channels", Channel::fields()),
        fields("warnings", Warning::fields()),
    ];
    format!("| view | keys |\n|---|---|\n{}", rows.concat())
}

/// The page with `part` between its marks.
fn with_part(page: &str, mark: &str, part: &str) -> String {
    let (before, rest) = page.split_once(&format!("<!-- {mark} -->\n")).unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}<!-- {mark} -->\n{part}<!-- end -->{after}")
}

#[test]
fn the_generated_parts_are_those_of_the_tables() {
    let page = fs::read_to_string(PAGE).unwrap();
    let parts = [
        ("keys", keys(Place::Views)),
        ("column keys", keys(Place::Columns)),
        ("filter keys", filter_keys()),
    ];
    let right = parts.iter().fold(page.clone(), |page, (mark, part)| {
        with_part(&page, mark, part)
    });
    if env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(PAGE, &right).unwrap();
        return;
    }
    assert!(
        page == right,
        "docs/ipcon-top.md is behind; INSTA_UPDATE=always cargo test -p ipcon-top --test docs"
    );
}

#[test]
fn the_example_of_a_configuration_is_one() {
    let page = fs::read_to_string(PAGE).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap();
    let config = Config::parse(example.split("```").next().unwrap()).unwrap();
    assert_eq!(config.setup.views.len(), 1);
}

#[test]
fn the_filters_of_the_page_are_filters() {
    let page = fs::read_to_string(PAGE).unwrap();
    let table = page.split("| filter | rows").nth(1).unwrap();
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for line in lines {
        let filter = line.split('`').nth(1).unwrap().replace("\\|", "|");
        let filter = Filter::parse(&filter).unwrap();
        let of_peers = filter.compile::<Peer>().map(drop);
        let of_flows = filter.compile::<Stream<ByPair>>().map(drop);
        of_peers.or(of_flows).unwrap();
        count += 1;
    }
    assert!(count > 5);
}
