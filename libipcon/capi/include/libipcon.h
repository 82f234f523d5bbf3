/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libipcon.h - packet IPC between the processes of one network namespace.
 *
 * See libipcon(7). Unless it is said otherwise, a function returns 0, or a negative error number:
 * -EBADF when the handler is none, or was freed; -EINVAL when a pointer is NULL, a name is empty, too long or
 * holds a control character.
 */

#ifndef _LIBIPCON_H
#define _LIBIPCON_H

#include <stddef.h>
#include <sys/time.h>

#include <ipcon.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A peer of the bus. Any number of threads may use one at once. */
typedef void *IPCON_HANDLER;

/* Values of the field type of struct ipcon_msg. */
enum ipcon_msg_type {
	/* From the peer at port. */
	IPCON_NORMAL_MSG = 1,
	/* From the group that is named in group. */
	IPCON_GROUP_MSG = 2
};

/* A received message. */
struct ipcon_msg {
	__u32 type;
	/* Of a group message; else empty. */
	char group[IPCON_MAX_GRP_NAME_LEN];
	/* Of the peer that sent it; of a group message its owner, 0 for IPCON_KERNEL_GROUP. */
	__u32 port;
	char buf[IPCON_MAX_MSG_LEN];
	/* Bytes of buf that are the message. */
	__u32 len;
};

/*
 * Becomes a peer. Gives NULL and sets errno on failure: ENOENT when the kernel module is not loaded, ENODEV when it
 * is being unloaded, EDQUOT, EMFILE, ENFILE, ENOMEM. A child of fork() holds the peer as well until it ends.
 */
IPCON_HANDLER ipcon_create_handler(void);

/*
 * Ends a peer, with its services, groups and memberships. Threads that wait for its messages return -EBADF.
 * NULL and what is no handler are left alone.
 */
void ipcon_free_handler(IPCON_HANDLER handler);

/* The port of this peer, or 0 when the handler is none. */
__u32 ipcon_get_selfport(IPCON_HANDLER handler);

/*
 * A descriptor that select() and poll() show as readable when there is a message; to be used for nothing else,
 * and not after the handler was freed.
 */
int ipcon_getfd(IPCON_HANDLER handler);

/* -EEXIST: the name is taken. -EDQUOT: this user has too many. */
int ipcon_register_service(IPCON_HANDLER handler, const char *name);

/* -ENOENT: there is no such service. -EPERM: another peer holds it. */
int ipcon_unregister_service(IPCON_HANDLER handler, const char *name);

/* Looks a service up without waiting. -ENOENT: there is no such service now. */
int is_peer_present(IPCON_HANDLER handler, const char *name, __u32 *srv_port);

/* Another name of is_peer_present(). */
int ipcon_find_service(IPCON_HANDLER handler, const char *name, __u32 *srv_port);

/* -EEXIST: there is such a group. -EDQUOT: this user has too many. */
int ipcon_register_group(IPCON_HANDLER handler, const char *name);

/* -ENOENT: there is no such group. -EPERM: another peer owns it. */
int ipcon_unregister_group(IPCON_HANDLER handler, const char *name);

/*
 * Becomes a member of a group; if rcv_last_msg is not 0, its last message comes first. -ENOENT: there is no such
 * group. -EALREADY: this peer is a member. -EDQUOT: this user has too many memberships.
 */
int ipcon_join_group(IPCON_HANDLER handler, const char *name, int rcv_last_msg);

/* -ENOENT: there is no such group, or this peer is no member. */
int ipcon_leave_group(IPCON_HANDLER handler, const char *name);

/* Group messages that this peer has lost because they found its queue full, as far as received messages told. */
int ipcon_get_lost(IPCON_HANDLER handler, __u64 *lost);

/*
 * The same with the size of buf, or the largest message to send, as an argument. The functions below are made
 * from them where IPCON_MAX_MSG_LEN is not IPCON_DEFAULT_MSG_LEN; other programs have no need of them.
 */
int ipcon_rcv_sized(IPCON_HANDLER handler, struct ipcon_msg *im, size_t max_msg_len);
int ipcon_rcv_timeout_sized(IPCON_HANDLER handler, struct ipcon_msg *im, const struct timeval *timeout,
			    size_t max_msg_len);
int ipcon_rcv_nonblock_sized(IPCON_HANDLER handler, struct ipcon_msg *im, size_t max_msg_len);
int ipcon_send_unicast_sized(IPCON_HANDLER handler, __u32 port, const void *buf, size_t size,
			     size_t max_msg_len);
int ipcon_send_multicast_sized(IPCON_HANDLER handler, const char *name, const void *buf, size_t size,
			       size_t max_msg_len);

#if IPCON_MAX_MSG_LEN == IPCON_DEFAULT_MSG_LEN

/*
 * Waits for a message. -EINTR: a signal handler ran. -EMSGSIZE: the message is longer than buf, im->len is its
 * length; the next call gets it, or drops it if it has no more room. A call that waits already is not woken for it.
 */
int ipcon_rcv(IPCON_HANDLER handler, struct ipcon_msg *im);

/* Waits that long, or without end if timeout is NULL. -ETIMEDOUT: no message came. */
int ipcon_rcv_timeout(IPCON_HANDLER handler, struct ipcon_msg *im, const struct timeval *timeout);

/* Does not wait. -EAGAIN: there is no message. */
int ipcon_rcv_nonblock(IPCON_HANDLER handler, struct ipcon_msg *im);

/*
 * -ECONNREFUSED: no peer has the port. -EAGAIN: its queue is full. -EMSGSIZE: more than IPCON_MAX_MSG_LEN
 * bytes. -EINVAL: no bytes. -ENOBUFS: the kernel has no memory, and the message may have been sent or not.
 */
int ipcon_send_unicast(IPCON_HANDLER handler, __u32 port, const void *buf, size_t size);

/*
 * Sends to all members of a group of this peer, be there any or not. -ENOENT: there is no such group. -EPERM:
 * another peer owns it. -EDQUOT: the last messages of this user's groups take too much memory. -EMSGSIZE, -EINVAL,
 * -ENOBUFS: as ipcon_send_unicast().
 */
int ipcon_send_multicast(IPCON_HANDLER handler, const char *name, const void *buf, size_t size);

#else

static __inline__ int ipcon_rcv(IPCON_HANDLER handler, struct ipcon_msg *im)
{
	return ipcon_rcv_sized(handler, im, IPCON_MAX_MSG_LEN);
}

static __inline__ int ipcon_rcv_timeout(IPCON_HANDLER handler, struct ipcon_msg *im,
					const struct timeval *timeout)
{
	return ipcon_rcv_timeout_sized(handler, im, timeout, IPCON_MAX_MSG_LEN);
}

static __inline__ int ipcon_rcv_nonblock(IPCON_HANDLER handler, struct ipcon_msg *im)
{
	return ipcon_rcv_nonblock_sized(handler, im, IPCON_MAX_MSG_LEN);
}

static __inline__ int ipcon_send_unicast(IPCON_HANDLER handler, __u32 port, const void *buf, size_t size)
{
	return ipcon_send_unicast_sized(handler, port, buf, size, IPCON_MAX_MSG_LEN);
}

static __inline__ int ipcon_send_multicast(IPCON_HANDLER handler, const char *name, const void *buf,
					   size_t size)
{
	return ipcon_send_multicast_sized(handler, name, buf, size, IPCON_MAX_MSG_LEN);
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* _LIBIPCON_H */
