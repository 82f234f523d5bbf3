// SPDX-License-Identifier: MIT OR Apache-2.0
//! BPF programs on the tracepoints of the ipcon module. They count and decide nothing.
//!
//! A tracepoint's arguments come as one `u64` for each, in the order of its definition; narrower ones
//! are in the low bits. Every program resolves first all peers and groups that an event concerns, and
//! then counts it for all of them, or for none and says why in its tally.
#![no_std]
#![no_main]
// Not stable for this target, whose compiler is always the same one with its unstable features on.
#![feature(asm_experimental_arch)]

mod entries;
mod exceptions;
mod maps;
mod shared;
mod tally;
mod waiting;

use core::ptr::addr_of_mut;

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use ipcon_probes_abi::{
    Count, Exception, ExceptionKind, Histogram, Kind, ProgramIndex, drop_slot, error_key,
    reason_index, size_bucket, size_slot, size_sum_slot,
};

use crate::entries::{group, peer};
use crate::exceptions::report;
use crate::maps::{DROPS, LATENCY, SIZES, SLOW_NANOS};
use crate::shared::{errors, flow};
use crate::tally::{Outcome, account};

/// `ipcon_send(u64 peer, u64 group, u32 port, u32 len)`: a request to send. `group` is 0 for unicast,
/// `peer` is 0 for kevents.
#[raw_tracepoint(tracepoint = "ipcon_send")]
fn ipcon_send(ctx: RawTracePointContext) {
    let len = ctx.arg::<u32>(3);
    account(ProgramIndex::Send, || send(ctx.arg(0), ctx.arg(1), len));
}

#[inline(always)]
fn send(from: u64, to_group: u64, len: u32) -> Outcome {
    let kind = Kind::of_group(to_group);
    observe_size(Histogram::of(from, to_group), len);
    let sender = peer(from)?;
    let group = group(to_group)?;
    match kind {
        Kind::Unicast => sender.with(|counts| add(&mut counts.sent_unicast, len)),
        Kind::Multicast => sender.with(|counts| add(&mut counts.sent_multicast, len)),
    }
    group.with(|counts| add(&mut counts.sent, len));
    Ok(())
}

/// `ipcon_deliver(u64 from, u64 to, u64 group, u32 len, u32 replay, u64 message)`: a message is put into
/// the receive queue of `to`. `group` is 0 for unicast, `from` is 0 for kevents, `message` is 0 when
/// nobody will read it.
#[raw_tracepoint(tracepoint = "ipcon_deliver")]
fn ipcon_deliver(ctx: RawTracePointContext) {
    let (to, from_group) = (ctx.arg::<u64>(1), ctx.arg::<u64>(2));
    let len = ctx.arg::<u32>(3);
    let replay = ctx.arg::<u32>(4) != 0;
    account(ProgramIndex::Deliver, || {
        deliver(ctx.arg(0), to, from_group, len, replay)
    });
    if LATENCY.load() != 0 {
        waiting::stamp(ctx.arg(5), to, Kind::of_group(from_group));
    }
}

#[inline(always)]
fn deliver(from: u64, to: u64, from_group: u64, len: u32, replay: bool) -> Outcome {
    let receiver = peer(to)?;
    let group = group(from_group)?;
    match Kind::of_group(from_group) {
        Kind::Unicast => {
            let flow = flow(from, to)?;
            // SAFETY: the pointers are those of a value.
            flow.add(|it| unsafe { addr_of_mut!((*it).messages) }, 1);
            // SAFETY: as above.
            flow.add(|it| unsafe { addr_of_mut!((*it).bytes) }, u64::from(len));
            receiver.with(|counts| add(&mut counts.delivered_unicast, len));
        }
        Kind::Multicast => receiver.with(|counts| add(&mut counts.delivered_multicast, len)),
    }
    if replay {
        group.with(|counts| add(&mut counts.replayed, len));
    } else {
        group.with(|counts| add(&mut counts.delivered, len));
    }
    Ok(())
}

/// `ipcon_drop(u64 from, u64 to, u64 group, u32 len, u32 reason)`: a message was not put into a receive
/// queue. Without a group it is a unicast request of `from` that was refused, with one it is a copy
/// that `to` lost.
#[raw_tracepoint(tracepoint = "ipcon_drop")]
fn ipcon_drop(ctx: RawTracePointContext) {
    let (from, to, group) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    let (len, reason) = (ctx.arg::<u32>(3), ctx.arg::<u32>(4));
    account(ProgramIndex::Drop, || drop(from, to, group, len, reason));
    let kind = match Kind::of_group(group) {
        Kind::Unicast => ExceptionKind::Refused,
        Kind::Multicast => ExceptionKind::Dropped,
    };
    let exception = Exception {
        from,
        to,
        group,
        detail: u64::from(reason),
        value: u64::from(len),
        ..NO_EXCEPTION
    };
    report(ProgramIndex::Drop, kind, exception);
}

