/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the bus, all fields scalar. eBPF programs attach to them as raw tracepoints, so the order and
 * the types of the arguments are an interface. Ids are never used again while the module is loaded; group 0
 * means unicast.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ipcon

#if !defined(_IPCON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IPCON_TRACE_H

#include <linux/tracepoint.h>

/* A request was counted as sent: by @peer (0: the kernel) to @group, or to @port. */
TRACE_EVENT(ipcon_send,
	TP_PROTO(u64 peer, u64 group, u32 port, u32 len),
	TP_ARGS(peer, group, port, len),
	TP_STRUCT__entry(
		__field(u64, peer)
		__field(u64, group)
		__field(u32, port)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->peer = peer;
		__entry->group = group;
		__entry->port = port;
		__entry->len = len;
	),
	TP_printk("peer=%llu group=%llu port=%u len=%u",
		  __entry->peer, __entry->group, __entry->port, __entry->len)
);

/*
 * A message is put into the receive queue of @to, and nobody can have read it yet: this fires under the lock of the
 * queue. @message is the address of its buffer, which tells it from all others in receive queues, and with which
 * skb_copy_datagram_iovec of the kernel tells that it is read. It is 0 when the receiver's socket filter has thrown the
 * message away: that counts as delivered, and nobody will read it.
 */
TRACE_EVENT(ipcon_deliver,
	TP_PROTO(u64 from, u64 to, u64 group, u32 len, u32 replay, u64 message),
	TP_ARGS(from, to, group, len, replay, message),
	TP_STRUCT__entry(
		__field(u64, from)
		__field(u64, to)
		__field(u64, group)
		__field(u32, len)
		__field(u32, replay)
		__field(u64, message)
	),
	TP_fast_assign(
		__entry->from = from;
		__entry->to = to;
		__entry->group = group;
		__entry->len = len;
		__entry->replay = replay;
		__entry->message = message;
	),
	TP_printk("from=%llu to=%llu group=%llu len=%u replay=%u message=%p",
		  __entry->from, __entry->to, __entry->group, __entry->len,
		  __entry->replay, (void *)(unsigned long)__entry->message)
);

/* @message waits in the receive queue of @peer, which is ending: nobody will read it. */
TRACE_EVENT(ipcon_unread,
	TP_PROTO(u64 message, u64 peer),
	TP_ARGS(message, peer),
	TP_STRUCT__entry(
		__field(u64, message)
		__field(u64, peer)
	),
	TP_fast_assign(
		__entry->message = message;
		__entry->peer = peer;
	),
	TP_printk("message=%p peer=%llu",
		  (void *)(unsigned long)__entry->message, __entry->peer)
);

/*
 * A message was not put into the receive queue of @to (0: there is no such peer). @reason is enum
 * ipcon_drop_reason.
 */
TRACE_EVENT(ipcon_drop,
	TP_PROTO(u64 from, u64 to, u64 group, u32 len, u32 reason),
	TP_ARGS(from, to, group, len, reason),
	TP_STRUCT__entry(
		__field(u64, from)
		__field(u64, to)
		__field(u64, group)
		__field(u32, len)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->from = from;
		__entry->to = to;
		__entry->group = group;
		__entry->len = len;
		__entry->reason = reason;
	),
	TP_printk("from=%llu to=%llu group=%llu len=%u reason=%u", __entry->from,
		  __entry->to, __entry->group, __entry->len, __entry->reason)
);

/*
 * A request of @peer (0: of a socket that acts for none) was refused with @error, an errno above 0. @command is a
 * command of enum ipcon_cmd. What generic netlink itself refuses, such as an attribute of the wrong length, is not seen.
 */
TRACE_EVENT(ipcon_error,
	TP_PROTO(u64 peer, u32 command, u32 error),
	TP_ARGS(peer, command, error),
	TP_STRUCT__entry(
		__field(u64, peer)
		__field(u32, command)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->peer = peer;
		__entry->command = command;
		__entry->error = error;
	),
	TP_printk("peer=%llu command=%u error=%u", __entry->peer,
		  __entry->command, __entry->error)
);

/* A peer came or went. */
TRACE_EVENT(ipcon_peer,
	TP_PROTO(u64 id, u32 port, u32 pid, u32 uid, u32 added),
	TP_ARGS(id, port, pid, uid, added),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, port)
		__field(u32, pid)
		__field(u32, uid)
		__field(u32, added)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->port = port;
		__entry->pid = pid;
		__entry->uid = uid;
		__entry->added = added;
	),
	TP_printk("id=%llu port=%u pid=%u uid=%u added=%u", __entry->id,
		  __entry->port, __entry->pid, __entry->uid, __entry->added)
);

/* A service came or went. */
TRACE_EVENT(ipcon_service,
	TP_PROTO(u64 id, u64 peer, u32 added),
	TP_ARGS(id, peer, added),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, peer)
		__field(u32, added)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->peer = peer;
		__entry->added = added;
	),
	TP_printk("id=%llu peer=%llu added=%u", __entry->id, __entry->peer,
		  __entry->added)
);

/* A group came or went. */
TRACE_EVENT(ipcon_group,
	TP_PROTO(u64 id, u64 owner, u32 added),
	TP_ARGS(id, owner, added),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, owner)
		__field(u32, added)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->owner = owner;
		__entry->added = added;
	),
	TP_printk("id=%llu owner=%llu added=%u", __entry->id, __entry->owner,
		  __entry->added)
);

/* A membership came or went. */
TRACE_EVENT(ipcon_member,
	TP_PROTO(u64 group, u64 peer, u32 added),
	TP_ARGS(group, peer, added),
	TP_STRUCT__entry(
		__field(u64, group)
		__field(u64, peer)
		__field(u32, added)
	),
	TP_fast_assign(
		__entry->group = group;
		__entry->peer = peer;
		__entry->added = added;
	),
	TP_printk("group=%llu peer=%llu added=%u", __entry->group,
		  __entry->peer, __entry->added)
);

#endif /* _IPCON_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
