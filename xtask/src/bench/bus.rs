// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of `cargo xtask bench bus`: what is compared, the goal, and what stands in its way. The guest
//! (`vm-tests/bench/src/plan.rs`) measures them under the same names.

use anyhow::bail;

/// What a row shall reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// Our time is at most so many times the peer's.
    AtMost(f64),
    /// We are at least so many times as fast.
    Faster(f64),
    /// None; the figure is worth knowing.
    Known,
}

impl Goal {
    /// The largest ratio of our time to the peer's that reaches it.
    pub(super) fn ratio(self) -> Option<f64> {
        match self {
            Self::AtMost(times) => Some(times),
            Self::Faster(times) => Some(1.0 / times),
            Self::Known => None,
        }
    }
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// What we do.
    pub(super) ours: &'static str,
    /// What the peer does for the same end.
    pub(super) peer: &'static str,
    pub(super) goal: Goal,
    /// Whether the VM's processors must run at once, so that counting instructions says nothing.
    pub(super) at_once: bool,
    /// What most of our time goes to, as far as it was looked into.
    pub(super) limit: &'static str,
}

/// All rows, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "round-trip-one-cpu",
        ours: "unicast to another process and its answer, 64 B, both on one CPU",
        peer: "the same through `SOCK_SEQPACKET`",
        goal: Goal::AtMost(1.15),
        at_once: false,
        limit: "two sends and two receives take 18 k of our 29 k, switching between the processes the \
               rest, which is no more than with sockets. See `send`.",
    },
    Row {
        name: "round-trip-two-cpus",
        ours: "the same, each process on a CPU of its own",
        peer: "the same through `SOCK_SEQPACKET`",
        goal: Goal::AtMost(1.15),
        at_once: false,
        limit: "as on one CPU.",
    },
    Row {
        name: "one-way",
        ours: "unicast sent and received by one thread, 64 B",
        peer: "`SOCK_SEQPACKET` sent and received by one thread",
        goal: Goal::AtMost(1.35),
        at_once: false,
        limit: "`send`, which takes nearly three times as long as that of a socket.",
    },
    Row {
        name: "one-way-large",
        ours: "the same with 65,000 B",
        peer: "`SOCK_SEQPACKET` sent and received by one thread",
        goal: Goal::Known,
        at_once: false,
        limit: "copying: into the request, which becomes the message, out of it into the thread's buffer, and \
               from that into the caller's; a socket copies twice.",
    },
    Row {
        name: "send",
        ours: "sending alone, 64 B",
        peer: "`SOCK_SEQPACKET` sending alone",
        goal: Goal::Known,
        at_once: false,
        limit: "generic netlink. The request is looked up, parsed and checked before the bus sees it. The \
               message is then relayed in the buffer that brought it. A sixth is the look for a refusal \
               afterwards, a system call that finds nothing.",
    },
    Row {
        name: "receive",
        ours: "receiving alone, 64 B",
        peer: "`SOCK_SEQPACKET` receiving alone",
        goal: Goal::Known,
        at_once: false,
        limit: "the header and attributes around the payload are copied with it, read, and the payload \
               is copied once more, to the caller.",
    },
    Row {
        name: "receive-nothing",
        ours: "a look for a message where there is none; the library also looks so for a refusal after each send",
        peer: "`SOCK_SEQPACKET`, the same",
        goal: Goal::Known,
        at_once: false,
        limit: "netlink tests more than a Unix socket before it says that there is nothing.",
    },
    Row {
        name: "batch",
        ours: "32 unicasts of 64 B with one `send_batch`, received with one `recv_batch`, by one \
               thread; a message each",
        peer: "the same with `sendmmsg` and `recvmmsg`",
        goal: Goal::AtMost(0.9),
        at_once: false,
        limit: "each message takes the whole way through generic netlink; only entries into the kernel \
               are saved, which weigh more on a processor than their instructions.",
    },
    Row {
        name: "group-send",
        ours: "one group message to 64 members, 64 B, sending alone",
        peer: "64 sends, one to each of 64 `SOCK_SEQPACKET` sockets",
        goal: Goal::AtMost(0.4),
        at_once: false,
        limit: "a clone of the message, a test of room and the queue's lock for each member.",
    },
    Row {
        name: "group-deliver",
        ours: "the same, and all 64 members receive it",
        peer: "the same, and all 64 sockets are read",
        goal: Goal::Known,
        at_once: false,
        limit: "receiving; see there.",
    },
    Row {
        name: "connect",
        ours: "a peer connects and goes",
        peer: "a `SOCK_SEQPACKET` socket connects to a listening one, is accepted and goes",
        goal: Goal::Known,
        at_once: false,
        limit: "two sockets of netlink, each with a port that is looked for, and three requests with \
               their answers.",
    },
    Row {
        name: "request-reply-one-cpu",
        ours: "unicast to another process and its answer, 64 B, all on one CPU",
        peer: "D-Bus method call and return, client, broker and service on one CPU",
        goal: Goal::Faster(6.0),
        at_once: false,
        limit: "the round trip itself. In instructions the goal is out of reach for anything that wakes \
               another process twice: the same through `SOCK_SEQPACKET` takes a fifth of the method \
               call.",
    },
    Row {
        name: "request-reply-two-cpus",
        ours: "the same, each process on a CPU of its own",
        peer: "the same, client and service on a CPU of their own, the broker on either",
        goal: Goal::Faster(6.0),
        at_once: false,
        limit: "as on one CPU.",
    },
    Row {
        name: "connect-dbus",
        ours: "a peer connects and goes",
        peer: "a D-Bus connection is made, authenticated, greeted, and goes",
        goal: Goal::Known,
        at_once: false,
        limit: "see `connect`.",
    },
    Row {
        name: "look-up-dbus",
        ours: "the port of a service is looked up",
        peer: "D-Bus `GetNameOwner`",
        goal: Goal::Known,
        at_once: false,
        limit: "a request with an answer through generic netlink, whose buffer is made and received.",
    },
    Row {
        name: "scale-unicast",
        ours: "unicast sent and received by one thread, on a bus of 10,000 peers, services and groups",
        peer: "the same on a bus of 10 of each",
        goal: Goal::AtMost(1.2),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scale-group",
        ours: "group message to one member there",
        peer: "the same on a bus of 10 of each",
        goal: Goal::AtMost(1.2),
        at_once: false,
        limit: "",
    },
    Row {
        name: "scale-look-up",
        ours: "service looked up there",
        peer: "the same on a bus of 10 of each",
        goal: Goal::AtMost(1.2),
        at_once: false,
        limit: "",
    },
    Row {
        name: "churn-p99",
        ours: "99th percentile of the round trip of two peers on one CPU, while on the other one \
               a group is made, joined by 1,000 members, sent to and ended, over and over",
        peer: "the same two peers on a quiet bus",
        goal: Goal::AtMost(2.0),
        at_once: true,
        limit: "",
    },
];

