// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about the dashboard says what is so. `INSTA_UPDATE=always` writes its generated parts.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::{env, fs};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use insta::assert_snapshot;
use ipcon_observe::fields::Field;
use ipcon_observe::linter::Warning;
use ipcon_observe::model::{Channel, Group, Peer};
use ipcon_top::args::Cli;
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

/// What `--help` says of each command. A recording that changes needs a look at the pages.
#[test]
fn the_help() {
    let mut cli = Cli::command().term_width(100);
    cli.build();
    let mut help = cli.render_long_help().to_string();
    for command in cli.get_subcommands_mut() {
        let text = command.render_long_help();
        let _ = write!(help, "\n\n==== {}\n{text}", command.get_name());
    }
    assert_snapshot!("help", help);
}

/// The pages that tell how to use the program.
const PAGES: [&str; 4] = [
    "README.md",
    "docs/ipcon-top.md",
    "docs/privileges.md",
    "docs/batch.md",
];

fn page(name: &str) -> String {
    fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// What is between single backticks, and the lines of shell blocks.
fn code(page: &str) -> Vec<&str> {
    let mut code = Vec::new();
    let mut block = None;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_none() {
                Some(language)
            } else {
                None
            };
        } else if block == Some("sh") {
            code.push(line);
        } else if block.is_none() {
            code.extend(line.split('`').skip(1).step_by(2));
        }
    }
    code
}

/// The words of a command as a shell takes them, up to a pipe or a file; what is in single quotes is of one word.
fn words_of(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in command.split('\'').enumerate() {
        let quoted = number % 2 == 1;
        for letter in part.chars() {
            match letter {
                '>' | '|' if !quoted => {
                    words.retain(|word| !word.is_empty());
                    return words;
                }
                ' ' if !quoted => words.push(String::new()),
                letter => words.last_mut().unwrap().push(letter),
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_commands_of_the_pages_are_commands() {
    let mut known = BTreeSet::new();
    for name in PAGES {
        let page = page(name);
        for line in code(&page) {
            let Some(words) = line.strip_prefix("ipcon-top ") else {
                continue;
            };
            // A word in capitals stands for any of its sort.
            let words = words_of(words).into_iter();
            let words = words.map(|word| word.replace("COMMAND", "once"));
            let parsed = Cli::try_parse_from(std::iter::once("ipcon-top".to_owned()).chain(words));
            match parsed {
                Err(error) if error.kind() != ErrorKind::DisplayHelp => {
                    panic!("{name}: {line}: {error}")
                }
                _ => known.insert(line.to_owned()),
            };
        }
    }
    assert!(known.contains("ipcon-top doctor"), "{known:?}");
    assert!(known.len() > 15, "{known:?}");
}

#[test]
fn the_options_of_the_pages_are_options() {
    let mut cli = Cli::command();
    cli.build();
    let mut options: BTreeSet<String> = BTreeSet::new();
    for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
        let long = command.get_arguments().filter_map(|it| it.get_long());
        options.extend(long.map(|name| format!("--{name}")));
    }
    let mut told = 0;
    for name in PAGES.iter().filter(|name| **name != "README.md") {
        let page = page(name);
        for text in code(&page).iter().filter(|text| text.starts_with("--")) {
            let option = text.split([' ', '=']).next().unwrap();
            assert!(options.contains(option), "{name}: there is no {option}");
            told += 1;
        }
    }
    assert!(told > 10, "{told}");
}
