// SPDX-License-Identifier: MIT OR Apache-2.0
//! A strict reader of OpenMetrics 1.0 text with counters and gauges.

use std::collections::{BTreeMap, BTreeSet};

struct Family {
    name: String,
    kind: String,
    lines: BTreeSet<&'static str>,
    samples: usize,
}

/// Reads an exposition, and panics where it breaks a rule. Gives the number of samples.
pub(crate) fn check(text: &str) -> usize {
    let body = text.strip_suffix("# EOF\n").expect("it ends in # EOF");
    let mut names = BTreeSet::new();
    let mut last_times = BTreeMap::new();
    let mut family: Option<Family> = None;
    let mut count = 0;
    let mut last_series = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').expect(line);
            let (name, rest) = rest.split_once(' ').expect(line);
            if word == "TYPE" {
                assert!(
                    names.insert(name.to_owned()),
                    "two families of one name: {line}"
                );
                assert!(["counter", "gauge"].contains(&rest), "{line}");
                family = Some(Family {
                    name: name.to_owned(),
                    kind: rest.to_owned(),
                    lines: BTreeSet::from(["TYPE"]),
                    samples: 0,
                });
                is_name(name);
                assert!(!name.ends_with("_total"), "a family has no suffix: {line}");
                continue;
            }
            let family = family.as_mut().expect(line);
            assert_eq!(family.name, name, "{line}");
            assert_eq!(family.samples, 0, "metadata come before samples: {line}");
            let word = match word {
                "UNIT" => {
                    assert!(name.ends_with(&format!("_{rest}")), "{line}");
                    "UNIT"
                }
                "HELP" => {
                    assert!(rest.ends_with('.'), "{line}");
                    unescape(rest);
                    "HELP"
                }
                _ => panic!("{line}"),
            };
            assert!(family.lines.insert(word), "twice: {line}");
            continue;
        }
        let family = family.as_mut().expect(line);
        assert!(family.lines.contains("HELP"), "no help: {line}");
        let (series, value, time) = sample(line);
        let name = series.split('{').next().unwrap();
        let expected = match family.kind.as_str() {
            "counter" => format!("{}_total", family.name),
            _ => family.name.clone(),
        };
        assert_eq!(name, expected, "{line}");
        assert!(
            value.is_finite() && (value >= 0.0 || family.kind != "counter"),
            "{line}"
        );
        let known = last_times.contains_key(series);
        assert!(
            !known || last_series == series,
            "mixed with another series: {line}"
        );
        series.clone_into(&mut last_series);
        let before = last_times.insert(series.to_owned(), time);
        assert!(
            before.is_none_or(|before| before < time),
            "time does not go on: {line}"
        );
        family.samples += 1;
        count += 1;
    }
    count
}

/// Series, value and time.
fn sample(line: &str) -> (&str, f64, f64) {
    let (rest, time) = line.rsplit_once(' ').expect(line);
    let (series, value) = rest.rsplit_once(' ').expect(line);
    let name = series.split('{').next().unwrap();
    is_name(name);
    if let Some(labels) = series[name.len()..].strip_prefix('{') {
        let mut labels = labels.strip_suffix('}').expect(line);
        let mut seen = BTreeSet::new();
        while !labels.is_empty() {
            let (label, rest) = labels.split_once("=\"").expect(line);
            is_name(label);
            assert!(seen.insert(label), "a label twice: {line}");
            let end = end_of_value(rest).expect(line);
            unescape(&rest[..end]);
            labels = &rest[end + 1..];
            if let Some(rest) = labels.strip_prefix(',') {
                assert!(!rest.is_empty(), "{line}");
                labels = rest;
            } else {
                assert!(labels.is_empty(), "{line}");
            }
        }
    }
    (
        series,
        value.parse().expect(line),
        time.parse().expect(line),
    )
}

fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        end.then_some(at)
    })
}

fn unescape(text: &str) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        assert_ne!(c, '\n');
        if c == '\\' {
            assert!(matches!(chars.next(), Some('\\' | '"' | 'n')), "{text}");
        }
    }
}

fn is_name(name: &str) {
    let mut chars = name.chars();
    assert!(
        chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_'),
        "{name}"
    );
    assert!(
        chars.all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "{name}"
    );
}

#[test]
fn what_breaks_a_rule_is_found() {
    let good = "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes It.\na_bytes_total{x=\"y\\\\\"} 1 2.0\n# EOF\n";
    assert_eq!(check(good), 1);
    for (from, to) in [
        ("# EOF\n", ""),
        ("_total", ""),
        ("counter", "gauge"),
        ("UNIT a_bytes bytes", "UNIT a_bytes seconds"),
        ("# HELP a_bytes It.\n", ""),
        ("\\\\\"}", "\\q\"}"),
        ("1 2.0", "NaN 2.0"),
        ("1 2.0", "-1 2.0"),
        ("# EOF", "a_bytes_total{x=\"y\\\\\"} 1 2.0\n# EOF"),
        ("# EOF", "# TYPE a_bytes counter\n# EOF"),
    ] {
        let bad = good.replacen(from, to, 1);
        let found = std::panic::catch_unwind(|| check(&bad)).is_err();
        assert!(found, "{bad}");
    }
}
