// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is copied to the clipboard: whole, of the moment that is shown, and harmless where it is pasted.
#![allow(clippy::unwrap_used)]

#[path = "support/session.rs"]
mod session;
mod support;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use ipcon_top::view::COPIED_MAX;
use session::Session;
use support::{crowd, probed};

/// A bus in its fifth second, on a terminal that has no room for all columns, nor for all details.
fn fifth_second() -> Session {
    let mut session = Session::new(80, 24, probed(0));
    for second in 1..=5 {
        session.snapshot(probed(second));
    }
    session
}

/// What is told above the footer.
fn note(session: &Session) -> String {
    let text = session.text();
    text.lines().rev().nth(1).unwrap().trim().to_owned()
}

#[test]
fn a_row_is_a_line_with_every_column_that_was_chosen() {
    let mut session = fifth_second();
    assert!(!session.text().contains("COMM"), "{}", session.text());
    session.keys("y");
    let row = "2001-09-09 04:50:05 UTC: PEER: cand_logger, COMM: logd, PID: 1201, PORT: 4105, TX/s: 3.0, RX/s: 0, \
         TX B/s: 384B, RX B/s: 0B, QUEUE: 98%, OLDEST: 4.2s, P50: 1ms, P99: 2.0s, REFUSED/s: 0, DROPPED/s: 14, \
         DROPPED: 56, TX: 11, RX: 19.4k, REFUSED: 0, LOST: 0";
    assert_eq!(session.copied().as_deref(), Some(row));
    assert_eq!(
        note(&session),
        "copied 1 line to the terminal's clipboard, if the terminal allows it"
    );
    session.keys("jjjjy");
    let gone = session.copied().unwrap();
    assert!(
        gone.contains(": PEER: visitor, ") && gone.ends_with(", gone for 2.0s"),
        "{gone}"
    );
}

#[test]
fn a_warning_is_its_whole_sentence_and_what_to_do() {
    let mut session = fifth_second();
    session.keys("7y");
    let warning = "2001-09-09 04:50:05 UTC: alarm for 4.2s, receiver stalled: cand_logger (pid 1201 logd) does not read: \
         oldest message waits 4.2s, queue 98% full; media.router +1 sends it 6.90k/s, 7.33k/s lost \
         (look at the process: is it stopped, blocked, or busy elsewhere?)";
    assert_eq!(session.copied().as_deref(), Some(warning));
}

#[test]
fn details_are_copied_whole_however_little_of_them_shows() {
    let mut session = fifth_second();
    session.code(KeyCode::Enter);
    assert!(!session.text().contains("DROP MEM"), "{}", session.text());
    session.keys("y");
    assert_snapshot!("peer", session.copied().unwrap());
    assert!(note(&session).starts_with("copied 36 lines to the terminal's clipboard"));
    session.code(KeyCode::Esc).keys("8y");
    assert_snapshot!("probes", session.copied().unwrap());
    session.code(KeyCode::Enter).keys("y");
    let probes = session.copied().unwrap();
    for part in [
        "\nalarm: the observer missed 3 events of kevents",
        "\nkevents: on, tells ",
        "\n where the numbers come from\n",
    ] {
        assert!(probes.contains(part), "{part:?} in {probes}");
    }
}

#[test]
fn the_moment_is_the_one_that_is_shown() {
    let mut session = fifth_second();
    session.keys("[[").snapshot(probed(6)).keys("y");
    let copied = session.copied().unwrap();
    assert!(copied.starts_with("2001-09-09 04:50:03 UTC: "), "{copied}");
    assert!(copied.contains(", OLDEST: 2.2s, "), "{copied}");
}

#[test]
fn what_cannot_be_seen_is_not_copied() {
    let mut session = fifth_second();
    session.keys("?y").code(KeyCode::Esc);
    session.keys("oy").code(KeyCode::Esc);
    session.keys("/nobodyy");
    assert_eq!(session.copied(), None);
    session.code(KeyCode::Enter).keys("y");
    assert_eq!(note(&session), "there is nothing to copy");
    assert_eq!(session.copied(), None);
}

#[test]
fn a_text_that_is_too_long_for_terminals_is_cut_and_that_is_said() {
    let mut crowd = crowd(10_000, 1);
    crowd.groups[0].member_ids = (1..=10_000).collect();
    let mut session = Session::new(80, 24, crowd);
    session.keys("2").code(KeyCode::Enter).keys("y");
    assert_eq!(session.copied().unwrap().len(), COPIED_MAX);
    assert!(
        session.text().contains("copied the first 74991 bytes to"),
        "{}",
        session.text()
    );
}
