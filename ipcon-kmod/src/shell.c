// SPDX-License-Identifier: GPL-2.0
/*
 * The C half of the module: the tables that netlink and the network namespaces want, and a function for each
 * macro and static inline function of the kernel that the Rust half needs. There is no logic of the bus here.
 */

#include <linux/cred.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include <uapi/ipcon.h>

#include "netlink-gen.h"
#include "seeded-bug.h"
#include "shell.h"

static unsigned int max_msg_len = IPCON_MAX_MSG_LEN_LIMIT;
module_param(max_msg_len, uint, 0444);
MODULE_PARM_DESC(max_msg_len, "Largest payload of a message in bytes, 1 to 65000 (default 65000)");

/* What one user may have on all buses together; uid 0 of the initial user namespace is not limited. */

static unsigned int queue_bytes_per_peer = 512 << 10;
module_param(queue_bytes_per_peer, uint, 0644);
MODULE_PARM_DESC(queue_bytes_per_peer,
		 "Memory of the receive queue of one peer in bytes, if its SO_RCVBUF is not less (default 512 KiB)");

static unsigned int peers_per_user = 512;
module_param(peers_per_user, uint, 0644);
MODULE_PARM_DESC(peers_per_user, "Peers that one user may have (default 512)");

static unsigned int services_per_user = 1024;
module_param(services_per_user, uint, 0644);
MODULE_PARM_DESC(services_per_user, "Services that one user may have (default 1024)");

static unsigned int groups_per_user = 1024;
module_param(groups_per_user, uint, 0644);
MODULE_PARM_DESC(groups_per_user, "Groups that one user may have (default 1024)");

static unsigned int memberships_per_user = 8192;
module_param(memberships_per_user, uint, 0644);
MODULE_PARM_DESC(memberships_per_user, "Memberships that one user may have (default 8192)");

static unsigned int cached_bytes_per_user = 16 << 20;
module_param(cached_bytes_per_user, uint, 0644);
MODULE_PARM_DESC(cached_bytes_per_user,
		 "Memory of the last messages that groups of one user keep for replay, in bytes (default 16 MiB)");

static struct genl_family ipcon_family __ro_after_init = {
	.name = IPCON_FAMILY_NAME,
	.version = IPCON_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = ipcon_nl_ops,
	.n_split_ops = ARRAY_SIZE(ipcon_nl_ops),
};

/* One bus per network namespace */

static unsigned int ipcon_net_id;
static const void *ipcon_accounts;

static int __net_init ipcon_net_init(struct net *net)
{
	void **bus = net_generic(net, ipcon_net_id);

	*bus = ipcon_bus_new(ipcon_accounts);
	return *bus ? 0 : -ENOMEM;
}

static void __net_exit ipcon_net_exit(struct net *net)
{
	void **bus = net_generic(net, ipcon_net_id);

	ipcon_bus_free(*bus);
	*bus = NULL;
}

static struct pernet_operations ipcon_net_ops = {
	.init = ipcon_net_init,
	.exit = ipcon_net_exit,
	.id = &ipcon_net_id,
	.size = sizeof(void *),
};

static void *ipcon_net_bus(const struct net *net)
{
	void **bus = net_generic(net, ipcon_net_id);

	return *bus;
}

void *ipcon_info_bus(const struct genl_info *info)
{
	return ipcon_net_bus(genl_info_net(info));
}

void *ipcon_skb_bus(const struct sk_buff *skb)
{
	return ipcon_net_bus(sock_net(skb->sk));
}

/* Sockets that close */

static int ipcon_netlink_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC)
		ipcon_bus_socket_closed(ipcon_net_bus(notify->net), notify->portid);
	return NOTIFY_DONE;
}

static struct notifier_block ipcon_netlink_notifier = {
	.notifier_call = ipcon_netlink_event,
};

/* Coming and going of the module */

