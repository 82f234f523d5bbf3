// SPDX-License-Identifier: MIT OR Apache-2.0
//! The views of a bus that is measured: what an operator finds without a key, and where each key leads.
#![allow(clippy::unwrap_used)]

#[path = "support/session.rs"]
mod session;
mod support;

use crossterm::event::KeyCode;
use insta::assert_snapshot;
use ipcon_observe::Snapshot;
use ipcon_observe::model::display_name;
use ipcon_top::app::Event;
use ipcon_top::theme::Theme;
use session::Session;
use support::{bus, probed, without_bus};

/// A bus with probes in its fifth second, with one reader that stopped reading in the second.
fn measured(columns: u16, lines: u16) -> Session {
    fifth_second(columns, lines, probed)
}

fn fifth_second(columns: u16, lines: u16, of: fn(u64) -> Snapshot) -> Session {
    let mut session = Session::new(columns, lines, of(0));
    for second in 1..=5 {
        session.snapshot(of(second));
    }
    session
}

/// What the lines with the warnings say.
fn warning_lines(session: &Session) -> String {
    let text = session.text();
    text.lines().skip(4).take(2).collect::<Vec<_>>().join("\n")
}

fn front(session: &Session) -> String {
    let text = session.text();
    let tab = text.split('[').nth(1).unwrap_or_default();
    tab.split(']').next().unwrap_or_default().to_owned()
}

#[test]
fn the_opening_screen_names_who_does_not_read_and_who_floods_it() {
    let session = measured(120, 32);
    assert_snapshot!("opening_120x32", session.text());
    for (columns, lines) in [(200, 50), (120, 32), (100, 30), (80, 24)] {
        let told = warning_lines(&measured(columns, lines));
        for fact in [
            "! cand_logger",
            "does not read",
            "media.router +1 sends it",
            "lost",
        ] {
            assert!(told.contains(fact), "{fact} at {columns}x{lines}: {told}");
        }
    }
    assert_snapshot!("opening_80x24", measured(80, 24).text());
}

#[test]
fn without_a_bus_the_warnings_are_not_known() {
    let quiet = |second| Snapshot {
        channels: None,
        ..without_bus(second)
    };
    let mut session = Session::new(120, 32, quiet(4));
    session.snapshot(quiet(5)).keys("7");
    let unknown = "not known of the bus: cannot read the bus: the module is not loaded";
    let told = warning_lines(&session);
    assert!(told.contains(&format!(" warnings: {unknown}")), "{told}");
    let text = session.text();
    assert!(text.contains(&format!("\n  {unknown}")), "{text}");
    assert!(!text.contains("no warnings"), "{text}");
    // A reading that fails leaves the numbers of the one before, and its warnings.
    let mut well = bus(0);
    well.taken_at = bus(5).taken_at;
    let mut session = Session::new(120, 32, well);
    session.keys("7");
    assert!(session.text().contains("\n  no warnings"));
    session.event(Event::CollectFailed("no memory".to_owned()));
    let told = warning_lines(&session);
    assert!(
        told.contains(" warnings: not known of the bus: no memory"),
        "{told}"
    );
}

#[test]
fn it_is_found_within_three_snapshots_of_looking_without_probes_too() {
    // The dashboard is opened when the reader has stopped already.
    let mut session = Session::new(120, 32, bus(4));
    session.snapshot(bus(5));
    let told = warning_lines(&session);
    assert!(
        told.contains("cand_logger (pid 1201 logd) does not read"),
        "{told}"
    );
    assert!(told.contains("media.router +1 sends it"), "{told}");
}

#[test]
fn a_bus_on_which_all_is_well_says_so() {
    let mut well = bus(0);
    well.taken_at = bus(5).taken_at;
    let session = Session::new(120, 32, well);
    assert!(warning_lines(&session).contains(" no warnings"));
}

