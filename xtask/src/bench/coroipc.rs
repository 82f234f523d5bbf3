// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of `cargo xtask bench coroipc`: what is compared, the goal, and what stands in its way. The program
//! (`libipcon/coroipc/bench/src/plan.rs`) measures them under the same names.

use super::rows::{Goal, Row};

const fn row(
    name: &'static str,
    ours: &'static str,
    peer: &'static str,
    goal: Goal,
    limit: &'static str,
) -> Row {
    Row {
        name,
        ours,
        peer,
        goal,
        at_once: false,
        limit,
    }
}

/// All rows, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    row(
        "round-trip-one-core",
        "call of 64 B and its reply of 24 B, client and server on one core",
        "libqb in shared memory, the same",
        Goal::AtMost(0.6),
        "",
    ),
    row(
        "floor-one-core",
        "the same",
        "two processes that pass a word to each other with a futex, on one core",
        Goal::AtMost(1.1),
        "a profile has 92 % in the kernel, which switches between the processes twice, as in the floor. 8 %, 0.4 µs, are \
         the work of both sides.",
    ),
    row(
        "round-trip-two-cores",
        "the same call, client and server on a core each",
        "libqb, the same",
        Goal::AtMost(0.03),
        "",
    ),
    row(
        "floor-two-cores",
        "the same",
        "two processes that spin on a word that they pass to each other, on a core each",
        Goal::AtMost(2.0),
        "the work of both sides, between which the floor has none: a profile gives about 0.18 µs to the client and 0.15 µs to the \
         server, for the slot, the request, both copies, the checks, and a fence in each direction before the look whether \
         the other side sleeps. Where the word itself takes longer to be passed, the ratio is smaller.",
    ),
    row(
        "looking-two-cores",
        "the same",
        "the same two processes, which also carry 64 B there and 24 B back, and each time look whether the other \
         one sleeps, as whatever does not always spin must",
        Goal::Known,
        "as in `floor-two-cores`; payload and look alone cost the two processes little, see `floors-two-cores`.",
    ),
    row(
        "floors-two-cores",
        "two processes as in `looking-two-cores`",
        "two processes as in `floor-two-cores`",
        Goal::Known,
        "",
    ),
    row(
        "round-trip-unpinned",
        "the same call, both wherever the scheduler puts them",
        "libqb, the same",
        Goal::Known,
        "",
    ),
    row(
        "blocking-two-cores",
        "the same call with a spin limit of 0, client and server on a core each",
        "two processes that pass a word to each other with a futex, on a core each",
        Goal::AtMost(1.05),
        "waking a processor that sleeps, twice, as in the floor. What that takes differs more from round to round than the \
         goal leaves room for; see the quartiles.",
    ),
    row(
        "adaptive-one-core",
        "the same call as by default, client and server on one core",
        "with a spin limit of 0",
        Goal::AtMost(1.2),
        "",
    ),
    row(
        "in-place-one-core",
        "call of 256 KiB and its reply of 256 KiB, both in place, on one core",
        "with 64 B there and back",
        Goal::AtMost(1.1),
        "",
    ),
    row(
        "in-place-two-cores",
        "the same, client and server on a core each",
        "with 64 B there and back",
        Goal::AtMost(1.1),
        "",
    ),
    row(
        "events-64-one-core",
        "an event of 64 B of 100,000 in a row through a ring of 1 MiB, read in place, on one core",
        "libqb, read as it allows",
        Goal::Faster(3.0),
        "",
    ),
    row(
        "events-64-two-cores",
        "the same, client and server on a core each",
        "libqb, the same",
        Goal::Faster(3.0),
        "",
    ),
    row(
        "events-16k-one-core",
        "an event of 16 KiB of 1,000 in a row through a ring of 1 MiB, read in place, on one core",
        "libqb, read as it allows",
        Goal::Faster(20.0),
        "",
    ),
    row(
        "events-16k-two-cores",
        "the same of 5,000, client and server on a core each",
        "libqb, the same",
        Goal::Faster(20.0),
        "the copy of 16 KiB into the ring, which is most of it; nobody touches it there. What libqb takes differs fiftyfold from \
         round to round, as its sender asks again whenever the ring is full; see the quartiles.",
    ),
    row(
        "connect",
        "connecting and disconnecting, 3 MiB of memory, client and server on a core each",
        "libqb, the same",
        Goal::Known,
        "the kernel, which allocates, clears, maps and frees the pages of all 3 MiB on either side.",
    ),
    row(
        "server-killed",
        "from `kill -9` of the server to the end of a blocked call",
        "libqb, the same",
        Goal::AtMost(0.01),
        "",
    ),
    row(
        "calls-one-core",
        "system calls of both processes for a call of 64 B and its reply, on one core",
        "libqb, the same",
        Goal::Known,
        "one wake and one wait. Who is woken on one core runs at once, and has replied before the caller would sleep.",
    ),
    row(
        "calls-two-cores",
        "the same, client and server on a core each",
        "libqb, the same",
        Goal::Known,
        "",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_measures_these_rows_in_this_order() {
        let plan = include_str!("../../../libipcon/coroipc/bench/src/plan.rs");
        let mut measured = plan.lines().filter_map(|line| {
            let call = line.trim_start().trim_start_matches("..");
            let rest = ["row", "libqb_row", "stream_row", "calls_row"]
                .iter()
                .find_map(|maker| call.strip_prefix(maker)?.strip_prefix("(\""))?;
            rest.split('"').next()
        });
        for row in ROWS {
            assert_eq!(measured.next(), Some(row.name));
        }
        assert_eq!(measured.next(), None);
    }
}
