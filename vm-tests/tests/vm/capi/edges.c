/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every call with what it must refuse, and what it must do at its limits. */

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>

#include "check.h"

#define LONGEST_SERVICE	"1234567890123456789012345678901"
#define LONGEST_GROUP	"123456789012345"

static void every_call_refuses(IPCON_HANDLER wrong)
{
	struct timeval timeout = { 0, 0 };
	struct ipcon_msg im;
	__u64 lost;
	__u32 port;

	is(ipcon_register_service(wrong, "name"), -EBADF);
	is(ipcon_unregister_service(wrong, "name"), -EBADF);
	is(is_peer_present(wrong, "name", &port), -EBADF);
	is(ipcon_find_service(wrong, "name", &port), -EBADF);
	is(ipcon_register_group(wrong, "name"), -EBADF);
	is(ipcon_unregister_group(wrong, "name"), -EBADF);
	is(ipcon_join_group(wrong, "name", 0), -EBADF);
	is(ipcon_leave_group(wrong, "name"), -EBADF);
	is(ipcon_rcv(wrong, &im), -EBADF);
	is(ipcon_rcv_timeout(wrong, &im, &timeout), -EBADF);
	is(ipcon_rcv_nonblock(wrong, &im), -EBADF);
	is(ipcon_send_unicast(wrong, 1, "x", 1), -EBADF);
	is(ipcon_send_multicast(wrong, "name", "x", 1), -EBADF);
	is(ipcon_get_selfport(wrong), 0);
	is(ipcon_getfd(wrong), -EBADF);
	is(ipcon_get_lost(wrong, &lost), -EBADF);
	ipcon_free_handler(wrong);
}

static void what_is_no_handler_is_refused(void)
{
	IPCON_HANDLER freed = create(), live = create();
	int local = 0;

	ipcon_free_handler(freed);
	every_call_refuses(NULL);
	every_call_refuses(freed);
	every_call_refuses(&local);
	every_call_refuses((IPCON_HANDLER)(uintptr_t)-1);
	every_call_refuses((IPCON_HANDLER)((uintptr_t)live + 1));
	every_call_refuses((IPCON_HANDLER)((uintptr_t)live ^ (uintptr_t)1 << 40));
	is(ipcon_get_selfport(live) != 0, 1);
	ipcon_free_handler(live);
}

static void pointers_and_names_are_checked(IPCON_HANDLER handler)
{
	const char *const bad[] = { NULL, "", "a\nb", "\x7f", "\xc2\x9b", LONGEST_SERVICE "2" };
	struct timeval negative = { -1, 0 }, many = { 0, 1000000 };
	char endless[IPCON_MAX_SRV_NAME_LEN];
	struct ipcon_msg im;
	__u32 port = 7;
	size_t i;

	for (i = 0; i < COUNT(bad); i++) {
		is(ipcon_register_service(handler, bad[i]), -EINVAL);
		is(ipcon_unregister_service(handler, bad[i]), -EINVAL);
		is(is_peer_present(handler, bad[i], &port), -EINVAL);
		is(ipcon_register_group(handler, bad[i]), -EINVAL);
		is(ipcon_unregister_group(handler, bad[i]), -EINVAL);
		is(ipcon_join_group(handler, bad[i], 0), -EINVAL);
		is(ipcon_leave_group(handler, bad[i]), -EINVAL);
		is(ipcon_send_multicast(handler, bad[i], "x", 1), -EINVAL);
	}
	memset(endless, 'n', sizeof(endless));
	is(ipcon_register_service(handler, endless), -EINVAL);
	is(ipcon_register_group(handler, endless), -EINVAL);
	is(ipcon_register_group(handler, LONGEST_GROUP "6"), -EINVAL);
	is(ipcon_register_group(handler, IPCON_KERNEL_GROUP), -EINVAL);

	is(is_peer_present(handler, "name", NULL), -EINVAL);
	is(port, 7);
	is(ipcon_rcv(handler, NULL), -EINVAL);
	is(ipcon_rcv_nonblock(handler, NULL), -EINVAL);
	is(ipcon_rcv_timeout(handler, &im, &negative), -EINVAL);
	is(ipcon_rcv_timeout(handler, &im, &many), -EINVAL);
	is(ipcon_rcv_nonblock_sized(handler, &im, 0), -EINVAL);
	is(ipcon_rcv_nonblock_sized(handler, &im, SIZE_MAX), -EINVAL);
	is(ipcon_get_lost(handler, NULL), -EINVAL);
	is(ipcon_send_unicast(handler, ipcon_get_selfport(handler), NULL, 1), -EINVAL);
	is(ipcon_send_unicast(handler, ipcon_get_selfport(handler), "x", 0), -EINVAL);
	is(ipcon_send_multicast(handler, "name", NULL, 1), -EINVAL);
	is(ipcon_send_multicast(handler, "name", "x", 0), -EINVAL);
	is(ipcon_send_unicast_sized(handler, 1, "x", SIZE_MAX, SIZE_MAX), -EMSGSIZE);
}

