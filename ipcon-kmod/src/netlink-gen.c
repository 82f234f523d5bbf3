// SPDX-License-Identifier: GPL-2.0
/* Generated from ipcon-kmod/ipcon.yaml; do not edit: run `cargo xtask codegen`. */

#include "netlink-gen.h"

/* IPCON_CMD_PEER_NEW - do */
static const struct nla_policy ipcon_peer_new_nl_policy[IPCON_A_PEER_CTL_PORT + 1] = {
	[IPCON_A_PEER_CTL_PORT] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCON_CMD_PEER_ATTACH - do */
static const struct nla_policy ipcon_peer_attach_nl_policy[IPCON_A_PEER_PORT + 1] = {
	[IPCON_A_PEER_PORT] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCON_CMD_PEER_GET - do */
static const struct nla_policy ipcon_peer_get_nl_policy[IPCON_A_PEER_PORT + 1] = {
	[IPCON_A_PEER_PORT] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* IPCON_CMD_SERVICE_REGISTER - do */
static const struct nla_policy ipcon_service_register_nl_policy[IPCON_A_SERVICE_NAME + 1] = {
	[IPCON_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_SERVICE_NAME_MAX_LEN, },
};

/* IPCON_CMD_SERVICE_UNREGISTER - do */
static const struct nla_policy ipcon_service_unregister_nl_policy[IPCON_A_SERVICE_NAME + 1] = {
	[IPCON_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_SERVICE_NAME_MAX_LEN, },
};

/* IPCON_CMD_SERVICE_GET - do */
static const struct nla_policy ipcon_service_get_nl_policy[IPCON_A_SERVICE_NAME + 1] = {
	[IPCON_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_SERVICE_NAME_MAX_LEN, },
};

/* IPCON_CMD_GROUP_REGISTER - do */
static const struct nla_policy ipcon_group_register_nl_policy[IPCON_A_GROUP_NAME + 1] = {
	[IPCON_A_GROUP_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
};

/* IPCON_CMD_GROUP_UNREGISTER - do */
static const struct nla_policy ipcon_group_unregister_nl_policy[IPCON_A_GROUP_NAME + 1] = {
	[IPCON_A_GROUP_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
};

/* IPCON_CMD_GROUP_JOIN - do */
static const struct nla_policy ipcon_group_join_nl_policy[IPCON_A_GROUP_REPLAY + 1] = {
	[IPCON_A_GROUP_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
	[IPCON_A_GROUP_REPLAY] = { .type = NLA_FLAG, },
};

/* IPCON_CMD_GROUP_LEAVE - do */
static const struct nla_policy ipcon_group_leave_nl_policy[IPCON_A_GROUP_NAME + 1] = {
	[IPCON_A_GROUP_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
};

/* IPCON_CMD_GROUP_GET - do */
static const struct nla_policy ipcon_group_get_nl_policy[IPCON_A_GROUP_NAME + 1] = {
	[IPCON_A_GROUP_NAME] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
};

/* IPCON_CMD_SEND_UNICAST - do */
static const struct nla_policy ipcon_send_unicast_nl_policy[IPCON_A_MESSAGE_DATA + 1] = {
	[IPCON_A_MESSAGE_PORT] = { .type = NLA_U32, },
	[IPCON_A_MESSAGE_DATA] = { .type = NLA_BINARY, },
};

/* IPCON_CMD_SEND_MULTICAST - do */
static const struct nla_policy ipcon_send_multicast_nl_policy[IPCON_A_MESSAGE_DATA + 1] = {
	[IPCON_A_MESSAGE_GROUP] = { .type = NLA_NUL_STRING, .len = IPCON_GROUP_NAME_MAX_LEN, },
	[IPCON_A_MESSAGE_DATA] = { .type = NLA_BINARY, },
};

/* In the order of the command numbers, as generic netlink wants it. */
const struct genl_split_ops ipcon_nl_ops[18] = {
	{
		.cmd = IPCON_CMD_PEER_NEW,
		.doit = ipcon_nl_peer_new_doit,
		.policy = ipcon_peer_new_nl_policy,
		.maxattr = IPCON_A_PEER_CTL_PORT,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_PEER_ATTACH,
		.doit = ipcon_nl_peer_attach_doit,
		.policy = ipcon_peer_attach_nl_policy,
		.maxattr = IPCON_A_PEER_PORT,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_PEER_GET,
		.doit = ipcon_nl_peer_get_doit,
		.policy = ipcon_peer_get_nl_policy,
		.maxattr = IPCON_A_PEER_PORT,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_PEER_GET,
		.dumpit = ipcon_nl_peer_get_dumpit,
		.flags = GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = IPCON_CMD_SERVICE_REGISTER,
		.doit = ipcon_nl_service_register_doit,
		.policy = ipcon_service_register_nl_policy,
		.maxattr = IPCON_A_SERVICE_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_SERVICE_UNREGISTER,
		.doit = ipcon_nl_service_unregister_doit,
		.policy = ipcon_service_unregister_nl_policy,
		.maxattr = IPCON_A_SERVICE_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_SERVICE_GET,
		.doit = ipcon_nl_service_get_doit,
		.policy = ipcon_service_get_nl_policy,
		.maxattr = IPCON_A_SERVICE_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_SERVICE_GET,
		.dumpit = ipcon_nl_service_get_dumpit,
		.flags = GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = IPCON_CMD_GROUP_REGISTER,
		.doit = ipcon_nl_group_register_doit,
		.policy = ipcon_group_register_nl_policy,
		.maxattr = IPCON_A_GROUP_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_GROUP_UNREGISTER,
		.doit = ipcon_nl_group_unregister_doit,
		.policy = ipcon_group_unregister_nl_policy,
		.maxattr = IPCON_A_GROUP_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_GROUP_JOIN,
		.doit = ipcon_nl_group_join_doit,
		.policy = ipcon_group_join_nl_policy,
		.maxattr = IPCON_A_GROUP_REPLAY,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_GROUP_LEAVE,
		.doit = ipcon_nl_group_leave_doit,
		.policy = ipcon_group_leave_nl_policy,
		.maxattr = IPCON_A_GROUP_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_GROUP_GET,
		.doit = ipcon_nl_group_get_doit,
		.policy = ipcon_group_get_nl_policy,
		.maxattr = IPCON_A_GROUP_NAME,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_GROUP_GET,
		.dumpit = ipcon_nl_group_get_dumpit,
		.flags = GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = IPCON_CMD_MEMBER_GET,
		.dumpit = ipcon_nl_member_get_dumpit,
		.flags = GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = IPCON_CMD_BUS_GET,
		.doit = ipcon_nl_bus_get_doit,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_SEND_UNICAST,
		.doit = ipcon_nl_send_unicast_doit,
		.policy = ipcon_send_unicast_nl_policy,
		.maxattr = IPCON_A_MESSAGE_DATA,
		.flags = GENL_CMD_CAP_DO,
	},
	{
		.cmd = IPCON_CMD_SEND_MULTICAST,
		.doit = ipcon_nl_send_multicast_doit,
		.policy = ipcon_send_multicast_nl_policy,
		.maxattr = IPCON_A_MESSAGE_DATA,
		.flags = GENL_CMD_CAP_DO,
	},
};