/* @accounts must stay until ipcon_shell_unregister() has returned. */
int ipcon_shell_register(const void *accounts)
{
	int err;

	if (max_msg_len < 1 || max_msg_len > IPCON_MAX_MSG_LEN_LIMIT) {
		pr_err("ipcon: max_msg_len=%u is not in 1..%u\n", max_msg_len,
		       IPCON_MAX_MSG_LEN_LIMIT);
		return -EINVAL;
	}

	ipcon_seeded_bug_announce();
	ipcon_accounts = accounts;
	err = register_pernet_subsys(&ipcon_net_ops);
	if (err)
		return err;
	err = netlink_register_notifier(&ipcon_netlink_notifier);
	if (err)
		goto unregister_net;
	err = genl_register_family(&ipcon_family);
	if (err)
		goto unregister_notifier;
	return 0;

unregister_notifier:
	netlink_unregister_notifier(&ipcon_netlink_notifier);
unregister_net:
	unregister_pernet_subsys(&ipcon_net_ops);
	return err;
}

/* Each held socket holds the module, so nobody is on any bus now; each step waits for callbacks under way. */
void ipcon_shell_unregister(void)
{
	genl_unregister_family(&ipcon_family);
	netlink_unregister_notifier(&ipcon_netlink_notifier);
	unregister_pernet_subsys(&ipcon_net_ops);
}

/*
 * In C, since the kernel's Rust macro for it wants a file of the kernel's source made anew for each module that uses
 * it.
 */
void ipcon_warn_if(bool accounts_left)
{
	WARN(accounts_left, "ipcon: somebody still pays for what is gone\n");
}

u32 ipcon_max_msg_len(void)
{
	return max_msg_len;
}

u32 ipcon_queue_bytes_per_peer(void)
{
	return READ_ONCE(queue_bytes_per_peer);
}

u32 ipcon_peers_per_user(void)
{
	return READ_ONCE(peers_per_user);
}

u32 ipcon_services_per_user(void)
{
	return READ_ONCE(services_per_user);
}

u32 ipcon_groups_per_user(void)
{
	return READ_ONCE(groups_per_user);
}

u32 ipcon_memberships_per_user(void)
{
	return READ_ONCE(memberships_per_user);
}

u32 ipcon_cached_bytes_per_user(void)
{
	return READ_ONCE(cached_bytes_per_user);
}

bool ipcon_module_get(void)
{
	return try_module_get(THIS_MODULE);
}

void ipcon_module_put(void)
{
	module_put(THIS_MODULE);
}

/* Sockets */

struct sock *ipcon_skb_sender(struct sk_buff *skb)
{
	return NETLINK_CB(skb).sk;
}

u32 ipcon_skb_sender_port(struct sk_buff *skb)
{
	return NETLINK_CB(skb).portid;
}

void ipcon_sock_hold(struct sock *sk)
{
	sock_hold(sk);
}

void ipcon_sock_put(struct sock *sk)
{
	sock_put(sk);
}

bool ipcon_sock_closed(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DEAD);
}

u32 ipcon_sock_queue_bytes(const struct sock *sk)
{
	return atomic_read(&sk->sk_rmem_alloc);
}

u32 ipcon_sock_queue_limit(const struct sock *sk)
{
	return READ_ONCE(sk->sk_rcvbuf);
}

/*
 * When the oldest message that waits was queued, CLOCK_MONOTONIC in nanoseconds; 0 when none waits. Netlink's own
 * answers may be among them, and have no time.
 */
u64 ipcon_sock_queue_oldest(struct sock *sk)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	const struct sk_buff *skb;
	unsigned long flags;
	u64 oldest = 0;

	spin_lock_irqsave(&queue->lock, flags);
	skb_queue_walk(queue, skb) {
		oldest = ktime_to_ns(skb->tstamp);
		if (oldest)
			break;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return oldest;
}

/*
 * Tells whoever traces it of each message that a closed socket leaves unread. They are taken out of the queue for
 * that, so that its lock, which keeps interrupts away, is held no longer for many of them. Nobody else will: who reads
 * holds the socket open, and who queues looks under the same lock whether it is closed.
 */
