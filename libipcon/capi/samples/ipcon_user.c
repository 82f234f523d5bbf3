/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_user - prints what is sent to the group "str_msg" of ipcon_server.
 *
 * Waits for the group if it is not there, and again after it went. Ends with SIGINT or SIGTERM.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* As much as the bus carries, so that no message is too long. */
#define IPCON_MAX_MSG_LEN	65000
#include <libipcon.h>

#define GROUP	"str_msg"

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_user: %s: %s\n", doing, strerror(-error));
	return 1;
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

/* A descriptor that is readable once SIGINT or SIGTERM came. They are blocked, so that none is missed. */
static int catch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* Joins unless that was done already. *@joined tells what was said last. */
static int join(IPCON_HANDLER handler, int *joined)
{
	int ret = ipcon_join_group(handler, GROUP, 1);

	switch (ret) {
	case 0:
		say("Joined the group " GROUP);
		*joined = 1;
		return 0;
	case -EALREADY:
		/* Before its arrival was heard of. */
		if (!*joined)
			say("Joined the group " GROUP);
		*joined = 1;
		return 0;
	case -ENOENT:
		return 0;
	default:
		return failed("join group \"" GROUP "\"", ret);
	}
}

static int handle_event(IPCON_HANDLER handler, const struct ipcon_kevent *event, int *joined)
{
	switch (event->type) {
	case IPCON_EVENT_GRP_ADD:
		return strcmp(event->grp.name, GROUP) ? 0 : join(handler, joined);
	case IPCON_EVENT_GRP_REMOVE:
		/* The membership has gone with the group. */
		if (!strcmp(event->grp.name, GROUP)) {
			say("The group " GROUP " is gone");
			*joined = 0;
		}
		return 0;
	default:
		return 0;
	}
}

/* Takes the next message, if there is one; before it, says what was lost, beyond what is known to be. */
static int hear(IPCON_HANDLER handler, __u64 *known, int *joined)
{
	struct ipcon_kevent event;
	struct ipcon_msg im;
	__u64 lost;
	int ret;

	ret = ipcon_rcv_nonblock(handler, &im);
	if (ret == -EAGAIN)
		return 0;
	if (ret < 0)
		return failed("receive a message", ret);

	if (ipcon_get_lost(handler, &lost) == 0 && lost > *known) {
		printf("%llu messages were lost\n", (unsigned long long)(lost - *known));
		fflush(stdout);
		*known = lost;
	}

	if (im.type != IPCON_GROUP_MSG)
		return 0;

	if (!strcmp(im.group, IPCON_KERNEL_GROUP)) {
		memcpy(&event, im.buf, sizeof(event));
		return handle_event(handler, &event, joined);
	}

	printf("%s: %.*s\n", im.group, (int)im.len, im.buf);
	fflush(stdout);
	return 0;
}

static int listen_to_group(IPCON_HANDLER handler, int quit)
{
	struct pollfd watched[] = { { ipcon_getfd(handler), POLLIN, 0 }, { quit, POLLIN, 0 } };
	__u64 lost = 0;
	int joined = 0;
	int ret;

	/* Before the group is looked for, or its arrival in between would be missed. */
	ret = ipcon_join_group(handler, IPCON_KERNEL_GROUP, 0);
	if (ret < 0)
		return failed("join group \"" IPCON_KERNEL_GROUP "\"", ret);

	ret = join(handler, &joined);
	if (ret == 0 && !joined)
		say("Waiting for the group " GROUP);
	while (ret == 0) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			return failed("wait for a message", -errno);
		if (watched[1].revents)
			return 0;
		ret = hear(handler, &lost, &joined);
		/*
		 * If the queue was full, the group may have gone and come again unheard, and nothing may ever tell:
		 * a loss is told with the next message. So it is looked for once the queue is empty.
		 */
		if (ret == 0 && poll(watched, 1, 0) == 0)
			ret = join(handler, &joined);
	}

	return ret;
}

int main(void)
{
	IPCON_HANDLER handler;
	int quit, ret;

	quit = catch_signals();
	if (quit < 0) {
		perror("ipcon_user: catch signals");
		return 1;
	}

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_user: connect to the bus");
		return 1;
	}

	ret = listen_to_group(handler, quit);
	ipcon_free_handler(handler);
	close(quit);
	return ret;
}
