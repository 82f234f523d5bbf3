// SPDX-License-Identifier: MIT OR Apache-2.0
//! A peer is called the same in every text for people. Programs get its name or nothing, and its number.
#![allow(clippy::unwrap_used)]

#[path = "support/session.rs"]
mod session;
mod support;

use std::time::{Duration, SystemTime};

use clap::Parser;
use ipcon_observe::Snapshot;
use ipcon_observe::linter::Objectives;
use ipcon_observe::model::{Exception, ExceptionKind};
use ipcon_top::args::{Cli, Command, Format};
use ipcon_top::batch::batch;
use ipcon_top::collect::SnapshotSource;
use ipcon_top::filter::Filter;
use ipcon_top::once::Report;
use session::Session;
use support::probed;

/// Has no service; owns the group `frames` here.
const NAMELESS: &str = "~client#4";
/// Has two services.
const OF_TWO_NAMES: &str = "media.router +1";

/// A bus with a group whose owner has no name, and a message that was dropped.
fn at(second: u64) -> Snapshot {
    let mut snapshot = probed(second);
    let frames = &mut snapshot.groups[2];
    assert_eq!(frames.name.as_str(), "frames");
    frames.owner_id = 4;
    frames.owner_name = None;
    let dropped = ExceptionKind::Dropped {
        from_id: 4,
        to_id: 2,
        group_id: 3,
        bytes: 64,
        reason: "queue_full".to_owned(),
    };
    snapshot.exceptions = vec![Exception {
        time: snapshot.taken_at,
        what: dropped,
    }];
    snapshot
}

struct Endless(u64);

impl SnapshotSource for Endless {
    fn collect(&mut self) -> anyhow::Result<Snapshot> {
        self.0 += 1;
        Ok(at(self.0))
    }
}

fn batched(words: &str) -> String {
    let line = format!("ipcon-top batch -n 1 --interval 250ms {words}");
    let Some(Command::Batch(options)) = Cli::parse_from(line.split(' ')).command else {
        panic!("another command");
    };
    let mut out = Vec::new();
    batch(
        &options,
        Objectives::default(),
        |_| Ok(Box::new(Endless(3))),
        &mut out,
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

fn report(filter: &str) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let report = Report::new(&at(4), at(5), now);
    let report = report.only(&Filter::parse(filter).unwrap()).unwrap();
    report.print(Format::Text).unwrap()
}

/// The lines below a title, up to an empty one.
fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, below) = text.split_once(&format!("\n{title}")).unwrap();
    below.split("\n\n").next().unwrap()
}

#[track_caller]
fn assert_called(text: &str, names: &[&str]) {
    for name in names {
        assert!(text.contains(name), "no {name}:\n{text}");
    }
    for other in [" #4", "~port", "peer 4", " - "] {
        assert!(!text.contains(other), "{other}:\n{text}");
    }
}

#[test]
fn the_dashboard_calls_it_so() {
    let mut session = Session::new(120, 32, at(4));
    session.snapshot(at(5));
    for (view, names) in [
        ("1", &[NAMELESS, OF_TWO_NAMES][..]),
        ("2", &[NAMELESS, "the kernel"]),
        ("3", &[NAMELESS, OF_TWO_NAMES]),
        ("4", &["~client#4 to media.router +1 by frames"]),
        ("7", &[NAMELESS]),
    ] {
        session.keys(view);
        for name in names {
            assert!(session.text().contains(name), "{name} in {view}");
        }
        assert!(!session.text().contains("~port"), "in {view}");
    }
}

#[test]
fn the_report_calls_it_so_also_where_its_own_row_is_filtered_out() {
    let text = report("");
    assert_called(section(&text, "peers\n"), &[NAMELESS, OF_TWO_NAMES]);
    assert_called(section(&text, "groups\n"), &[NAMELESS, "the kernel"]);
    assert_called(section(&text, "flows"), &[NAMELESS, OF_TWO_NAMES]);
    assert_called(section(&text, "warnings\n"), &["group of ~client#4"]);
    let text = report("kind=unicast");
    assert_eq!(section(&text, "peers\n"), "  none");
    assert_called(section(&text, "flows"), &[NAMELESS, OF_TWO_NAMES]);
}

#[test]
fn rows_for_people_call_it_so_and_those_for_programs_have_its_fields() {
    for (rows, names) in [
        ("peers", [NAMELESS, OF_TWO_NAMES]),
        ("groups", [NAMELESS, "the kernel"]),
        ("flows", [NAMELESS, OF_TWO_NAMES]),
    ] {
        assert_called(&batched(&format!("--rows {rows}")), &names);
        let json = batched(&format!("--rows {rows} -o jsonl"));
        assert!(!json.contains('~') && !json.contains("+1"), "{json}");
    }
    let dropped = batched("--rows exceptions");
    let titles: Vec<&str> = dropped.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(titles[2..6], ["FROM", "TO", "GROUP", "PEER"], "{dropped}");
    for name in [NAMELESS, OF_TWO_NAMES, "group frames"] {
        assert!(dropped.contains(name), "no {name}: {dropped}");
    }
    let json = batched("--rows exceptions -o jsonl");
    assert!(
        json.contains("\"from_id\":4") && json.contains("\"group_id\":3"),
        "{json}"
    );
}