static void services(IPCON_HANDLER one, IPCON_HANDLER two)
{
	__u32 port;

	is(ipcon_register_service(one, LONGEST_SERVICE), 0);
	is(ipcon_register_service(one, "second"), 0);
	is(ipcon_register_service(two, "second"), -EEXIST);
	is(is_peer_present(two, LONGEST_SERVICE, &port), 0);
	is(port, ipcon_get_selfport(one));
	is(ipcon_find_service(one, "second", &port), 0);
	is(port, ipcon_get_selfport(one));
	is(ipcon_unregister_service(two, "second"), -EPERM);
	is(ipcon_unregister_service(one, "second"), 0);
	is(ipcon_unregister_service(one, "second"), -ENOENT);
	is(is_peer_present(two, "second", &port), -ENOENT);
	is(ipcon_unregister_service(one, LONGEST_SERVICE), 0);
}

static void groups(IPCON_HANDLER owner, IPCON_HANDLER member)
{
	struct ipcon_msg im;

	is(ipcon_join_group(member, LONGEST_GROUP, 0), -ENOENT);
	is(ipcon_register_group(owner, LONGEST_GROUP), 0);
	is(ipcon_register_group(member, LONGEST_GROUP), -EEXIST);
	is(ipcon_send_multicast(member, LONGEST_GROUP, "x", 2), -EPERM);
	is(ipcon_send_multicast(owner, "none", "x", 2), -ENOENT);
	is(ipcon_send_multicast(owner, LONGEST_GROUP, "kept", 5), 0);
	is(ipcon_join_group(member, LONGEST_GROUP, 1), 0);
	is(ipcon_join_group(member, LONGEST_GROUP, 1), -EALREADY);
	is(ipcon_join_group(owner, LONGEST_GROUP, 0), 0);
	is(ipcon_send_multicast(owner, LONGEST_GROUP, "live", 5), 0);

	is(ipcon_rcv(member, &im), 0);
	is(im.type, IPCON_GROUP_MSG);
	is(strcmp(im.group, LONGEST_GROUP), 0);
	is(im.port, ipcon_get_selfport(owner));
	is(strcmp(im.buf, "kept"), 0);
	is(im.len, 5);
	is(ipcon_rcv(member, &im), 0);
	is(strcmp(im.buf, "live"), 0);
	is(ipcon_rcv(owner, &im), 0);
	is(strcmp(im.buf, "live"), 0);

	is(ipcon_unregister_group(member, LONGEST_GROUP), -EPERM);
	is(ipcon_leave_group(member, LONGEST_GROUP), 0);
	is(ipcon_leave_group(member, LONGEST_GROUP), -ENOENT);
	is(ipcon_unregister_group(owner, LONGEST_GROUP), 0);
	is(ipcon_leave_group(owner, LONGEST_GROUP), -ENOENT);
	is(ipcon_unregister_group(owner, LONGEST_GROUP), -ENOENT);
}

