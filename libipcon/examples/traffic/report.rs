// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program's own counts, for programs and for people.

use serde::Serialize;

use crate::company::Ended;
use crate::counts::Totals;

/// The counts of all parties. Those at the top are sums over `peers` and `departed`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    totals: Totals,
    peers: Vec<Row>,
    departed: DepartedRow,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    port: u32,
    id: u64,
    #[serde(flatten)]
    totals: Totals,
}

#[derive(Debug, Serialize)]
struct DepartedRow {
    peers: u64,
    #[serde(flatten)]
    totals: Totals,
}

impl Report {
    pub(crate) fn new(ended: &Ended) -> Self {
        let row = |party: &crate::party::Party| Row {
            name: party.name.clone(),
            port: party.peer.port().get(),
            id: party.peer.id(),
            totals: party.counts.totals(),
        };
        let mut peers: Vec<Row> = ended.parties.iter().map(row).collect();
        peers.sort_by_key(|row| row.id);
        let departed = DepartedRow {
            peers: ended.departed.peers,
            totals: ended.departed.totals,
        };
        let mut totals = departed.totals;
        for peer in &peers {
            totals += peer.totals;
        }
        Self {
            totals,
            peers,
            departed,
        }
    }

    /// One JSON object on one line.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// A table with a line for each party.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<18} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8}\n",
            "PARTY", "SENT", "PUBLISHED", "UNICAST", "MULTICAST", "REFUSED", "LOST"
        );
        for peer in &self.peers {
            table += &line(&peer.name, &peer.totals);
        }
        table += &line(
            &format!("({} departed)", self.departed.peers),
            &self.departed.totals,
        );
        table += &line("total", &self.totals);
        table
    }
}

fn line(name: &str, totals: &Totals) -> String {
    format!(
        "{name:<18} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8}\n",
        totals.sent_unicast_messages,
        totals.sent_multicast_messages,
        totals.delivered_unicast_messages,
        totals.delivered_multicast_messages,
        totals.refused_queue_full + totals.refused_no_peer + totals.refused_no_memory,
        totals.lost,
    )
}
