// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dashboard as a user meets it: scripted snapshots and keys, recorded frames. The recordings hold
//! symbols only, so colours may change freely.
#![allow(clippy::unwrap_used)]

#[path = "support/session.rs"]
mod session;
mod support;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use ipcon_observe::model::SourceState;
use ipcon_top::app::{Event, Recording};
use ipcon_top::live::Exit;
use ipcon_top::theme::Theme;
use ratatui::style::{Color, Modifier};
use session::Session;
use support::{bus, crowd, without_bus};

/// A bus in its fifth second, with one reader that stopped reading in the second.
fn fifth_second(columns: u16, lines: u16) -> Session {
    let mut session = Session::new(columns, lines, bus(0));
    for second in 1..=5 {
        session.snapshot(bus(second));
    }
    session
}

/// The names in the first column of the table, in order.
fn names(session: &Session) -> Vec<String> {
    let text = session.text();
    let lines = text
        .lines()
        .skip(8)
        .take_while(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            line.chars()
                .skip(2)
                .take(16)
                .collect::<String>()
                .trim()
                .to_owned()
        })
        .collect()
}

fn ctrl(key: char) -> Event {
    Session::key_event(KeyCode::Char(key), KeyModifiers::CONTROL)
}

/// The name in the selected row.
fn selected(session: &Session) -> String {
    let text = session.text();
    let line = text
        .lines()
        .find(|line| line.starts_with('▌'))
        .unwrap_or_default();
    line.chars()
        .skip(2)
        .take(16)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[test]
fn the_opening_screen_shows_who_is_in_trouble() {
    assert_snapshot!("peers_120x32", fifth_second(120, 32).text());
    assert_snapshot!("peers_80x24", fifth_second(80, 24).text());
    assert_snapshot!("peers_60x12", fifth_second(60, 12).text());
    assert_snapshot!("peers_30x6", fifth_second(30, 6).text());
    assert_snapshot!("summary_19x4", fifth_second(19, 4).text());
}

#[test]
fn before_the_second_snapshot_rates_are_absent_and_not_zero() {
    let session = Session::new(100, 12, bus(5));
    assert_snapshot!(session.text());
}

#[test]
fn groups_events_details_and_help() {
    let mut session = fifth_second(120, 32);
    session.keys("2");
    assert_snapshot!("groups_120x32", session.text());
    session.code(KeyCode::Enter);
    assert_snapshot!("group_detail_120x32", session.text());
    session.code(KeyCode::Esc).keys("4");
    assert_snapshot!("events_120x32", session.text());
    session.keys("?");
    assert_snapshot!("help_120x32", session.text());
    session.code(KeyCode::Esc).keys("1").code(KeyCode::Enter);
    assert_snapshot!("peer_detail_120x32", session.text());
    session.resize(80, 24);
    assert_snapshot!("peer_detail_80x24", session.text());
}

#[test]
fn channels_and_their_details() {
    let mut session = fifth_second(120, 32);
    session.keys("6");
    assert_snapshot!("channels_120x32", session.text());
    session.code(KeyCode::Enter);
    assert_snapshot!("channel_detail_120x32", session.text());
    session.resize(80, 24);
    assert_snapshot!("channel_detail_80x24", session.text());
    session.code(KeyCode::Esc);
    assert_snapshot!("channels_80x24", session.text());
    session.resize(40, 12);
    assert_snapshot!("channels_40x12", session.text());
}

#[test]
fn without_a_bus_the_channels_are_shown_and_the_reason_is_said() {
    let mut session = Session::new(120, 32, without_bus(0));
    session.snapshot(without_bus(1));
    assert_snapshot!("without_a_bus_120x32", session.text());
    session.keys("1");
    let reason = "nothing: cannot read the bus: the module is not loaded";
    assert!(session.text().contains(reason), "{}", session.text());
    session.keys("6/nobody");
    let text = session.text();
    assert!(text.contains("nothing matches the filter"), "{text}");
    session.code(KeyCode::Esc).keys("/IMAGE");
    let text = session.text();
    assert!(
        text.contains("imaged") && !text.contains("clockd"),
        "{text}"
    );
}

#[test]
fn a_bus_may_come_and_go() {
    let mut session = fifth_second(120, 32);
    session.snapshot(without_bus(6));
    assert!(!session.text().contains('†'), "nobody is said to have died");
    assert!(
        session.text().contains("✗ cannot read the bus"),
        "{}",
        session.text()
    );
    session.snapshot(bus(7)).keys("4");
    let log = session.text();
    assert!(log.contains("! no bus") && log.contains("+ bus"), "{log}");
    session.snapshot(bus(8)).keys("6");
    assert!(
        session.text().contains("900"),
        "rates go on: {}",
        session.text()
    );
}

#[test]
fn channels_that_may_not_be_read_say_why() {
    let mut none = bus(1);
    none.channels = None;
    none.sources[3].state = SourceState::Off {
        reason: "cannot use /proc".to_owned(),
    };
    let mut session = Session::new(120, 32, none);
    session.keys("6");
    let text = session.text();
    assert!(text.contains("nothing: cannot use /proc"), "{text}");
    assert!(text.contains("[6 Channels 0]"), "{text}");
}

#[test]
fn ascii_means_ascii() {
    let mut session = Session::with_theme(120, 32, bus(0), Theme::new(false, true));
    for second in 1..=5 {
        session.snapshot(bus(second));
    }
    assert_snapshot!("ascii_120x32", session.text());
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        session.keys(view).code(KeyCode::Enter);
        assert!(session.text().is_ascii(), "{}", session.text());
        session.keys("?");
        assert!(session.text().is_ascii(), "{}", session.text());
        session.code(KeyCode::Esc).code(KeyCode::Esc);
    }
}