#[test]
fn flows_by_pair_by_sender_and_by_receiver() {
    let mut session = measured(120, 32);
    session.keys("3");
    assert_snapshot!("flows_by_pair", session.text());
    session.keys("a");
    assert_snapshot!("flows_by_sender", session.text());
    session.keys("a");
    assert_snapshot!("flows_by_receiver", session.text());
    session.keys("a").resize(200, 32);
    assert!(session.text().contains("sorted by loss, by pair"));
}

/// Who sends to whom in the flows that pass a filter, as the table has it.
fn flows_that_pass(filter: &str, grouping: &str) -> Vec<String> {
    let mut session = measured(160, 40);
    session.keys("3").keys(grouping).keys("/").keys(filter);
    session.code(KeyCode::Enter);
    let text = session.text();
    let rows = text.lines().skip(8).take_while(|line| !line.is_empty());
    rows.map(|row| {
        let ends = row[row.find(' ').unwrap()..].split("  ");
        let ends = ends.map(str::trim).filter(|end| !end.is_empty());
        ends.take(2).collect::<Vec<_>>().join(" > ")
    })
    .collect()
}

#[test]
fn a_filter_of_flows_compares_their_fields_in_each_grouping() {
    let pairs = |filter| flows_that_pass(filter, "");
    let router = "media.router +1 > cand_logger";
    let monitor = "netif-mon > cand_logger";
    assert_eq!(pairs("kind=unicast lost/s>100"), [router, monitor]);
    assert_eq!(pairs("from=media.router to:logger"), [router]);
    assert_eq!(pairs("sender:\"router +1\" bytes>=800Ki"), [router]);
    assert_eq!(
        pairs("from:client"),
        ["~client#4 > cand_logger", "~client#4 > nobody known"]
    );
    assert_eq!(
        pairs("to=frames or from=frames lost=0"),
        ["media.router +1 > group frames", "group frames > ~client#4"]
    );
    assert_eq!(
        pairs("published messages/s>=410"),
        ["netif-mon > group netif"]
    );
    let grouped = |filter, keys| -> Vec<String> {
        let names = flows_that_pass(filter, keys).into_iter();
        names
            .map(|it| it.split(" > ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(grouped("lost/s>1k", "a"), ["media.router +1"]);
    assert_eq!(grouped("to:logger messages/s>100", "aa"), ["cand_logger"]);
    // Senders are not told apart there.
    assert_eq!(grouped("from:router", "aa"), ["nothing matches the filter"]);
}

#[test]
fn flows_are_sorted_by_a_field_that_does_not_show_at_first() {
    let mut session = measured(160, 40);
    session.keys("3ojjjjjjjjjjs").code(KeyCode::Esc);
    let text = session.text();
    assert!(text.contains("sorted by BYTES\n"), "{text}");
    let first = text.lines().find(|line| line.starts_with('▌')).unwrap();
    assert!(first.contains("media.router +1  "), "{text}");
}

#[test]
fn a_flow_leads_to_its_receiver_and_back() {
    let mut session = measured(120, 32);
    session.keys("3").code(KeyCode::Enter);
    assert_snapshot!("flow_detail", session.text());
    session.code(KeyCode::Enter);
    assert!(front(&session).starts_with("1 Peers"), "{}", session.text());
    let text = session.text();
    assert!(text.contains("top senders"), "{text}");
    assert!(text.contains(" cand_logger ──"), "{text}");
    session.code(KeyCode::Esc);
    assert!(front(&session).starts_with("3 Flows"));
    assert!(session.text().contains("media.router +1 to cand_logger"));
    session.code(KeyCode::Esc);
    assert!(!session.text().contains("media.router +1 to cand_logger"));
}

#[test]
fn a_warning_leads_to_its_subject_even_when_the_filter_hides_it() {
    let mut session = measured(120, 32);
    session.keys("7");
    assert_snapshot!("warnings", session.text());
    session.code(KeyCode::Enter);
    assert!(front(&session).starts_with("1 Peers"));
    assert!(session.text().contains(" cand_logger ──"));
    session.code(KeyCode::Esc);
    assert!(front(&session).starts_with("7 Warnings"));
    assert!(
        !session.text().contains(" cand_logger ──"),
        "as it was before"
    );
    // The word stands in the reason and not in the name of the peer.
    session
        .keys("/\"does not read\"")
        .code(KeyCode::Enter)
        .code(KeyCode::Enter);
    assert!(front(&session).starts_with("1 Peers"), "{}", session.text());
    assert!(!session.text().contains("filter \"does"));
}

#[test]
fn an_exception_says_who_sent_what_to_whom_and_leads_there() {
    let mut session = measured(120, 32);
    session.keys("4");
    assert_snapshot!("exceptions", session.text());
    session.code(KeyCode::Enter).code(KeyCode::Enter);
    assert!(front(&session).starts_with("1 Peers"));
}

#[test]
fn the_log_can_be_asked_about_kevents_and_exceptions() {
    let shown = |filter: &str| {
        let mut session = measured(120, 32);
        session.keys("4/").keys(filter).code(KeyCode::Enter);
        let text = session.text();
        let lines = text.lines().skip(8).take_while(|line| !line.is_empty());
        let lines = lines.map(|line| line.chars().skip(21).take(11).collect::<String>());
        let mut kinds: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    assert_eq!(shown("waited>1s"), ["! slow"]);
    assert_eq!(shown("errno=ENOENT"), ["! failed"]);
    assert_eq!(
        shown("reason=queue_full bytes>0"),
        ["! dropped", "! refused"]
    );
    assert_eq!(shown("event=service_remove"), ["- service"]);
    assert_eq!(shown("group_id>0 exception=dropped"), ["! dropped"]);
}

#[test]
fn a_flood_of_exceptions_leaves_room_in_the_log() {
    let mut many = probed(5);
    many.exceptions = many.exceptions.iter().cycle().take(5000).cloned().collect();
    let mut session = measured(120, 40);
    session.snapshot(many).keys("4");
    let text = session.text();
    assert!(
        text.contains("4980 more messages or requests went wrong"),
        "{text}"
    );
    session.keys("/visitor").code(KeyCode::Enter);
    assert!(
        session.text().contains("+ service"),
        "old events are still there"
    );
}

#[test]
fn latency_shows_what_was_read_in_the_last_seconds() {
    let mut session = measured(120, 32);
    session.keys("5");
    assert_snapshot!("latency", session.text());
    for second in 6..=13 {
        session.snapshot(probed(second));
    }
    let text = session.text();
    let logger = text
        .lines()
        .find(|line| line.contains("cand_logger  "))
        .unwrap();
    assert!(
        !logger.contains('█'),
        "it read nothing for ten seconds: {logger}"
    );
    session.keys("j").code(KeyCode::Enter);
    assert!(session.text().contains("waited 10 s"), "{}", session.text());
}

#[test]
fn without_probes_the_latency_says_why_there_is_none() {
    let mut session = fifth_second(120, 32, bus);
    session.keys("5");
    let text = session.text();
    let reason = "waiting times are not measured: the probes are off: needs CAP_BPF";
    assert!(text.contains(reason), "{text}");
    session.keys("8");
    assert_snapshot!("probes_off", session.text());
}

#[test]
fn details_of_the_probes_tell_what_comes_from_each_source() {
    let mut session = fifth_second(120, 32, bus);
    session.keys("8").code(KeyCode::Enter);
    assert_snapshot!("probes_detail_off", session.text());
    let mut session = Session::new(80, 24, without_bus(4));
    session
        .snapshot(without_bus(5))
        .keys("8")
        .code(KeyCode::Enter);
    assert_snapshot!("probes_detail_without_bus", session.text());
    let mut session = measured(120, 40);
    session.keys("8").code(KeyCode::Enter);
    let text = session.text();
    assert!(
        text.contains("\n probes    on, tells sizes of messages, flows from"),
        "{text}"
    );
    assert!(!text.contains("doctor"), "{text}");
}

#[test]
fn probes_account_for_themselves() {
    let mut session = measured(120, 32);
    session.keys("8");
    assert_snapshot!("probes", session.text());
    session.resize(80, 14).code(KeyCode::End);
    let text = session.text();
    assert!(text.contains("14 exceptions were counted"), "{text}");
    session.keys("g");
    assert!(session.text().contains("where the numbers come from"));
}

#[test]
fn what_the_kernel_does_not_time_is_told_and_the_observer_tells_what_it_takes() {
    let untimed = |second| {
        let mut snapshot = probed(second);
        for probe in &mut snapshot.probes.as_mut().unwrap().probes {
            probe.run_time = None;
        }
        snapshot.observer = None;
        snapshot
    };
    let mut session = measured(120, 40);
    session.keys("8");
    let text = session.text();
    // 800 runs of 650 ns a second, and 18,000; 20 ms of processor time a second.
    for told in [
        "650ns",
        "0.05%",
        "1.17%",
        "takes 2.00% of a CPU, memory 12.0Mi",
    ] {
        assert!(text.contains(told), "no {told}: {text}");
    }
    assert!(!text.contains("not timed"), "{text}");
    session.snapshot(untimed(6));
    session.snapshot(untimed(7));
    let text = session.text();
    assert!(
        text.contains("not timed: sudo sysctl kernel.bpf_stats_enabled=1"),
        "{text}"
    );
    assert!(
        !text.contains("per run") && !text.contains("of a CPU"),
        "{text}"
    );
}

#[test]
fn details_of_a_peer_have_its_histogram_and_who_sends_to_it() {
    let mut session = measured(120, 40);
    session.code(KeyCode::Enter);
    assert_snapshot!("peer_detail_measured", session.text());
}

#[test]
fn in_ascii_all_of_it_is_ascii() {
    let mut session = Session::with_theme(160, 50, probed(0), Theme::new(false, true));
    for second in 1..=5 {
        session.snapshot(probed(second));
    }
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        session.keys(view);
        assert!(session.text().is_ascii(), "{}", session.text());
        if !session.text().contains("waited") {
            session.keys("a");
        }
    }
    session.keys("5").code(KeyCode::Enter);
    assert!(session.text().is_ascii(), "{}", session.text());
}

/// Escape sequences, direction marks, characters that are wide, combine with others, or have no width.
const HOSTILE: [&str; 8] = [
    "\x1b[2J\x1b]0;owned\x07",
    "\u{202e}gnol\u{2066}",
    "\u{9b}31m\u{90}q",
    "日本語日本語日本語日本語日本語",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "a\u{200b}\u{200d}\u{feff}\u{2060}b",
    "👩\u{200d}👩\u{200d}👧\u{fe0f}\u{e0001}",
    "tab\tline\r\n\x08\x7f",
];

fn hostile(second: u64) -> Snapshot {
    let mut snapshot = probed(second);
    for (peer, name) in snapshot.peers.iter_mut().zip(HOSTILE) {
        peer.comm = name.into();
        for service in &mut peer.services {
            service.name = name.into();
        }
        peer.joined_groups = HOSTILE.map(Into::into).into();
    }
    for (group, name) in snapshot.groups.iter_mut().zip(HOSTILE.iter().rev()) {
        group.name = (*name).into();
        group.owner_name = Some((*name).into());
    }
    for (flow, name) in snapshot.flows.iter_mut().zip(HOSTILE.iter().cycle()) {
        (flow.from_name, flow.to_name) = (Some((*name).into()), Some((*name).into()));
        // Of a peer that is gone, so that this name is what is shown.
        flow.from_id += 100;
    }
    for (event, name) in snapshot.events.iter_mut().zip(HOSTILE) {
        event.name = Some(name.into());
    }
    let channels = snapshot.channels.as_mut().unwrap();
    for (channel, name) in channels.connections.iter_mut().zip(HOSTILE) {
        channel.server_comm = name.into();
    }
    for (endpoint, name) in channels.endpoints.iter_mut().zip(HOSTILE) {
        endpoint.address = Some(name.into());
    }
    snapshot
}

#[test]
fn names_from_the_bus_steer_no_terminal_in_any_view() {
    for (columns, lines) in [(200, 60), (120, 32), (80, 24), (41, 13)] {
        let mut session = fifth_second(columns, lines, hostile);
        for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            session.keys(view);
            for _ in 0..2 {
                for key in "jjj".chars() {
                    assert_harmless(&session);
                    session.code(KeyCode::Char(key));
                }
                session.keys("a").code(KeyCode::Enter);
            }
            session.code(KeyCode::Esc).code(KeyCode::Esc);
        }
    }
}

#[test]
fn names_from_the_bus_are_harmless_where_they_are_pasted() {
    let mut session = fifth_second(80, 24, hostile);
    let mut all = String::new();
    for view in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        for place in 0..8 {
            session.keys(view).keys(&format!("g{}", "j".repeat(place)));
            let row = session.keys("y").copied().unwrap();
            // The view of the probes is copied whole, in lines.
            let lines = row.replace('\n', "");
            assert!(!lines.chars().any(invisible), "{row:?}");
            let details = session.code(KeyCode::Enter).keys("y").copied().unwrap();
            let lines = details.replace('\n', "");
            assert!(!lines.chars().any(invisible), "{details:?}");
            session.code(KeyCode::Esc);
            all += &(row + &details);
        }
    }
    for name in HOSTILE {
        let shown = display_name(name.as_bytes());
        assert!(all.contains(shown.as_str()), "{shown} was not copied");
    }
}

/// Whether a character does something else than to show.
fn invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn assert_harmless(session: &Session) {
    let width = usize::from(session.screen.area.width);
    for (i, cell) in session.screen.content.iter().enumerate() {
        let symbol = cell.symbol();
        assert!(!symbol.chars().any(invisible), "{symbol:?}");
        let cells = unicode_width::UnicodeWidthStr::width(symbol);
        assert!(cells <= 2, "{symbol:?}");
        assert!(i % width + cells <= width, "{symbol:?} runs over the edge");
    }
}

#[test]
fn a_bus_that_changed_while_it_was_read_is_told() {
    let torn = |second| Snapshot {
        consistent: false,
        ..probed(second)
    };
    let dumps = |session: &Session| {
        let text = session.text();
        text.lines().next().unwrap().split_once("dumps ").unwrap().1[..3].to_owned()
    };
    let mut session = Session::with_theme(120, 40, torn(0), Theme::new(false, true));
    session.snapshot(torn(1)).keys("8");
    let told = "the bus changed while it was read";
    assert!(session.text().contains(told), "{}", session.text());
    let torn = dumps(&session);
    session.snapshot(probed(2));
    assert!(!session.text().contains(told), "{}", session.text());
    assert_ne!(dumps(&session), torn);
}

#[test]
fn warnings_are_found_by_how_bad_they_are_and_what_they_are_about() {
    let mut session = Session::new(160, 40, probed(0));
    for second in 1..=5 {
        session.snapshot(probed(second));
    }
    session.keys("7");
    let all = session.text();
    assert!(all.contains("map full") && all.contains("receiver stalled"));
    for (filter, peer, map) in [("alarm", true, false), ("observer", false, true)] {
        session.keys("/").keys(filter).code(KeyCode::Enter);
        let text = session.text();
        let body: String = text.lines().skip(7).collect();
        let shown = (body.contains("receiver stalled"), body.contains("map full"));
        assert_eq!(shown, (peer, map), "{filter}:\n{text}");
        session.code(KeyCode::Esc);
    }
}