/* In Latin-1, say: the kernel takes whatever is no control character. */
static void a_name_may_be_any_bytes(IPCON_HANDLER one, IPCON_HANDLER two)
{
	const char name[] = "caf\xe9";
	struct ipcon_kevent event;
	struct ipcon_msg im;
	__u32 port;

	is(ipcon_join_group(two, IPCON_KERNEL_GROUP, 0), 0);
	is(ipcon_register_service(one, name), 0);
	is(is_peer_present(two, name, &port), 0);
	is(port, ipcon_get_selfport(one));
	is(is_peer_present(two, "caf\xc3\xa9", &port), -ENOENT);
	is(ipcon_rcv(two, &im), 0);
	memcpy(&event, im.buf, sizeof(event));
	is(event.type, IPCON_EVENT_SRV_ADD);
	is(strcmp(event.srv.name, name), 0);
	is(ipcon_leave_group(two, IPCON_KERNEL_GROUP), 0);
	is(ipcon_unregister_service(one, name), 0);

	is(ipcon_register_group(one, name), 0);
	is(ipcon_join_group(two, name, 0), 0);
	is(ipcon_send_multicast(one, name, "au lait", 8), 0);
	is(ipcon_rcv(two, &im), 0);
	is(strcmp(im.group, name), 0);
	is(ipcon_leave_group(two, name), 0);
	is(ipcon_unregister_group(one, name), 0);
}

static void an_empty_queue_is_told(IPCON_HANDLER handler)
{
	struct timeval none = { 0, 0 }, some = { 0, 20000 };
	struct pollfd readable = { ipcon_getfd(handler), POLLIN, 0 };
	__u32 self = ipcon_get_selfport(handler);
	struct ipcon_msg im;

	is(ipcon_rcv_nonblock(handler, &im), -EAGAIN);
	is(ipcon_rcv_timeout(handler, &im, &none), -ETIMEDOUT);
	is(ipcon_rcv_timeout(handler, &im, &some), -ETIMEDOUT);
	is(poll(&readable, 1, 0), 0);

	is(ipcon_send_unicast(handler, self, "x", 2), 0);
	is(poll(&readable, 1, 0), 1);
	is(ipcon_rcv_timeout(handler, &im, &none), 0);
	is(im.type, IPCON_NORMAL_MSG);
	is(im.port, self);
	is(im.group[0], 0);
	is(ipcon_send_unicast(handler, self, "x", 2), 0);
	is(ipcon_rcv_timeout(handler, &im, NULL), 0);
	is(ipcon_send_unicast(handler, self, "x", 2), 0);
	is(ipcon_rcv_nonblock(handler, &im), 0);
	is(poll(&readable, 1, 0), 0);
}

static void a_message_that_is_too_long_is_told_once(IPCON_HANDLER handler)
{
	__u32 self = ipcon_get_selfport(handler);
	static char data[1024];
	struct ipcon_msg im;
	union {
		struct ipcon_msg as_usual;
		/* With room for 1024 bytes, and 4 for the length after them. */
		char memory[24 + 1024 + 4];
	} large;

	memset(data, 'd', sizeof(data));
	is(ipcon_send_unicast(handler, self, data, IPCON_MAX_MSG_LEN + 1), -EMSGSIZE);
	is(ipcon_send_unicast(handler, self, data, IPCON_MAX_MSG_LEN), 0);
	is(ipcon_rcv(handler, &im), 0);
	is(im.len, IPCON_MAX_MSG_LEN);

	/* Whoever has room next gets it. */
	is(ipcon_send_unicast_sized(handler, self, data, 1000, 1024), 0);
	is(ipcon_rcv(handler, &im), -EMSGSIZE);
	is(im.len, 1000);
	is(ipcon_rcv_nonblock_sized(handler, &large.as_usual, 1024), 0);
	is(memcmp(large.memory + 24, data, 1000), 0);

	/* Nobody has, so it does not stand in the way of the next one. */
	is(ipcon_send_unicast_sized(handler, self, data, 700, 1024), 0);
	is(ipcon_send_unicast_sized(handler, self, data, 800, 1024), 0);
	is(ipcon_send_unicast(handler, self, "after", 6), 0);
	is(ipcon_rcv_nonblock(handler, &im), -EMSGSIZE);
	is(im.len, 700);
	is(ipcon_rcv_nonblock(handler, &im), -EMSGSIZE);
	is(im.len, 800);
	is(ipcon_rcv_nonblock(handler, &im), 0);
	is(strcmp(im.buf, "after"), 0);
	is(ipcon_rcv_nonblock(handler, &im), -EAGAIN);
}

static pthread_key_t last;

