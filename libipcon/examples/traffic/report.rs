// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program's own counts, for programs and for people.

use serde::{Deserialize, Serialize};

use crate::company::Ended;
use crate::counts::Totals;
use crate::party::Party;

/// The counts of all parties. Those at the top are sums over `peers` and `departed`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    totals: Totals,
    peers: Vec<Row>,
    departed: DepartedRow,
}

/// The counts of one party.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
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

impl Row {
    /// What a party counted so far.
    pub(crate) fn of(party: &Party) -> Self {
        Self {
            name: party.name.clone(),
            port: party.peer.port().get(),
            id: party.peer.id(),
            totals: party.counts.totals(),
        }
    }
}

impl Report {
    pub(crate) fn new(ended: &Ended) -> Self {
        let mut peers: Vec<Row> = ended.parties.iter().map(Row::of).collect();
        peers.extend(ended.archive.iter().map(|(_, row)| row.clone()));
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