void ipcon_sock_unread(struct sock *sk, u64 peer)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff_head unread;
	const struct sk_buff *skb;
	unsigned long flags;

	if (!ipcon_unread_is_traced() || !sock_flag(sk, SOCK_DEAD))
		return;
	__skb_queue_head_init(&unread);
	spin_lock_irqsave(&queue->lock, flags);
	skb_queue_splice_init(queue, &unread);
	spin_unlock_irqrestore(&queue->lock, flags);

	skb_queue_walk(&unread, skb)
		ipcon_trace_unread(skb, peer);
	__skb_queue_purge(&unread);
}

/*
 * Queues to the socket itself and not to its port: the port may belong to somebody else a moment after it was
 * looked up. Neither does a full queue mark the receiver as congested, which would make netlink refuse all that
 * follows until it has read everything. Consumes @skb when it returns 0.
 *
 * The message is traced before anybody can read it, so that whoever traces both sees the two in this order. Its time
 * is for ipcon_sock_queue_oldest(): of the clock that is as old as the last tick, since it is for waits of seconds, and
 * reading the hardware for each message would cost more than all else here. Netlink gives it to no program.
 *
 * The room is looked at and taken in one step, or each of many senders would find the same room. The receiver's
 * socket filter runs before that step, since it may be slow. What it throws away was given to the receiver, who did
 * not want it: the sender need not try again.
 */
int ipcon_sock_queue(struct sock *sk, struct sk_buff *skb, u32 limit,
		     const struct ipcon_delivery *delivery)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	unsigned long flags;
	int err = 0;

	if (sock_flag(sk, SOCK_DEAD))
		return -ECONNREFUSED;
	/* A filter takes a message or leaves it. To cut one makes no sense, and would want a copy of a relayed one. */
	switch (sk_filter_trim_cap(sk, skb, skb->len)) {
	case SKB_NOT_DROPPED_YET:
		break;
	case SKB_DROP_REASON_SOCKET_FILTER:
		ipcon_trace_deliver(delivery, NULL);
		consume_skb(skb);
		return 0;
	default:
		return -ENOMEM;
	}

	spin_lock_irqsave(&queue->lock, flags);
	if (sock_flag(sk, SOCK_DEAD)) {
		err = -ECONNREFUSED;
	} else if (ipcon_sock_queue_bytes(sk) >= limit) {
		err = -EAGAIN;
	} else {
		skb_set_owner_r(skb, sk);
		skb_set_delivery_time(skb, ktime_get_coarse(), SKB_CLOCK_MONOTONIC);
		ipcon_trace_deliver(delivery, skb);
		__skb_queue_tail(queue, skb);
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	if (err)
		return err;
	sk->sk_data_ready(sk);
	return 0;
}

/* Messages */

/* A message of the kernel, until ipcon_message_stamp() says otherwise. */
struct sk_buff *ipcon_message_new(size_t payload)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb)
		return NULL;
	if (!genlmsg_put(skb, 0, 0, &ipcon_family, 0, IPCON_CMD_MESSAGE)) {
		nlmsg_free(skb);
		return NULL;
	}
	NETLINK_CB(skb).creds = (struct scm_creds) {
		.pid = 0,
		.uid = GLOBAL_ROOT_UID,
		.gid = GLOBAL_ROOT_GID,
	};
	return skb;
}

/*
 * Says that the calling process sends the message: what netlink hands out as SCM_CREDENTIALS to a receiver that
 * set SO_PASSCRED. Not what the sender attached to its request, and the real ids, as unix(7) has them: so a
 * set-user-ID program that writes to a socket which it inherited lends nobody its rights. Clones and copies of
 * the message keep it.
 */
void ipcon_message_stamp(struct sk_buff *skb)
{
	NETLINK_CB(skb).creds = (struct scm_creds) {
		.pid = task_tgid_nr(current),
		.uid = current_uid(),
		.gid = current_gid(),
	};
}