/* Runs when its thread has given up what the library keeps for it. */
static void receive_at_the_end(void *handler)
{
	struct ipcon_msg im;

	is(ipcon_rcv_nonblock(handler, &im), 0);
	is(strcmp(im.buf, "two"), 0);
}

static void *receive_and_end(void *handler)
{
	struct ipcon_msg im;

	is(ipcon_rcv_nonblock(handler, &im), 0);
	is(strcmp(im.buf, "one"), 0);
	is(pthread_setspecific(last, handler), 0);
	return NULL;
}

static void a_thread_that_ends_may_still_receive(IPCON_HANDLER handler)
{
	__u32 self = ipcon_get_selfport(handler);
	struct ipcon_msg im;
	pthread_t thread;

	is(pthread_key_create(&last, receive_at_the_end), 0);
	is(ipcon_send_unicast(handler, self, "one", 4), 0);
	is(ipcon_send_unicast(handler, self, "two", 4), 0);
	is(pthread_create(&thread, NULL, receive_and_end, handler), 0);
	is(pthread_join(thread, NULL), 0);
	is(ipcon_rcv_nonblock(handler, &im), -EAGAIN);
	is(pthread_key_delete(last), 0);
}

static void a_port_without_a_peer_and_a_full_queue_are_told(IPCON_HANDLER sender)
{
	IPCON_HANDLER receiver = create();
	__u32 port = ipcon_get_selfport(receiver);
	struct ipcon_msg im;
	int sent = 0, received = 0, ret;

	while ((ret = ipcon_send_unicast(sender, port, &sent, sizeof(sent))) == 0)
		sent++;
	is(ret, -EAGAIN);
	while ((ret = ipcon_rcv_nonblock(receiver, &im)) == 0) {
		is(memcmp(im.buf, &received, sizeof(received)), 0);
		received++;
	}
	is(ret, -EAGAIN);
	is(received, sent);

	ipcon_free_handler(receiver);
	is(ipcon_send_unicast(sender, port, "x", 1), -ECONNREFUSED);
	is(ipcon_send_unicast(sender, 0, "x", 1), -ECONNREFUSED);
}

static void what_a_slow_member_lost_is_told(IPCON_HANDLER owner)
{
	IPCON_HANDLER member = create();
	__u64 lost = 99;
	struct ipcon_msg im;
	int sent, received;

	is(ipcon_get_lost(member, &lost), 0);
	is(lost, 0);
	is(ipcon_register_group(owner, "fast"), 0);
	is(ipcon_join_group(member, "fast", 0), 0);
	for (sent = 0; sent < 5000; sent++)
		is(ipcon_send_multicast(owner, "fast", "x", 2), 0);
	for (received = 0; ipcon_rcv_nonblock(member, &im) == 0; received++)
		;
	is(ipcon_send_multicast(owner, "fast", "x", 2), 0);
	is(ipcon_rcv(member, &im), 0);
	is(ipcon_get_lost(member, &lost), 0);
	is(received < sent, 1);
	is(received + lost, sent);
	is(ipcon_unregister_group(owner, "fast"), 0);
	ipcon_free_handler(member);
}

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void nothing_stays_open(void)
{
	int before = descriptors(), i;

	for (i = 0; i < 100; i++) {
		IPCON_HANDLER handler = create();

		is(ipcon_join_group(handler, IPCON_KERNEL_GROUP, 0), 0);
		ipcon_free_handler(handler);
	}
	is(descriptors(), before);
}

int main(void)
{
	IPCON_HANDLER one = create(), two = create();

	is(one != two, 1);
	is(ipcon_get_selfport(one) != ipcon_get_selfport(two), 1);
	what_is_no_handler_is_refused();
	pointers_and_names_are_checked(one);
	services(one, two);
	groups(one, two);
	a_name_may_be_any_bytes(one, two);
	an_empty_queue_is_told(one);
	a_message_that_is_too_long_is_told_once(one);
	a_thread_that_ends_may_still_receive(one);
	a_port_without_a_peer_and_a_full_queue_are_told(one);
	what_a_slow_member_lost_is_told(one);
	nothing_stays_open();
	ipcon_free_handler(one);
	ipcon_free_handler(two);
	puts("all is well");
	return 0;
}
