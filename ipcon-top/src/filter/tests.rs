// SPDX-License-Identifier: MIT OR Apache-2.0
//! What filters mean, and that nothing typed can break them.

use std::time::Duration;

use ipcon_observe::Snapshot;
use ipcon_observe::model::{Bus, Counters, Peer, QueueLatency, Service};
use proptest::prelude::*;

use super::*;
use crate::fielded::Fielded;
use crate::store::{Item, Row, Store};

/// Two seconds of three peers: one that loses 14 messages a second, one without a name, one that is quiet.
fn store() -> Store {
    let peer = |id: u64, name: Option<&str>, comm: &str, sent, dropped| Peer {
        id,
        pid: 1200 + id as u32,
        port: 4100 + id as u32,
        comm: comm.into(),
        services: name
            .map(|name| Service {
                id,
                name: name.into(),
                created_at: Duration::ZERO,
            })
            .into_iter()
            .collect(),
        queue_bytes: if dropped > 0 { 90 } else { 1 },
        queue_limit: 100,
        queue_oldest: (dropped > 0).then_some(Duration::from_millis(4200)),
        joined_groups: vec!["frames".into(), format!("own{id}").as_str().into()],
        observer: id == 3,
        counters: Counters {
            sent_unicast_messages: sent,
            sent_unicast_bytes: sent * 1024,
            dropped_queue_full: dropped,
            ..Counters::default()
        },
        ..Peer::default()
    };
    let snapshot = |second: u64| Snapshot {
        taken_at: Duration::from_secs(second),
        bus: Some(Bus::default()),
        peers: vec![
            peer(1, Some("cand_logger"), "logd", 2 * second, 14 * second),
            peer(2, None, "client", 220 * second, 0),
            peer(3, Some("power or sleep"), "pmd", 0, 0),
        ],
        ..Snapshot::default()
    };
    let mut store = Store::new(snapshot(1).into());
    store.absorb(snapshot(2).into());
    store
}

/// Ids of the peers that pass, as text.
fn pass(filter: &str) -> Result<String, FilterError> {
    let compiled = Filter::parse(filter)?.compile::<Peer>()?;
    let store = store();
    let rows = (0..Peer::count(&store)).filter_map(|i| Peer::row(&store, i));
    let passed = rows.filter(|row| compiled.matches(row));
    Ok(passed.map(|row| row.item.id.to_string()).collect())
}

#[test]
fn filters_let_the_right_rows_pass() {
    let cases = [
        ("", "123"),
        ("LOG", "1"),
        ("1202", "2"),
        ("peer:log drops>0", "1"),
        ("!comm:logd", "23"),
        ("not comm:logd and not client", "3"),
        ("log or client", "12"),
        ("client or log 1201", "12"),
        ("(client or log) 1201", "1"),
        ("comm=logd", "1"),
        ("comm=LOGD", ""),
        ("comm!=logd", "23"),
        ("comm:LOGD", "1"),
        ("comm~^(log|pm)d$", "13"),
        ("(comm~(log|pm)d) 1201", "1"),
        ("\"power or sleep\"", "3"),
        ("name=\"power or sleep\"", "3"),
        ("queue>80%", "1"),
        ("queue=0.9", "1"),
        ("queue_bytes<=1B", "23"),
        ("oldest>4s", "1"),
        ("oldest>4200ms", ""),
        ("oldest>=4200ms", "1"),
        ("dropped_messages/s>5", "1"),
        ("tx/s>0.2k", "2"),
        ("tx_b/s>=220Ki/s", "2"),
        ("tx_b>1MB", ""),
        ("pid:120", "123"),
        ("pid=1201", "1"),
        ("pid > 1201", "23"),
        ("pid!=1201", "23"),
        ("observer=yes", "3"),
        ("observer=no", "12"),
        ("joined=own2", "2"),
        ("joined:OWN", "123"),
        ("joined!=own2", "13"),
        ("joined~own[13]", "13"),
        ("~client", "2"),
        // What a row does not have fails every comparison.
        ("name:e", "13"),
        ("name!=x", "13"),
        ("p99>0", ""),
        ("p99<1s", ""),
        ("!p99<1s", "123"),
    ];
    for (filter, passed) in cases {
        assert_eq!(pass(filter).as_deref(), Ok(passed), "{filter}");
    }
}