#[test]
fn any_column_sorts_both_ways_and_the_order_comes_round() {
    let mut session = fifth_second(160, 32);
    let calm = names(&session);
    assert_eq!(
        calm[..2],
        ["cand_logger", "media.router +1"],
        "those in trouble come first"
    );
    session.keys("s");
    assert!(session.text().contains("PEER▲"), "{}", session.text());
    assert_eq!(
        names(&session)[..2],
        ["~client#4", "~ipcon-top#7"],
        "without a name first"
    );
    session.keys("S");
    assert!(session.text().contains("PEER▼"));
    assert_eq!(names(&session)[0], "visitor");
    session.code(KeyCode::Left);
    assert!(session.text().contains("sorted by trouble"));
    assert_eq!(names(&session), calm);

    let mut seen = Vec::new();
    loop {
        session.keys("s");
        let text = session.text();
        let sorted = text
            .split("sorted by ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .trim();
        if sorted == "trouble" {
            break;
        }
        seen.push(sorted.to_owned());
    }
    assert_eq!(seen.len(), 19, "every column once: {seen:?}");
    assert!(seen.contains(&"DROPPED/s".to_owned()));
}

#[test]
fn what_the_rows_are_sorted_by_shows_in_a_narrow_terminal() {
    for (view, columns) in [("1", 19), ("2", 15), ("6", 15)] {
        let mut session = fifth_second(50, 24);
        let is_marked = |session: &Session| session.text().contains(['▲', '▼']);
        session.keys(view);
        assert!(!is_marked(&session), "{}", session.text());
        for column in 0..columns {
            session.keys("s");
            assert!(is_marked(&session), "column {column}: {}", session.text());
        }
        session.keys("s");
        assert!(!is_marked(&session), "the order has come round");
    }
}

#[test]
fn numbers_sort_with_the_largest_on_top() {
    let mut session = fifth_second(160, 32);
    while !session.text().contains("TX/s▼") {
        session.keys("s");
    }
    assert_eq!(
        names(&session)[..3],
        ["netif-mon", "~client#4", "media.router +1"]
    );
    assert_eq!(
        names(&session).last().unwrap(),
        "visitor",
        "absent is less than zero"
    );
    session.keys("S");
    assert!(session.text().contains("TX/s▲"));
    assert_eq!(names(&session)[0], "visitor");
}

#[test]
fn the_selection_stays_with_its_row() {
    let mut session = fifth_second(120, 32);
    session.keys("j");
    assert_eq!(selected(&session), "media.router +1");
    session.keys("s");
    assert_eq!(selected(&session), "media.router +1");
    session.keys("S");
    assert_eq!(selected(&session), "media.router +1");
    session.keys("g").code(KeyCode::Left);
    assert_eq!(selected(&session), "cand_logger");
    session.keys("G");
    assert_eq!(selected(&session), "~ipcon-top#7");
}

#[test]
fn untouched_the_selection_is_on_top() {
    let mut session = Session::new(120, 32, bus(0));
    assert_eq!(selected(&session), "cand_logger");
    let mut next = bus(1);
    next.peers[3].counters.refused_queue_full = 3;
    session.snapshot(next);
    assert_eq!(selected(&session), "~client#4", "its sends are refused");
    session.keys("j");
    let chosen = selected(&session);
    session.snapshot(bus(2)).snapshot(bus(3));
    assert_eq!(selected(&session), chosen, "the user has chosen");
}

#[test]
fn pages_and_ends() {
    let mut session = Session::new(80, 24, crowd(100, 1));
    assert_eq!(selected(&session), "worker-0001");
    session.code(KeyCode::PageDown);
    assert_eq!(selected(&session), "worker-0016");
    session.code(KeyCode::End);
    assert_eq!(selected(&session), "worker-0100");
    session.code(KeyCode::PageUp).code(KeyCode::Up);
    assert_eq!(selected(&session), "worker-0084");
    session.resize(80, 12);
    assert_eq!(
        selected(&session),
        "worker-0084",
        "a smaller terminal keeps it in sight"
    );
    session.code(KeyCode::Home);
    assert_eq!(selected(&session), "worker-0001");
}

#[test]
fn the_filter_narrows_while_it_is_typed() {
    let mut session = fifth_second(120, 32);
    session.keys("/LOG");
    assert!(session.text().contains("filter LOG_"), "{}", session.text());
    assert_eq!(names(&session), ["cand_logger"]);
    session
        .code(KeyCode::Backspace)
        .code(KeyCode::Backspace)
        .code(KeyCode::Backspace);
    session.keys("q1201").code(KeyCode::Enter);
    assert_eq!(names(&session), ["nothing matches"], "q is text here");
    session.keys("/").code(KeyCode::Esc);
    assert!(
        session.text().contains("filter q1201"),
        "Esc gives the filter back"
    );
    session.code(KeyCode::Esc);
    assert_eq!(names(&session).len(), 6);
    session.keys("/1201").code(KeyCode::Enter).keys("2");
    assert!(
        !session.text().contains("nothing matches the filter"),
        "each view has its own"
    );
    session.keys("1");
    assert_eq!(names(&session), ["cand_logger"], "found by pid");
}

#[test]
fn a_filter_compares_fields_and_their_rates() {
    let mut session = fifth_second(120, 32);
    session.keys("/drops>0 peer:log");
    assert_eq!(names(&session), ["cand_logger"]);
    session.event(ctrl('u')).keys("tx/s>90 !comm:client");
    assert_eq!(names(&session), ["media.router +1", "netif-mon"]);
    session.event(ctrl('w')).keys("(4101 or visitor)");
    assert_eq!(names(&session), ["netif-mon"]);
    session.code(KeyCode::Enter).keys("4/kind:add or 1400");
    let text = session.text();
    assert!(
        text.contains("+ service") && !text.contains("- service"),
        "{text}"
    );
    session.code(KeyCode::Enter).keys("6/requests/s>100");
    assert!(
        !session.text().contains("nothing matches"),
        "{}",
        session.text()
    );
}

#[test]
fn what_is_wrong_with_a_filter_stands_below_it_and_the_last_good_one_holds() {
    let mut session = fifth_second(120, 32);
    session.keys("/1201 dro");
    assert_eq!(
        names(&session),
        ["cand_logger"],
        "a key that is being typed"
    );
    session.event(ctrl('w')).keys("dorps>5");
    assert_eq!(names(&session), ["cand_logger"]);
    assert_snapshot!("filter_error_120x32", session.text());
    assert!(session.text().contains("no key dorps; is it drops? ^^^^^"));
    session.code(KeyCode::Enter);
    assert!(
        session.text().contains("dorps>5_"),
        "it has to be put right"
    );
    session.resize(50, 12);
    assert_snapshot!("filter_error_50x12", session.text());
    session.resize(120, 32);
    for _ in 0..5 {
        session.code(KeyCode::Left);
    }
    session
        .code(KeyCode::Backspace)
        .code(KeyCode::Right)
        .keys("o");
    let text = session.text();
    assert!(text.contains("drops>5") && !text.contains('^'), "{text}");
    session.code(KeyCode::Enter);
    assert_eq!(names(&session), ["cand_logger"]);
    session
        .keys("/")
        .event(ctrl('u'))
        .keys("(")
        .code(KeyCode::Esc);
    assert!(session.text().contains("filter 1201 drops>5"));
}

#[test]
fn filters_that_were_used_can_be_had_again_and_text_be_pasted() {
    let mut session = fifth_second(120, 32);
    session
        .keys("/logd")
        .code(KeyCode::Enter)
        .code(KeyCode::Esc);
    session.keys("2/").event(ctrl('p'));
    assert!(
        session.text().contains("filter logd_"),
        "{}",
        session.text()
    );
    session.event(ctrl('n'));
    assert!(session.text().contains("filter _"), "{}", session.text());
    session.event(Event::Paste("fra\u{1b}mes\n".to_owned()));
    assert!(session.text().contains("filter frames_"));
    session
        .code(KeyCode::Enter)
        .event(Event::Paste("q".to_owned()));
    assert!(
        session.text().contains("filter frames"),
        "pasted text is no keys"
    );
}

/// The titles of the columns.
fn titles(session: &Session) -> Vec<String> {
    let text = session.text();
    let line = text.lines().nth(7).unwrap().to_owned();
    line.split("  ")
        .map(str::trim)
        .filter(|title| !title.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn columns_are_chosen_moved_and_sorted_by() {
    let mut session = fifth_second(120, 32);
    session.keys("o");
    assert_snapshot!("chooser_120x32", session.text());
    // Not the command, and the pid before the name.
    session.keys("j j<<").code(KeyCode::Enter);
    assert!(session.text().contains("PID PEER"), "{}", session.text());
    assert!(!session.text().contains("COMM"));
    // A field without a ready-made column shows at once, though the terminal is full, and sorts.
    session.keys("o").code(KeyCode::End);
    while !session.text().contains("▌[ ] UID ") {
        session.keys("k");
    }
    session.keys(" s").code(KeyCode::Esc);
    assert!(session.text().contains("UID▲"), "{}", session.text());
    assert!(session.text().contains(" 1000"));
    session.keys("os");
    assert!(session.text().contains("PID▲"), "{}", session.text());
    session.keys("s").code(KeyCode::Esc);
    assert!(session.text().contains("PID▼"), "{}", session.text());
    assert_eq!(selected(&session), "1500 visitor");
    // Other views have their own.
    session
        .keys("2od")
        .code(KeyCode::Esc)
        .keys("1od")
        .code(KeyCode::Esc);
    assert!(
        titles(&session)[1].starts_with("COMM"),
        "{:?}",
        titles(&session)
    );
}

#[test]
fn the_mouse_selects_and_sorts_only_when_it_is_asked_for() {
    let mut session = fifth_second(120, 32);
    let at = |kind, column, row| {
        Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    let click = |column, row| at(MouseEventKind::Down(MouseButton::Left), column, row);
    session.event(click(20, 6));
    assert!(session.text().contains("[1 Peers"), "off by default");
    session.keys("m").event(click(20, 6));
    assert!(session.text().contains("[2 Groups"), "{}", session.text());
    session.event(click(3, 6)).event(click(40, 9));
    assert_eq!(selected(&session), "media.router +1");
    session.event(at(MouseEventKind::ScrollDown, 40, 9));
    assert_eq!(selected(&session), "netif-mon");
    session.event(click(25, 7));
    assert!(session.text().contains("COMM▲"), "{}", session.text());
    session.event(click(25, 7));
    assert!(session.text().contains("COMM▼"), "{}", session.text());
    // Where nothing is, and everywhere else, nothing bad happens.
    for row in (0..40).step_by(3) {
        for column in (0..130).step_by(9) {
            session.event(click(column, row));
        }
    }
    session.keys("m").event(click(20, 6));
    let (exit, _) = session.end(Session::key_event(KeyCode::Char('Q'), KeyModifiers::NONE));
    assert_eq!(exit.unwrap(), Exit::Quit);
}

#[test]
fn themes_come_round() {
    let mut session = fifth_second(120, 32);
    let first = session.screen.clone();
    session.keys("t");
    assert_ne!(session.screen, first);
    assert_eq!(session.text(), session::text(&first), "only colours change");
    session.keys("ttt");
    assert_eq!(session.screen, first);
}

#[test]
fn one_column_always_shows() {
    let mut session = fifth_second(120, 32);
    session.keys("o");
    for _ in 0..18 {
        session.keys(" j");
    }
    session.code(KeyCode::Esc);
    assert_eq!(titles(&session).len(), 1, "{}", session.text());
    assert!(session.text().lines().nth(8).unwrap().len() > 4);
    session.keys("4o  ").code(KeyCode::Esc);
    assert!(session.text().contains("TIME"), "{}", session.text());
}

#[test]
fn paused_means_that_nothing_moves() {
    let mut session = fifth_second(120, 32);
    session.keys(" ");
    let frozen = session.text();
    assert!(frozen.contains("PAUSED"));
    session.snapshot(bus(6)).snapshot(bus(7));
    assert_eq!(session.text(), frozen);
    session.keys("4");
    assert!(session.text().contains("[4 Events 4]"));
    session.keys("1 ");
    assert!(session.text().contains(" live 1s"));
    assert!(
        session.text().contains("5089"),
        "totals of the seventh second: {}",
        session.text()
    );
}

#[test]
fn the_dead_stay_for_a_while() {
    let mut session = Session::new(120, 32, bus(2));
    session.snapshot(bus(3));
    assert!(session.text().contains(" †visitor"), "{}", session.text());
    session.snapshot(bus(8));
    assert!(session.text().contains(" †visitor"), "5 s later");
    session.snapshot(bus(9));
    assert!(!session.text().contains("visitor"), "6 s later");
}

#[test]
fn a_bus_that_cannot_be_read_any_more_says_so() {
    let mut session = fifth_second(120, 32);
    session.event(Event::CollectFailed(
        "cannot read the bus: the module is gone".to_owned(),
    ));
    let text = session.text();
    let status = text.lines().next().unwrap();
    assert!(
        status.contains("✗ cannot read the bus: the module is gone"),
        "{status}"
    );
    session.snapshot(bus(6));
    assert!(!session.text().contains('✗'));
}

#[test]
fn losses_of_the_observer_are_in_the_log() {
    let mut session = fifth_second(120, 32);
    session.keys("4");
    assert!(session.text().contains("! lost     3 missed by kevents"));
    assert!(session.text().contains("lost !3"));
}

#[test]
fn the_pace_changes_in_steps() {
    let mut session = fifth_second(120, 32);
    session.keys("--");
    assert!(session.text().contains("live 5s"), "{}", session.text());
    session.keys("++++++");
    assert!(session.text().contains("live 250ms"));
    let (exit, deeds) = session.end(Session::key_event(KeyCode::Char('q'), KeyModifiers::NONE));
    assert_eq!(exit.unwrap(), Exit::Quit);
    let steps = ["2s", "5s", "2s", "1s", "500ms", "250ms"].map(|step| format!("interval {step}"));
    assert_eq!(deeds, steps);
}

#[test]
fn every_way_out_ends_the_program() {
    let key = Session::key_event;
    let ways = [
        (key(KeyCode::Char('q'), KeyModifiers::NONE), Exit::Quit),
        (key(KeyCode::Char('c'), KeyModifiers::CONTROL), Exit::Quit),
        (Event::Terminate(15), Exit::Signal(15)),
        (Event::Terminate(1), Exit::Signal(1)),
    ];
    for (event, exit) in ways {
        assert_eq!(fifth_second(80, 24).end(event).0.unwrap(), exit);
    }
    let fatal = fifth_second(80, 24).end(Event::Fatal("the input is gone".to_owned()));
    assert_eq!(fatal.0.unwrap_err().to_string(), "the input is gone");
    let mut editing = fifth_second(80, 24);
    editing.keys("/q");
    assert_eq!(
        editing
            .end(key(KeyCode::Char('c'), KeyModifiers::CONTROL))
            .0
            .unwrap(),
        Exit::Quit
    );
}

#[test]
fn a_stop_gives_the_terminal_back_and_takes_it_again() {
    let mut session = fifth_second(80, 24);
    let before = session.text();
    session.event(Session::key_event(
        KeyCode::Char('z'),
        KeyModifiers::CONTROL,
    ));
    session.event(Event::Stop).event(Event::Continued);
    assert_eq!(session.text(), before, "everything is drawn again");
    let (_, deeds) = session.end(Session::key_event(KeyCode::Char('q'), KeyModifiers::NONE));
    assert_eq!(deeds, ["suspend", "suspend", "retake"]);
}

#[test]
fn without_colour_there_is_none_and_the_selection_still_shows() {
    let mut session = Session::with_theme(120, 32, bus(0), Theme::new(false, false));
    for second in 1..=5 {
        session.snapshot(bus(second));
    }
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        session.keys(view).code(KeyCode::Enter);
        for cell in &session.screen.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
        if view == "8" {
            // Lines to read, none of which can be selected.
            continue;
        }
        let line = (0..32)
            .find(|&y| session.screen[(0, y)].symbol() == "▌")
            .unwrap();
        assert!(
            session.screen[(5, line)]
                .modifier
                .contains(Modifier::REVERSED)
        );
        session.code(KeyCode::Esc);
    }
}

#[test]
fn names_from_the_bus_steer_no_terminal() {
    let mut hostile = bus(1);
    hostile.peers[0].services[0].name = "\x1b[2J\u{202e}\nevil\u{9b}31m".into();
    hostile.peers[1].comm = "\x07\x1b]0;owned\x07".into();
    hostile.groups[1].name = "\u{200b}\x08\r".into();
    hostile.channels.as_mut().unwrap().connections[0].server_comm = "\x1b[2J\u{202e}".into();
    let mut session = Session::new(160, 32, bus(0));
    session.snapshot(hostile);
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        session.keys(view).code(KeyCode::Enter);
        for cell in &session.screen.content {
            let hidden = ['\u{200b}', '\u{202e}'];
            let plain = !cell
                .symbol()
                .chars()
                .any(|c| c.is_control() || hidden.contains(&c));
            assert!(plain, "{:?}", cell.symbol());
        }
        session.code(KeyCode::Esc);
    }
    session.keys("1");
    assert!(
        session.text().contains("\\u{1b}[2J"),
        "shown for what it is: {}",
        session.text()
    );
}

#[test]
fn a_new_bus_is_not_taken_for_the_old_one() {
    let mut session = fifth_second(120, 32);
    let mut reloaded = bus(6);
    reloaded.bus.as_mut().unwrap().started_at = Some(support::START + Duration::from_secs(5));
    reloaded.peers.clear();
    session.snapshot(reloaded);
    assert!(
        !session.text().contains('†'),
        "nobody died: {}",
        session.text()
    );
    session.keys("4");
    assert!(session.text().contains("module loaded anew"));
}

#[test]
fn data_that_is_old_says_so() {
    // The clock of the session stands at the fifth second.
    let mut session = Session::new(120, 32, bus(1));
    assert!(session.text().contains("! 4.0s old"), "{}", session.text());
    session.snapshot(bus(2));
    assert!(
        session.text().contains("live 1s"),
        "three intervals are not old yet"
    );
}

#[test]
fn a_key_begins_a_recording_and_the_status_tells_its_file_and_size() {
    let going = |bytes| {
        Event::Recording(Recording::Going {
            file: "ipcon-2026-11-26-154501.rec".to_owned(),
            bytes,
        })
    };
    let mut session = Session::new(120, 32, bus(0));
    let status = |session: &Session| session.text().lines().next().unwrap().to_owned();
    session.keys("r");
    assert!(status(&session).contains(" rec - "), "{}", status(&session));
    session.snapshot(bus(1)).event(going(3 << 10));
    let told = " ipcon-2026-11-26-154501.rec rec 3.00Ki  ";
    assert!(status(&session).contains(told), "{}", status(&session));
    session.resize(50, 12);
    assert!(
        status(&session).contains(" rec 3.00Ki  "),
        "{}",
        status(&session)
    );
    // It goes on behind a screen that is frozen, and what is asked for twice is ended once.
    session.keys(" ").snapshot(bus(2)).keys("rr");
    assert!(!status(&session).contains(" rec "), "{}", status(&session));
    session.snapshot(bus(3));
    session.event(Event::Recording(Recording::Over(
        "recorded 3 frames".to_owned(),
    )));
    assert!(
        session.text().contains("\n recorded 3 frames\n"),
        "{}",
        session.text()
    );
    session.keys("j");
    assert!(!session.text().contains("recorded 3 frames"));
    session.keys("r");
    let (exit, deeds) = session.end(Session::key_event(KeyCode::Char('q'), KeyModifiers::NONE));
    assert_eq!(exit.unwrap(), Exit::Quit);
    assert_eq!(
        deeds,
        [
            "record from 11000s",
            "record 11001s",
            "record 11002s",
            "stop recording",
            "record from 11003s"
        ]
    );
}

#[test]
fn a_recording_that_fails_says_why_in_full() {
    let mut session = Session::new(60, 20, bus(0));
    let why = "making ipcon-2026-11-26-154501.rec: Permission denied (os error 13): start ipcon-top in a folder that you may \
               write to";
    session.keys("r");
    session.event(Event::Recording(Recording::Failed(why.to_owned())));
    let text = session.text();
    let told: Vec<&str> = text.lines().rev().skip(1).take(3).collect();
    let told: Vec<&str> = told.into_iter().rev().map(str::trim).collect();
    assert_eq!(told.join(" "), format!("not recorded: {why}"), "{text}");
    assert!(!text.contains(" rec "), "{text}");
    let mut past = Session::new(60, 20, bus(0));
    past.keys("r")
        .event(Event::Recording(Recording::Failed("x\x1b[2J".to_owned())));
    assert!(past.text().contains("not recorded: x[2J"));
}
