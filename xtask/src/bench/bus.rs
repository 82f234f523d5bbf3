// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of `cargo xtask bench bus`: what is compared, the goal, and what stands in its way. The guest
//! (`vm-tests/bench/src/plan.rs`) measures them under the same names.

use super::rows::{Goal, Row};

/// All rows, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "round-trip-one-cpu",
        ours: "unicast to another process and its answer, 64 B, both on one CPU",
        peer: "the same through `SOCK_SEQPACKET`",
        goal: Goal::AtMost(1.15),
        at_once: false,
        limit: "two sends and two receives, which take 17 k of our 29 k; the rest is switching between the \
               processes, no more than with sockets. See `one-way`.",
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
        limit: "generic netlink and the kernel's sockets. Of 8.6 k instructions 0.6 k are the module's and 0.7 k \
               the library's; without any of these it would still be 1.7 times the socket. The kernel's own go \
               to memory (1.8 k), finding and checking the request (0.8 k), security hooks (0.6 k), checks of \
               copies (0.5 k), and a third system call: it looks for a refusal (0.8 k).",
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
               message is then relayed in the buffer that brought it. A seventh is the look for a refusal \
               afterwards, a system call that finds nothing. `poll` or a look at the socket's memory would take \
               as long; only an epoll instance would take half, and a third descriptor for each peer.",
    },
    Row {
        name: "receive",
        ours: "receiving alone, 64 B",
        peer: "`SOCK_SEQPACKET` receiving alone",
        goal: Goal::Known,
        at_once: false,
        limit: "the header and attributes around the payload are copied with it, read, and the payload is copied \
               once more, to the caller. The library takes 0.45 k of it.",
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
        limit: "each message takes the whole way through generic netlink: of 5.7 k instructions 0.9 k find and \
               check the request, 1.3 k are memory, and only 0.6 k are the module's and 0.6 k the library's, \
               without which it would be 1.05 times the sockets. Only entries into the kernel are saved, which \
               weigh more on a processor than their instructions.",
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
        name: "group-batch",
        ours: "32 group messages to 64 members, 64 B, with one `multicast_batch`, sending alone; a message each",
        peer: "32 messages to each of 64 `SOCK_SEQPACKET` sockets, with a `sendmmsg` for each socket; as many messages each",
        goal: Goal::Known,
        at_once: false,
        limit: "as with single group messages: a clone, a test of room and the queue's lock for each member.",
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
        name: "counters",
        ours: "unicast sent and received by one thread, 64 B, while the eBPF probes of `ipcon-top` and \
               `ipcon-exporter` count",
        peer: "the same two peers, and no probes",
        goal: Goal::AtMost(1.05),
        at_once: false,
        limit: "1.5 k instructions for the three events of a message: sending, delivering and reading. 0.4 k are what the \
               kernel does to run three programs, which would be 1.05 if these did nothing. 0.6 k count the message for \
               its sender, its receiver and the two together; see `counters-only`. 0.5 k are its waiting time: a stamp \
               that is put into a slot and taken out again, two looks at the clock, and a look-up of the reader.",
    },
    Row {
        name: "counters-only",
        ours: "the same without waiting times, so that the probes do not look at what is read",
        peer: "the same two peers, and no probes",
        goal: Goal::Known,
        at_once: false,
        limit: "three look-ups in hash maps, of the sender, the receiver and the two together, which take most of 0.9 k \
               instructions. 0.3 k are what the kernel does to run two programs; with these alone it would be 1.03.",
    },
    Row {
        name: "traced",
        ours: "unicast sent and received by one thread, 64 B, while the kernel's tracer writes all events of the module down",
        peer: "the same two peers, and no tracer",
        goal: Goal::Known,
        at_once: false,
        limit: "writing two records of the events.",
    },
    Row {
        name: "churn-p99",
        ours: "99th percentile of the round trip of two peers on one CPU, while on the other one a group is made, \
               joined by 1,000 members, sent to and ended, over and over",
        peer: "the same two peers on a quiet bus, while the other CPU sends and receives through 1,000 Unix sockets",
        goal: Goal::AtMost(2.0),
        at_once: true,
        limit: "",
    },
    Row {
        name: "busy-p99",
        ours: "the peer of `churn-p99`",
        peer: "the same two peers, while the other CPU does nothing",
        goal: Goal::Known,
        at_once: true,
        limit: "the host: the VM's processors share its cores with whatever else runs there. This row is what \
               the other CPU's work alone does, whatever it is.",
    },
];

/// The row of this name.
#[cfg(test)]
pub(super) fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
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
                .or_else(|| call.strip_prefix("dbus_row(\""))
                .or_else(|| call.strip_prefix("churn_row(\""));
            call.and_then(|rest| rest.split('"').next())
        });
        for row in ROWS {
            assert_eq!(measured.next(), Some(row.name));
        }
        assert_eq!(measured.next(), None);
    }
}