/*
 * Who pays for what a request asks for: who opened its socket, and not who writes to it, since a program with more
 * rights may be made to write to a socket that it inherited. A socket that the superuser opened and gave away makes
 * nobody else unlimited either: there who writes pays. So only the superuser writing to its own socket is not
 * limited, as netlink asks for capabilities of both. The sender is in its send call, so its file is open; a socket
 * of the kernel's own has none.
 */
static const struct cred *ipcon_payer(const struct sk_buff *skb)
{
	const struct socket *socket = NETLINK_CB(skb).sk->sk_socket;
	const struct cred *opener;

	if (!socket || !socket->file)
		return current_cred();
	opener = socket->file->f_cred;
	return uid_eq(opener->euid, GLOBAL_ROOT_UID) ? current_cred() : opener;
}

u32 ipcon_payer_uid(const struct sk_buff *skb)
{
	return from_kuid(&init_user_ns, ipcon_payer(skb)->euid);
}

/*
 * Who answers for the payer: the user who made the outermost user namespace that it was in, since who owns a user
 * namespace may have thousands of user ids in it. Without one it is the user itself.
 */
u32 ipcon_payer_sponsor(const struct sk_buff *skb)
{
	const struct user_namespace *ns = ipcon_payer(skb)->user_ns;

	if (ns == &init_user_ns)
		return ipcon_payer_uid(skb);
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	return from_kuid(&init_user_ns, ns->owner);
}

/* Ends a message that has its buffer to itself, also after more attributes were put to it. */
void ipcon_message_close(struct sk_buff *skb)
{
	nlmsg_end(skb, nlmsg_hdr(skb));
}

void *ipcon_reply_new(struct genl_info *info, size_t payload, u8 cmd, struct sk_buff **skb)
{
	void *header;

	*skb = genlmsg_new(payload, GFP_KERNEL);
	if (!*skb)
		return NULL;
	header = genlmsg_put_reply(*skb, info, &ipcon_family, 0, cmd);
	if (!header)
		nlmsg_free(*skb);
	return header;
}

int ipcon_reply_send(struct genl_info *info, struct sk_buff *skb, void *header)
{
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

void *ipcon_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &ipcon_family, NLM_F_MULTI, cmd);

	if (header)
		genl_dump_check_consistent(cb, header);
	return header;
}

void ipcon_message_end(struct sk_buff *skb, void *header)
{
	genlmsg_end(skb, header);
}

void ipcon_message_cancel(struct sk_buff *skb, void *header)
{
	genlmsg_cancel(skb, header);
}

struct sk_buff *ipcon_message_clone(struct sk_buff *skb)
{
	return skb_clone(skb, GFP_KERNEL);
}

/* A copy with room for @room more bytes of attributes; the caller puts them and ends the message. */
struct sk_buff *ipcon_message_grow(const struct sk_buff *skb, size_t room)
{
	return skb_copy_expand(skb, 0, room, GFP_KERNEL);
}

u32 ipcon_message_memory(const struct sk_buff *skb)
{
	return skb->truesize;
}

void ipcon_message_free(struct sk_buff *skb)
{
	kfree_skb(skb);
}

struct nlattr *ipcon_nest_start(struct sk_buff *skb, int type)
{
	return nla_nest_start(skb, type);
}

void ipcon_nest_end(struct sk_buff *skb, struct nlattr *nest)
{
	nla_nest_end(skb, nest);
}

int ipcon_put_u64(struct sk_buff *skb, int type, u64 value, int pad)
{
	return nla_put_u64_64bit(skb, type, value, pad);
}

/* The calling process */

u32 ipcon_current_pid(void)
{
	return task_tgid_nr(current);
}

void ipcon_current_comm(u8 *comm, size_t size)
{
	memset(comm, 0, size);
	strscpy(comm, current->group_leader->comm, size);
}

u64 ipcon_now(void)
{
	return ktime_get_ns();
}
