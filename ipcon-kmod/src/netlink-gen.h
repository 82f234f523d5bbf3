/* SPDX-License-Identifier: GPL-2.0 */
/* Generated from ipcon-kmod/ipcon.yaml; do not edit: run `cargo xtask codegen`. */

#ifndef _IPCON_NETLINK_GEN_H
#define _IPCON_NETLINK_GEN_H

#include <net/genetlink.h>
#include <net/netlink.h>

#include "../include/uapi/ipcon.h"

int ipcon_nl_peer_new_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_peer_attach_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int ipcon_nl_service_register_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_service_unregister_doit(struct sk_buff *skb,
				     struct genl_info *info);
int ipcon_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_service_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ipcon_nl_group_register_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_group_unregister_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_group_join_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_group_leave_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_group_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_group_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int ipcon_nl_member_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int ipcon_nl_bus_get_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_send_unicast_doit(struct sk_buff *skb, struct genl_info *info);
int ipcon_nl_send_multicast_doit(struct sk_buff *skb, struct genl_info *info);

extern const struct genl_split_ops ipcon_nl_ops[18];

#endif /* _IPCON_NETLINK_GEN_H */
