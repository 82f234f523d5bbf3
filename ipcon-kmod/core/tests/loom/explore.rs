// SPDX-License-Identifier: GPL-2.0

//! Running a model in every order, and what holds at the end of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipcon_core::bus::Counters;

use crate::fixture::{Client, Fixture};

/// Runs `model` in every order there is.
pub fn explore(model: fn()) {
    bounded(None, model);
}

/// Runs `model` in every order in which no thread is interrupted more than `preemptions` times where
/// it need not wait. For more than two threads, which have too many orders otherwise.
pub fn explore_some(preemptions: usize, model: fn()) {
    bounded(Some(preemptions), model);
}

fn bounded(preemptions: Option<usize>, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    builder.max_branches = 10_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&orders);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    // Where nothing can be interrupted, nothing was tried.
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders");
    assert!(orders > 1, "only {orders} orders");
}

/// Runs both at once.
pub fn both(one: impl FnOnce() + Send + 'static, other: impl FnOnce()) {
    let thread = loom::thread::spawn(one);
    other();
    thread.join().unwrap();
}

/// Runs all three at once.
pub fn three(
    one: impl FnOnce() + Send + 'static,
    two: impl FnOnce() + Send + 'static,
    other: impl FnOnce(),
) {
    let one = loom::thread::spawn(one);
    both(two, other);
    one.join().unwrap();
}

/// What was counted agrees: every unicast message was delivered or refused, and the sums over the
/// peers, which are all that ever were, are the totals.
pub fn assert_books_balance(bus: &Fixture, peers: &[&Client]) {
    let totals = counted(bus.totals());
    let mut sums = [0; COUNTS];
    for client in peers {
        let counters = counted(&client.peer.counters);
        for (sum, count) in sums.iter_mut().zip(counters) {
            *sum += count;
        }
    }
    assert_eq!(sums, totals);
    let of = bus.totals();
    let mut left = [of.sent_unicast.messages.get(), of.sent_unicast.bytes.get()];
    for part in [
        &of.delivered_unicast,
        &of.refused_queue_full,
        &of.refused_no_peer,
        &of.refused_no_memory,
    ] {
        left[0] -= part.messages.get();
        left[1] -= part.bytes.get();
    }
    assert_eq!(left, [0, 0], "sent = delivered + refused");
}

/// Nine kinds, each in messages and bytes.
const COUNTS: usize = 18;

fn counted(of: &Counters) -> [u64; COUNTS] {
    let kinds = [
        &of.sent_unicast,
        &of.sent_multicast,
        &of.delivered_unicast,
        &of.delivered_multicast,
        &of.refused_queue_full,
        &of.refused_no_peer,
        &of.refused_no_memory,
        &of.dropped_queue_full,
        &of.dropped_no_memory,
    ];
    let mut counts = [0; COUNTS];
    for (pair, kind) in counts.chunks_exact_mut(2).zip(kinds) {
        pair.copy_from_slice(&[kind.messages.get(), kind.bytes.get()]);
    }
    counts
}