/// What an exception says that says nothing yet.
const NO_EXCEPTION: Exception = Exception {
    time: 0,
    kind: 0,
    from: 0,
    to: 0,
    group: 0,
    detail: 0,
    value: 0,
};

#[inline(always)]
fn drop(from: u64, to: u64, of_group: u64, len: u32, reason: u32) -> Outcome {
    let kind = Kind::of_group(of_group);
    let reason = reason_index(reason);
    if let Some(count) = DROPS.get_ptr_mut(drop_slot(kind, reason)) {
        // SAFETY: the map gives this processor's value; only this program writes it.
        add(unsafe { &mut *count }, len);
    }
    match kind {
        Kind::Unicast => {
            let sender = peer(from)?;
            // SAFETY: the pointer is that of a value.
            flow(from, to)?.add(|it| unsafe { addr_of_mut!((*it).refused) }, 1);
            sender.with(|counts| counts.refused[reason] += 1);
        }
        Kind::Multicast => {
            let receiver = peer(to)?;
            let group = group(of_group)?;
            receiver.with(|counts| counts.dropped[reason] += 1);
            group.with(|counts| counts.dropped[reason] += 1);
        }
    }
    Ok(())
}

/// `ipcon_peer(u64 id, u32 port, u32 pid, u32 uid, u32 added)`: a peer came or went. The end of a peer
/// is marked, so that user space can take its entry out of the map after the last reading of it. An
/// entry is made for that if need be: a message on its way to the peer may be counted only after its
/// end, and what it is counted in must end as well.
#[raw_tracepoint(tracepoint = "ipcon_peer")]
fn ipcon_peer(ctx: RawTracePointContext) {
    account(ProgramIndex::Peer, || {
        if ctx.arg::<u32>(4) == 0 {
            peer(ctx.arg(0))?.with(|counts| counts.ended = 1);
        }
        Ok(())
    });
}

/// `ipcon_group(u64 id, u64 owner, u32 added)`: a group came or went. As for `ipcon_peer`.
#[raw_tracepoint(tracepoint = "ipcon_group")]
fn ipcon_group(ctx: RawTracePointContext) {
    account(ProgramIndex::Group, || {
        if ctx.arg::<u32>(2) == 0 {
            group(ctx.arg(0))?.with(|counts| counts.ended = 1);
        }
        Ok(())
    });
}

/// `ipcon_error(u64 peer, u32 command, u32 error)`: a request was refused.
#[raw_tracepoint(tracepoint = "ipcon_error")]
fn ipcon_error(ctx: RawTracePointContext) {
    let key = error_key(ctx.arg(1), ctx.arg(2));
    account(ProgramIndex::Error, || {
        errors(key)?.add(|it| it, 1);
        Ok(())
    });
    let exception = Exception {
        from: ctx.arg(0),
        detail: key,
        ..NO_EXCEPTION
    };
    report(ProgramIndex::Error, ExceptionKind::Failed, exception);
}

/// `skb_copy_datagram_iovec(const struct sk_buff *skb, int len)` of the kernel: somebody reads a datagram, of any socket
/// of the machine. One that was not stamped is none of ours. A look with `MSG_PEEK` is taken for the receipt, since it
/// is when the program learns what the message says.
#[raw_tracepoint(tracepoint = "skb_copy_datagram_iovec")]
fn ipcon_receive(ctx: RawTracePointContext) {
    let Some(stamp) = waiting::take(ctx.arg(0)) else {
        return;
    };
    // SAFETY: it has no requirements.
    let waited = unsafe { bpf_ktime_get_ns() }.saturating_sub(stamp.at);
    account(ProgramIndex::Receive, || waiting::count(&stamp, waited));
    if waited > SLOW_NANOS.load() {
        let exception = Exception {
            to: stamp.peer,
            value: waited,
            ..NO_EXCEPTION
        };
        report(ProgramIndex::Receive, ExceptionKind::Slow, exception);
    }
}

/// `ipcon_unread(u64 message, u64 peer)`: a peer ends and leaves a message in its receive queue.
#[raw_tracepoint(tracepoint = "ipcon_unread")]
fn ipcon_unread(ctx: RawTracePointContext) {
    if let Some(stamp) = waiting::take(ctx.arg(0)) {
        account(ProgramIndex::Unread, || waiting::count_unread(&stamp));
    }
}

#[inline(always)]
fn add(count: &mut Count, len: u32) {
    count.messages += 1;
    count.bytes += u64::from(len);
}

#[inline(always)]
fn observe_size(of: Histogram, len: u32) {
    if let Some(bucket) = SIZES.get_ptr_mut(size_slot(of, size_bucket(len))) {
        // SAFETY: the map gives this processor's value; only `ipcon_send` writes it.
        unsafe { *bucket += 1 };
    }
    if let Some(sum) = SIZES.get_ptr_mut(size_sum_slot(of)) {
        // SAFETY: as above.
        unsafe { *sum += u64::from(len) };
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing above can panic; were it not so, the verifier would refuse the endless loop.
    loop {}
}

/// No helper that these programs call asks for the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 18] = *b"MIT OR Apache-2.0\0";
