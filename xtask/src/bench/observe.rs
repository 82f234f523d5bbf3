// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of `cargo xtask bench observe`: what is compared, the goal, and what stands in its way. The guest
//! (`vm-tests/bench/src/observe/plan.rs`) measures them under the same names. What the probes take of each message is the
//! row `counters` of `cargo xtask bench bus`.

use super::rows::{Goal, Row};

/// All rows, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "scrape-some",
        ours: "the exporter is scraped on a bus of 1,000 peers, each with a service and a group",
        peer: "the same on a bus of 10",
        goal: Goal::Known,
        at_once: false,
        limit: "",
    },
    Row {
        name: "scrape-many",
        ours: "the same on a bus of 10,000; the time for each peer",
        peer: "the time for each peer on a bus of 1,000",
        goal: Goal::AtMost(1.2),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scrape-size",
        ours: "the length of the page with 10,000 peers and groups",
        peer: "with 1,000",
        goal: Goal::AtMost(1.05),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scrape-series",
        ours: "the samples on the page with 10,000 peers and groups",
        peer: "with 1,000",
        goal: Goal::AtMost(1.0),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scrape-memory",
        ours: "the most resident memory that the exporter ever had with 10,000 peers and groups",
        peer: "64 MiB, which it may have",
        goal: Goal::AtMost(1.0),
        at_once: false,
        limit: "",
    },
    Row {
        name: "dashboard-busy",
        ours: "the part of one processor that `ipcon-top` takes, live in a terminal of 120 columns, each second, while \
               messages of 64 B flow between 20 pairs of peers",
        peer: "5 %, which it may take",
        goal: Goal::AtMost(1.0),
        at_once: false,
        limit: "",
    },
    Row {
        name: "exporter-busy",
        ours: "the same of the exporter, scraped each second",
        peer: "5 %, which it may take",
        goal: Goal::AtMost(1.0),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scraped-p50",
        ours: "median of the round trip of two peers on one CPU, on a bus of 10,000, while on the other one the exporter is \
               scraped without a pause",
        peer: "the same two peers, while the other CPU sends and receives through 1,000 Unix sockets",
        goal: Goal::AtMost(1.05),
        at_once: true,
        limit: "",
    },
    Row {
        name: "scraped-p99",
        ours: "99th percentile of the same",
        peer: "99th percentile of the same",
        goal: Goal::Known,
        at_once: true,
        limit: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_measures_these_rows_in_this_order() {
        let plan = include_str!("../../../vm-tests/bench/src/observe/plan.rs");
        let measured = plan.lines().filter_map(|line| {
            let call = line.trim_start().strip_prefix("row(\"")?;
            call.split('"').next()
        });
        assert!(measured.eq(ROWS.iter().map(|row| row.name)));
    }
}
