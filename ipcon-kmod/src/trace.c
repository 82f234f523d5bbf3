// SPDX-License-Identifier: GPL-2.0
/*
 * Definitions of the tracepoints, and a function for each, since Rust cannot call the static inline ones.
 *
 * Each fires with preemption off. An eBPF program is skipped when it already runs on the same CPU, which
 * preemption in the middle of it would bring about: events of the next task there would be missing from the
 * counts, though nobody nested them. While nothing is attached the functions return before any of it.
 */

#include <linux/preempt.h>

#include "seeded-bug.h"
#include "shell.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define FIRE(event, ...)					\
	do {							\
		if (trace_ipcon_##event##_enabled()) {		\
			preempt_disable_notrace();		\
			trace_ipcon_##event(__VA_ARGS__);	\
			preempt_enable_notrace();		\
		}						\
	} while (0)

void ipcon_trace_send(u64 peer, u64 group, u32 port, u32 len)
{
	FIRE(send, peer, group, port, len);
}

static u64 ipcon_cookie(const struct sk_buff *skb)
{
	return (unsigned long)skb;
}

/* @skb is NULL when the receiver's socket filter has thrown the message away. */
void ipcon_trace_deliver(const struct ipcon_delivery *delivery, const struct sk_buff *skb)
{
	FIRE(deliver, delivery->from, delivery->to, delivery->group, delivery->len,
	     delivery->replay, ipcon_cookie(skb));
}

bool ipcon_unread_is_traced(void)
{
	return trace_ipcon_unread_enabled();
}

void ipcon_trace_unread(const struct sk_buff *skb, u64 peer)
{
	FIRE(unread, ipcon_cookie(skb), peer);
}

void ipcon_trace_drop(u64 from, u64 to, u64 group, u32 len, u32 reason)
{
	FIRE(drop, from, to, group, len, reason);
}

bool ipcon_error_is_traced(void)
{
	return trace_ipcon_error_enabled();
}

void ipcon_trace_error(u64 peer, u32 command, u32 error)
{
	FIRE(error, peer, command, error);
}

void ipcon_trace_peer(u64 id, u32 port, u32 pid, u32 uid, u32 added)
{
	FIRE(peer, id, port, pid, uid, added);
}

void ipcon_trace_service(u64 id, u64 peer, u32 added)
{
	ipcon_seeded_bug_service(id, added);
	FIRE(service, id, peer, added);
}

void ipcon_trace_group(u64 id, u64 owner, u32 added)
{
	FIRE(group, id, owner, added);
}

void ipcon_trace_member(u64 group, u64 peer, u32 added)
{
	FIRE(member, group, peer, added);
}