/// The row of this name.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// The rows with `filter` in their names.
pub(super) fn named(filter: &str) -> anyhow::Result<Vec<&'static Row>> {
    let rows: Vec<_> = ROWS
        .iter()
        .filter(|row| row.name.contains(filter))
        .collect();
    if rows.is_empty() {
        bail!("no row has `{filter}` in its name; docs/benchmarks.md has them");
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_guest_measures_these_rows_in_this_order() {
        let plan = include_str!("../../../vm-tests/bench/src/plan.rs");
        let mut measured = plan.lines().filter_map(|line| {
            let call = line.trim_start().trim_start_matches("..");
            let call = call
                .strip_prefix("row(\"")
                .or_else(|| call.strip_prefix("dbus_row(\""));
            call.and_then(|rest| rest.split('"').next())
        });
        for row in ROWS {
            assert_eq!(measured.next(), Some(row.name));
        }
        assert_eq!(measured.next(), None);
    }

    #[test]
    fn a_filter_without_rows_is_refused() {
        assert_eq!(named("").unwrap().len(), ROWS.len());
        assert_eq!(named("one-way").unwrap().len(), 2);
        assert!(named("none such").is_err());
    }

    #[test]
    fn faster_is_a_ratio_below_one() {
        assert_eq!(Goal::Faster(4.0).ratio(), Some(0.25));
        assert_eq!(Goal::AtMost(1.15).ratio(), Some(1.15));
        assert_eq!(Goal::Known.ratio(), None);
    }
}
