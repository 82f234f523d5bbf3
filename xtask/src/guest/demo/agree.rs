// SPDX-License-Identifier: MIT OR Apache-2.0
//! Do all who count agree? Pure: compares what the traffic program, the module's dump, the report
//! and the metrics say about the same quiet bus.

use std::fmt;

use serde_json::Value;

/// Counters of each peer of the traffic program.
const OF_A_PEER: &[&str] = &[
    "sent_unicast_messages",
    "sent_unicast_bytes",
    "sent_multicast_messages",
    "sent_multicast_bytes",
    "delivered_unicast_messages",
    "delivered_unicast_bytes",
    "delivered_multicast_messages",
    "delivered_multicast_bytes",
    "refused_queue_full",
    "refused_no_peer",
    "refused_no_memory",
];

/// Counters of the whole bus, and the metric that has the same. Group messages delivered are not
/// among them: observers that listen to kevents are peers too and hear those.
const OF_THE_BUS: &[(&str, &str, &[&str])] = &[
    (
        "sent_unicast_messages",
        "ipcon_sent_messages_total",
        &[r#"kind="unicast""#],
    ),
    (
        "sent_unicast_bytes",
        "ipcon_sent_bytes_total",
        &[r#"kind="unicast""#],
    ),
    (
        "sent_multicast_messages",
        "ipcon_sent_messages_total",
        &[r#"kind="multicast""#],
    ),
    (
        "sent_multicast_bytes",
        "ipcon_sent_bytes_total",
        &[r#"kind="multicast""#],
    ),
    (
        "delivered_unicast_messages",
        "ipcon_delivered_messages_total",
        &[r#"kind="unicast""#],
    ),
    (
        "delivered_unicast_bytes",
        "ipcon_delivered_bytes_total",
        &[r#"kind="unicast""#],
    ),
    (
        "refused_queue_full",
        "ipcon_send_errors_total",
        &[r#"errno="EAGAIN""#],
    ),
    (
        "refused_no_peer",
        "ipcon_send_errors_total",
        &[r#"errno="ECONNREFUSED""#],
    ),
    (
        "refused_no_memory",
        "ipcon_send_errors_total",
        &[r#"errno="ENOMEM""#],
    ),
];

/// One counter as each of them has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The peer, or none for the whole bus.
    peer: Option<u64>,
    counter: &'static str,
    traffic: Option<u64>,
    dump: Option<u64>,
    report: Option<u64>,
    /// The exporter has no labels for single anonymous peers, so only totals have this.
    metrics: Option<u64>,
}

impl Row {
    /// Whether everybody who can have this counter has it, with the same value.
    pub(super) fn agrees(&self) -> bool {
        let same = self.traffic == self.dump && self.traffic == self.report;
        self.traffic.is_some() && same && (self.peer.is_some() || self.metrics == self.traffic)
    }

    /// Whether this is about the whole bus.
    pub(super) fn is_total(&self) -> bool {
        self.peer.is_none()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: Option<u64>| value.map_or("absent".to_owned(), |n| n.to_string());
        let verdict = if self.agrees() { "agree" } else { "DISAGREE" };
        let counter = self.counter;
        match self.peer {
            Some(id) => write!(f, "{verdict:8} peer {id} {counter}:")?,
            None => write!(f, "{verdict:8} {counter}:")?,
        }
        write!(f, " traffic {}", value(self.traffic))?;
        write!(
            f,
            ", dump {}, report {}",
            value(self.dump),
            value(self.report)
        )?;
        if self.peer.is_none() {
            write!(f, ", metrics {}", value(self.metrics))?;
        }
        Ok(())
    }
}

/// Every counter that more than one of them has.
pub(super) fn compare(traffic: &Value, dump: &Value, report: &Value, metrics: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for &(counter, family, labels) in OF_THE_BUS {
        rows.push(Row {
            peer: None,
            counter,
            traffic: number(traffic, counter),
            dump: number(&dump["bus"], counter),
            report: number(&report["bus"], counter),
            metrics: sum(metrics, family, labels),
        });
    }
    let peers = traffic["peers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for peer in peers {
        let Some(id) = number(peer, "id") else {
            continue;
        };
        for &counter in OF_A_PEER {
            rows.push(Row {
                peer: Some(id),
                counter,
                traffic: number(peer, counter),
                dump: number_of_peer(dump, id, counter),
                report: number_of_peer(report, id, counter),
                metrics: None,
            });
        }
    }
    rows
}

fn number(object: &Value, key: &str) -> Option<u64> {
    object.get(key)?.as_u64()
}

fn number_of_peer(document: &Value, id: u64, key: &str) -> Option<u64> {
    let peers = document["peers"].as_array()?;
    number(
        peers.iter().find(|peer| number(peer, "id") == Some(id))?,
        key,
    )
}

/// The sum over all samples of a family that have these labels. None when there is no sample, or one
/// that is no whole number.
fn sum(metrics: &str, family: &str, labels: &[&str]) -> Option<u64> {
    let mut total = None;
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix(family) else {
            continue;
        };
        // A longer name that begins with this one is another family.
        if !rest.starts_with(['{', ' ']) || !labels.iter().all(|label| rest.contains(label)) {
            continue;
        }
        let value: f64 = rest.rsplit(' ').next()?.parse().ok()?;
        // Exact up to 2^53, which no demonstration comes near.
        if value.fract() != 0.0 || !(0.0..9e15).contains(&value) {
            return None;
        }
        total = Some(total.unwrap_or(0) + value as u64);
    }
    total
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const METRICS: &str = "\
# HELP ipcon_sent_messages_total x
# TYPE ipcon_sent_messages_total counter
ipcon_sent_messages_total{peer=\"a\",kind=\"unicast\"} 5
ipcon_sent_messages_total{peer=\"_departed\",kind=\"unicast\"} 2
ipcon_sent_messages_total{peer=\"a\",kind=\"multicast\"} 1
ipcon_sent_messages_total_more{kind=\"unicast\"} 100
";

    #[test]
    fn samples_of_one_family_and_label_are_added_up() {
        assert_eq!(
            sum(METRICS, "ipcon_sent_messages_total", &[r#"kind="unicast""#]),
            Some(7)
        );
        assert_eq!(sum(METRICS, "ipcon_sent_bytes_total", &[]), None);
        assert_eq!(sum("x 0.5\n", "x", &[]), None);
    }

    fn rows(peer_sent: u64) -> Vec<Row> {
        let traffic =
            json!({"sent_unicast_messages": 7, "peers": [{"id": 3, "sent_unicast_messages": 5}]});
        let document = json!({
            "bus": {"sent_unicast_messages": 7},
            "peers": [{"id": 3, "sent_unicast_messages": peer_sent}],
        });
        compare(&traffic, &document, &document, METRICS)
    }

    fn find(rows: &[Row], peer: Option<u64>) -> &Row {
        rows.iter()
            .find(|r| r.peer == peer && r.counter == "sent_unicast_messages")
            .unwrap()
    }

    #[test]
    fn the_same_everywhere_agrees() {
        let rows = rows(5);
        assert!(find(&rows, None).agrees() && find(&rows, Some(3)).agrees());
    }

    #[test]
    fn one_message_of_difference_is_a_disagreement() {
        let rows = rows(4);
        assert!(!find(&rows, Some(3)).agrees());
        assert!(
            find(&rows, Some(3))
                .to_string()
                .starts_with("DISAGREE peer 3 sent_unicast")
        );
    }

    #[test]
    fn a_counter_that_is_absent_everywhere_does_not_agree() {
        let missing = rows(5)
            .into_iter()
            .find(|r| r.counter == "refused_no_peer")
            .unwrap();
        assert!(!missing.agrees());
    }
}
