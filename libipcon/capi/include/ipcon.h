/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon.h - limits of the bus, and the events on its kernel group.
 *
 * See libipcon(7).
 */

#ifndef _IPCON_H
#define _IPCON_H

#include <linux/ipcon.h>
#include <linux/types.h>

/* Bytes that hold the name of a service or a group, its terminating NUL included. */
#define IPCON_MAX_SRV_NAME_LEN	(IPCON_SERVICE_NAME_MAX_LEN + 1)
#define IPCON_MAX_GRP_NAME_LEN	(IPCON_GROUP_NAME_MAX_LEN + 1)

/*
 * Bytes of the largest message that a program sends or receives. A program that wants another limit, up to
 * IPCON_MAX_MSG_LEN_LIMIT, defines it before it includes this file, the same in all its sources. The library
 * need not be built again for that.
 */
#define IPCON_DEFAULT_MSG_LEN	512

#ifndef IPCON_MAX_MSG_LEN
#define IPCON_MAX_MSG_LEN	IPCON_DEFAULT_MSG_LEN
#endif

#if IPCON_MAX_MSG_LEN < 64 || IPCON_MAX_MSG_LEN > IPCON_MAX_MSG_LEN_LIMIT
#error "IPCON_MAX_MSG_LEN must be 64 to 65000"
#endif

/* The group on which the kernel announces arrivals and departures. */
#define IPCON_KERNEL_GROUP	IPCON_KEVENT_GROUP

/* One announcement: the whole of a message of IPCON_KERNEL_GROUP. */
struct ipcon_kevent {
	enum ipcon_kevent_type type;
	/* A member without a name is younger than C90. */
	__extension__ union {
		/* IPCON_EVENT_SRV_ADD, IPCON_EVENT_SRV_REMOVE */
		struct {
			char name[IPCON_MAX_SRV_NAME_LEN];
			__u32 portid;
		} srv;
		/* IPCON_EVENT_GRP_ADD, IPCON_EVENT_GRP_REMOVE */
		struct {
			char name[IPCON_MAX_GRP_NAME_LEN];
			__u32 groupid;
		} grp;
		/* IPCON_EVENT_PEER_REMOVE */
		struct {
			__u32 portid;
		} peer;
	};
};

#endif /* _IPCON_H */
