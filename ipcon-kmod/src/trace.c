// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints, and a function for each, since Rust cannot call the static inline ones. */

#include "shell.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void ipcon_trace_send(u64 peer, u64 group, u32 port, u32 len)
{
	trace_ipcon_send(peer, group, port, len);
}

void ipcon_trace_deliver(u64 from, u64 to, u64 group, u32 len, u32 replay)
{
	trace_ipcon_deliver(from, to, group, len, replay);
}

void ipcon_trace_drop(u64 from, u64 to, u64 group, u32 len, u32 reason)
{
	trace_ipcon_drop(from, to, group, len, reason);
}

void ipcon_trace_peer(u64 id, u32 port, u32 pid, u32 uid, u32 added)
{
	trace_ipcon_peer(id, port, pid, uid, added);
}

void ipcon_trace_service(u64 id, u64 peer, u32 added)
{
	trace_ipcon_service(id, peer, added);
}

void ipcon_trace_group(u64 id, u64 owner, u32 added)
{
	trace_ipcon_group(id, owner, added);
}

void ipcon_trace_member(u64 group, u64 peer, u32 added)
{
	trace_ipcon_member(group, peer, added);
}