#[test]
fn errors_stand_under_what_is_wrong() {
    let cases = [
        ("peer:log dorps>0", "dorps", "is it drops?"),
        ("drops>many", "many", "write a number such as 5"),
        ("tx_b>10ms", "10ms", "write bytes such as"),
        ("p99>10Mi", "10Mi", "write a time such as"),
        ("comm>5", "comm", "is text: write : or ="),
        ("drops>", "", "a value is missing here"),
        ("(drops>) a", ")", "a value is missing before this"),
        (">5", ">", "a key is missing before this"),
        ("a or", "", "is missing here"),
        ("a or or b", "or", "is missing before this"),
        ("(a b", "(", "is not closed"),
        ("a) b", ")", "no parenthesis"),
        ("()", ")", "is missing before this"),
        ("a \"b c", "\"b c", "write \" at its end"),
        ("comm~(", "(", ""),
        ("comm~[", "[", "no regular expression"),
        ("queue/s>5", "queue/s", "has no rate"),
        ("!", "", "is missing here"),
    ];
    for (filter, token, message) in cases {
        let error = pass(filter).unwrap_err();
        assert_eq!(&filter[error.span.clone()], token, "{filter}: {error}");
        assert!(error.message.contains(message), "{filter}: {error}");
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = |open: &str, close: &str| format!("{}a{}", open.repeat(5000), close.repeat(5000));
    for filter in [deep("(", ")"), deep("!", ""), deep("not ", "")] {
        let error = Filter::parse(&filter).unwrap_err();
        assert!(error.message.contains("nested"), "{error}");
    }
    assert_eq!(pass("((((log))))").as_deref(), Ok("1"));
}

/// A text made of what filters are made of.
fn like_a_filter() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("drops".to_owned()),
        Just("comm".to_owned()),
        prop::sample::select(vec![
            "(", ")", "!", " ", "or", "and", "not", ">", ">=", "<", "=", "!=", ":", "~", "\"",
            "\\", "/s", "~(a|b)", "10ms", "80%", "-", "日本",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,3}",
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            if let Err(error) = filter.compile::<Peer>() {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            }
            let Some(expr) = filter.expr() else {
                return Ok(());
            };
            let printed = expr.to_string();
            let again = Filter::parse(&printed);
            prop_assert_eq!(again.map(|it| it.expr), Ok(filter.expr), "{}", printed);
        }
        Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error),
    }
    Ok(())
}

/// A peer that was slow long ago is not slow now, and one that is slow now need not have been so for long.
#[test]
fn waiting_times_are_those_that_the_row_shows() {
    let read = |bucket: usize| {
        let mut latency = QueueLatency::default();
        latency.counts[bucket] = 1000;
        latency
    };
    let (quick, slow, endless) = (read(1), read(12), read(QueueLatency::BUCKETS - 1));
    let peer = Peer {
        queue_latency: Some(slow),
        ..Peer::default()
    };
    let filter = Filter::parse("p99>100us").unwrap();
    let filter = filter.compile::<Peer>().unwrap();
    let passes = |waits| {
        let row = Row {
            item: &peer,
            rates: None,
            waits,
            warnings: &[],
            gone: None,
            now: Duration::ZERO,
        };
        filter.matches(&row)
    };
    assert!(!passes(Some(&quick)));
    assert!(!passes(None), "nothing was read lately");
    assert!(passes(Some(&slow)));
    assert!(passes(Some(&endless)), "longer than the last bound");
    assert!(passes(peer.waits()));
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn what_is_printed_reads_as_the_same(text in like_a_filter()) {
        check(&text)?;
    }
}
