// SPDX-License-Identifier: MIT OR Apache-2.0
//! The golden page, as what others may name.

use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../golden/busy.prom");

/// A family of the golden page.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) labels: BTreeSet<String>,
    /// Names of its samples, which differ from its own in a histogram.
    pub(crate) samples: BTreeSet<String>,
}

/// All families by name.
pub(crate) fn families() -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    for line in PAGE.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            families.entry(current.clone()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (_, kind) = rest.split_once(' ').unwrap();
            families.get_mut(&current).unwrap().kind = kind.to_owned();
        } else {
            let family = families.get_mut(&current).unwrap();
            let (name, labels) = line.split_once(['{', ' ']).unwrap();
            family.samples.insert(name.to_owned());
            if line.contains('{') {
                // Names stand before ="; a value of a label has no = in the golden page.
                let names = labels
                    .split("=\"")
                    .filter_map(|text| text.rsplit(',').next());
                let names: Vec<_> = names.collect();
                let names = names[..names.len() - 1].iter().map(ToString::to_string);
                family.labels.extend(names);
            }
        }
    }
    families
}

/// What an expression names of the exporter's metrics: words outside of quotes that begin like one.
pub(crate) fn metrics_in(expression: &str) -> Vec<&str> {
    let unquoted = expression.split('"').step_by(2);
    let words = unquoted
        .flat_map(|text| text.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c))));
    words
        .filter(|word| word.starts_with("ipcon_") || word.starts_with("process_"))
        .collect()
}

/// Fails when an expression names what no page has, or nothing.
#[track_caller]
pub(crate) fn assert_known(expression: &str) {
    let samples: BTreeSet<String> = families()
        .into_values()
        .flat_map(|family| family.samples)
        .collect();
    let named = metrics_in(expression);
    assert!(!named.is_empty(), "{expression} names no metric");
    for name in named {
        assert!(
            samples.contains(name),
            "{name} in {expression} is on no page"
        );
    }
}

#[test]
fn names_are_found_in_expressions() {
    let expression = "sum by (peer) (rate(ipcon_a_total{group!=\"ipcon_kevent\"}[5m])) > process_b";
    assert_eq!(metrics_in(expression), ["ipcon_a_total", "process_b"]);
    let families = families();
    let sizes = &families["ipcon_message_size_bytes"];
    assert!(sizes.samples.contains("ipcon_message_size_bytes_bucket"));
    assert!(sizes.labels.iter().eq(["kind", "le"]), "{:?}", sizes.labels);
    assert!(families["ipcon_up"].labels.is_empty());
}
