/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C and the Rust half of the module call of each other. src/ffi.rs declares the same for Rust.
 */
#ifndef _IPCON_SHELL_H
#define _IPCON_SHELL_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/types.h>

struct genl_info;
struct netlink_callback;
struct sk_buff;
struct sock;

/* Rust, called by C */

/* A bus for a new network namespace, whose users pay from @accounts, or NULL without memory. */
void *ipcon_bus_new(const void *accounts);
/* Ends the bus of a network namespace that no socket is left in. */
void ipcon_bus_free(void *bus);
/* A socket of generic netlink that was bound to @portid has been closed. */
void ipcon_bus_socket_closed(void *bus, u32 portid);

/* C, called by Rust */

int ipcon_shell_register(const void *accounts);
void ipcon_shell_unregister(void);
void ipcon_warn_if(bool accounts_left);
u32 ipcon_max_msg_len(void);
u32 ipcon_queue_bytes_per_peer(void);
u32 ipcon_peers_per_user(void);
u32 ipcon_services_per_user(void);
u32 ipcon_groups_per_user(void);
u32 ipcon_memberships_per_user(void);
u32 ipcon_cached_bytes_per_user(void);
bool ipcon_module_get(void);
void ipcon_module_put(void);

void *ipcon_info_bus(const struct genl_info *info);
void *ipcon_skb_bus(const struct sk_buff *skb);

struct sock *ipcon_skb_sender(struct sk_buff *skb);
u32 ipcon_skb_sender_port(struct sk_buff *skb);
void ipcon_sock_hold(struct sock *sk);
void ipcon_sock_put(struct sock *sk);
bool ipcon_sock_closed(const struct sock *sk);
u32 ipcon_sock_queue_bytes(const struct sock *sk);
u32 ipcon_sock_queue_limit(const struct sock *sk);
u64 ipcon_sock_queue_oldest(struct sock *sk);
void ipcon_sock_unread(struct sock *sk, u64 peer);

/* What is told of a message that is put into a receive queue; the arguments of the tracepoint ipcon_deliver. */
struct ipcon_delivery {
	u64 from;
	u64 to;
	u64 group;
	u32 len;
	u32 replay;
};

int ipcon_sock_queue(struct sock *sk, struct sk_buff *skb, u32 limit,
		     const struct ipcon_delivery *delivery);

struct sk_buff *ipcon_message_new(size_t payload);
void ipcon_message_stamp(struct sk_buff *skb);
void *ipcon_reply_new(struct genl_info *info, size_t payload, u8 cmd, struct sk_buff **skb);
int ipcon_reply_send(struct genl_info *info, struct sk_buff *skb, void *header);
void *ipcon_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);
void ipcon_message_end(struct sk_buff *skb, void *header);
void ipcon_message_close(struct sk_buff *skb);
void ipcon_message_cancel(struct sk_buff *skb, void *header);
struct sk_buff *ipcon_message_clone(struct sk_buff *skb);
struct sk_buff *ipcon_message_grow(const struct sk_buff *skb, size_t room);
u32 ipcon_message_memory(const struct sk_buff *skb);
void ipcon_message_free(struct sk_buff *skb);

/* How each request begins that names a port first. */
struct ipcon_request_head {
	struct nlmsghdr netlink;
	struct genlmsghdr generic;
	struct nlattr port_header;
	u32 port;
};

struct sk_buff *ipcon_message_relay(struct sk_buff *skb, u32 from,
				    struct ipcon_request_head *kept);
void ipcon_request_restore(struct sk_buff *skb, const struct ipcon_request_head *kept);

struct nlattr *ipcon_nest_start(struct sk_buff *skb, int type);
void ipcon_nest_end(struct sk_buff *skb, struct nlattr *nest);
int ipcon_put_u64(struct sk_buff *skb, int type, u64 value, int pad);

u32 ipcon_current_pid(void);
u32 ipcon_payer_uid(const struct sk_buff *skb);
u32 ipcon_payer_sponsor(const struct sk_buff *skb);
void ipcon_current_comm(u8 *comm, size_t size);
u64 ipcon_now(void);

void ipcon_trace_send(u64 peer, u64 group, u32 port, u32 len);
void ipcon_trace_deliver(const struct ipcon_delivery *delivery, const struct sk_buff *skb);
bool ipcon_unread_is_traced(void);
void ipcon_trace_unread(const struct sk_buff *skb, u64 peer);
void ipcon_trace_drop(u64 from, u64 to, u64 group, u32 len, u32 reason);
bool ipcon_error_is_traced(void);
void ipcon_trace_error(u64 peer, u32 command, u32 error);
void ipcon_trace_peer(u64 id, u32 port, u32 pid, u32 uid, u32 added);
void ipcon_trace_service(u64 id, u64 peer, u32 added);
void ipcon_trace_group(u64 id, u64 owner, u32 added);
void ipcon_trace_member(u64 group, u64 peer, u32 added);

#endif /* _IPCON_SHELL_H */
