// SPDX-License-Identifier: GPL-2.0
/*
 * Relaying: a request to send one unicast message is made into the message, in the buffer that it came in. So the
 * message is neither allocated nor copied a second time.
 */

#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include <uapi/ipcon.h>

#include "shell.h"

/* What a request for relaying is: these attributes in this order, and nothing else in its datagram. */
struct ipcon_relayed {
	struct ipcon_request_head head;
	struct nlattr data;
};

static_assert(sizeof(struct ipcon_request_head) ==
	      NLMSG_HDRLEN + GENL_HDRLEN + 2 * NLA_ALIGN(sizeof(u32)));

static bool ipcon_can_relay(const struct sk_buff *skb)
{
	const struct ipcon_relayed *request = (const void *)skb->data;

	/* The bytes must be those of this datagram alone, in memory that a clone knows how to free. */
	if (skb->data != skb->head || skb_is_nonlinear(skb) || skb_cloned(skb) ||
	    is_vmalloc_addr(skb->head))
		return false;
	if (skb->len < sizeof(*request))
		return false;
	if (request->head.netlink.nlmsg_len != skb->len ||
	    request->head.netlink.nlmsg_flags & (NLM_F_ACK | NLM_F_ECHO))
		return false;
	return request->head.port_header.nla_type == IPCON_A_MESSAGE_PORT &&
	       request->head.port_header.nla_len == nla_attr_size(sizeof(u32)) &&
	       request->data.nla_type == IPCON_A_MESSAGE_DATA &&
	       offsetof(struct ipcon_relayed, data) + NLA_ALIGN(request->data.nla_len) == skb->len;
}

/*
 * Makes the request in @skb into a message from the peer at port @from, stamped with the calling process, and gives
 * out a clone of it. @kept gets what is overwritten. NULL, with nothing changed, when the request has another form or
 * memory is short.
 */
struct sk_buff *ipcon_message_relay(struct sk_buff *skb, u32 from, struct ipcon_request_head *kept)
{
	struct ipcon_relayed *request = (void *)skb->data;
	struct sk_buff *message;
	u8 *end;

	if (!ipcon_can_relay(skb))
		return NULL;
	message = skb_clone(skb, GFP_KERNEL);
	if (!message)
		return NULL;
	/* Large buffers of netlink are charged with what was asked for, and take what the allocator gave. */
	message->truesize = max_t(u32, message->truesize,
				  sizeof(struct sk_buff) + ksize(message->head));
	memset(message->cb, 0, sizeof(message->cb));
	ipcon_message_stamp(message);

	*kept = request->head;
	request->head.netlink.nlmsg_flags = 0;
	request->head.netlink.nlmsg_seq = 0;
	request->head.netlink.nlmsg_pid = 0;
	request->head.generic = (struct genlmsghdr) {
		.cmd = IPCON_CMD_MESSAGE,
		.version = IPCON_FAMILY_VERSION,
	};
	request->head.port = from;
	end = (u8 *)&request->data + request->data.nla_len;
	memset(end, 0, skb_tail_pointer(skb) - end);
	return message;
}

/*
 * Makes @skb the request again that it was but for its padding, for the error that repeats it. Nobody may have the
 * clone any more.
 */
void ipcon_request_restore(struct sk_buff *skb, const struct ipcon_request_head *kept)
{
	struct ipcon_relayed *request = (void *)skb->data;

	request->head = *kept;
}
