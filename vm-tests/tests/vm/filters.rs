// SPDX-License-Identifier: MIT OR Apache-2.0

//! Socket filters of receivers, which run while a message is on its way into the queue.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::Barrier;
use std::thread;

use ipcon_vm_tests::{Case, cases, pace};
use libipcon::{Inspector, Peer, PeerInfo, Replay};

use crate::support::{drain, next, number, numbered};

/// Most instructions of a filter.
const LONGEST_FILTER: usize = 4096;

/// A filter's verdict that lets a message pass whole.
const KEEP: u32 = u32::MAX;

/// A filter's verdict that throws a message away.
const THROW_AWAY: u32 = 0;

pub(crate) fn all() -> Vec<Case> {
    cases![
        a_slow_filter_lets_nobody_overfill_a_queue => within(120),
        what_a_filter_throws_away_is_delivered,
        losses_told_to_a_filter_are_told,
        a_filter_cuts_no_message,
    ]
}

/// Has the kernel run a program of `len` instructions on each message for the peer, which ends with the verdict.
fn attach_filter(peer: &Peer, len: usize, verdict: u32) {
    let instruction = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let work = instruction(libc::BPF_ALU | libc::BPF_DIV | libc::BPF_K, 3);
    let mut program = vec![work; len - 1];
    program.push(instruction(libc::BPF_RET | libc::BPF_K, verdict));
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    set_option(peer, libc::SO_ATTACH_FILTER, &program);
}

fn detach_filter(peer: &Peer) {
    set_option(peer, libc::SO_DETACH_FILTER, &0_i32);
}

fn set_option<T>(peer: &Peer, option: libc::c_int, value: &T) {
    // SAFETY: The kernel reads the value, and the filter that it may point to, which live until the call returns.
    let outcome = unsafe {
        libc::setsockopt(
            peer.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    let error = std::io::Error::last_os_error();
    assert_eq!(outcome, 0, "set option {option}: {error}");
}

fn row(peer: &Peer) -> PeerInfo {
    let peers = Inspector::open().unwrap().peers().unwrap().items;
    let row = peers.into_iter().find(|row| row.id == peer.id());
    row.expect("the peer is listed")
}

/// Fills the peer's queue with messages to its group.
fn fill(owner: &Peer, reader: &Peer) {
    while row(reader).lost == 0 {
        owner.multicast("news", &[0; 1000]).unwrap();
    }
}

fn a_slow_filter_lets_nobody_overfill_a_queue() {
    const SENDERS: usize = 8;
    static MESSAGE: [u8; 65_000] = [0; 65_000];
    let reader = Peer::connect().unwrap();
    let limit = row(&reader).queue_limit;
    let sender = Peer::connect().unwrap();
    sender.send(reader.port(), &MESSAGE).unwrap();
    let size = row(&reader).queue_bytes;
    assert_eq!(drain(&reader).len(), 1);
    // The message that reaches the bound is the last one.
    let most = limit.div_ceil(size);

    attach_filter(&reader, LONGEST_FILTER, KEEP);
    let senders: Vec<Peer> = (0..SENDERS).map(|_| Peer::connect().unwrap()).collect();
    let start = Barrier::new(SENDERS);
    for round in 0..pace::work(100) {
        thread::scope(|scope| {
            for sender in &senders {
                scope.spawn(|| {
                    start.wait();
                    while sender.send(reader.port(), &MESSAGE).is_ok() {}
                });
            }
        });
        assert_eq!(row(&reader).queue_bytes, most * size, "round {round}");
        assert_eq!(drain(&reader).len(), most as usize, "round {round}");
    }
}

fn what_a_filter_throws_away_is_delivered() {
    let reader = Peer::connect().unwrap();
    let sender = Peer::connect().unwrap();
    attach_filter(&reader, 1, THROW_AWAY);
    sender.send(reader.port(), &numbered(1)).unwrap();
    let counters = row(&reader).counters;
    assert_eq!(counters.delivered_unicast_messages, 1);
    assert_eq!(row(&sender).counters.refused_queue_full, 0);
    assert_eq!(row(&reader).queue_bytes, 0);

    detach_filter(&reader);
    sender.send(reader.port(), &numbered(2)).unwrap();
    assert_eq!(number(&next(&reader).data), 2);
}

/// Or each group message would be copied for such a member, to tell the losses once more, for as long as it is there.
fn losses_told_to_a_filter_are_told() {
    let owner = Peer::connect().unwrap();
    owner.register_group("news").unwrap();
    let reader = Peer::connect().unwrap();
    reader.join_group("news", Replay::None).unwrap();
    fill(&owner, &reader);
    drain(&reader);
    let lost = row(&reader).lost;
    assert!(lost > 0);

    attach_filter(&reader, 1, THROW_AWAY);
    owner.multicast("news", &numbered(1)).unwrap();
    assert_eq!(row(&reader).lost, 0);

    detach_filter(&reader);
    owner.multicast("news", &numbered(2)).unwrap();
    let message = next(&reader);
    assert_eq!((number(&message.data), message.lost), (2, 0));
}

fn a_filter_cuts_no_message() {
    let reader = Peer::connect().unwrap();
    let sender = Peer::connect().unwrap();
    attach_filter(&reader, 1, 30);
    sender.send(reader.port(), &numbered(1)).unwrap();
    assert_eq!(next(&reader).data, numbered(1));
}
