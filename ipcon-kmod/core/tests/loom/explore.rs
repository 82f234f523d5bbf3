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
    let mut sums = [0; 13];
    for client in peers {
        let counters = counted(&client.peer.counters);
        for (sum, count) in sums.iter_mut().zip(counters) {
            *sum += count;
        }
    }
    assert_eq!(sums, totals);
    let of = bus.totals();
    assert_eq!(
        of.sent_unicast.messages.get(),
        of.delivered_unicast.messages.get()
            + of.refused_queue_full.get()
            + of.refused_no_peer.get()
            + of.refused_no_memory.get()
    );
}

fn counted(of: &Counters) -> [u64; 13] {
    [
        of.sent_unicast.messages.get(),
        of.sent_unicast.bytes.get(),
        of.sent_multicast.messages.get(),
        of.sent_multicast.bytes.get(),
        of.delivered_unicast.messages.get(),
        of.delivered_unicast.bytes.get(),
        of.delivered_multicast.messages.get(),
        of.delivered_multicast.bytes.get(),
        of.refused_queue_full.get(),
        of.refused_no_peer.get(),
        of.refused_no_memory.get(),
        of.dropped_queue_full.get(),
        of.dropped_no_memory.get(),
    ]
}
