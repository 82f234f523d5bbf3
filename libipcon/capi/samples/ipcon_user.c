/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_user - prints what is sent to the group "str_msg" of ipcon_server.
 *
 * Waits for the group if it is not there, and again after it went. Ends with SIGINT or SIGTERM.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libipcon.h>

#define GROUP	"str_msg"

static volatile sig_atomic_t should_quit;

static void quit(int signal)
{
	(void)signal;
	should_quit = 1;
}

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_user: %s: %s (%d)\n", doing, strerror(-error), -error);
	return 1;
}

static int join(IPCON_HANDLER handler)
{
	int ret = ipcon_join_group(handler, GROUP, 1);

	if (ret == -ENOENT) {
		puts("Waiting for the group " GROUP);
		ret = 0;
	} else if (ret == 0) {
		puts("Joined the group " GROUP);
	}
	fflush(stdout);
	/* A group that came while it was looked for is both found and announced. */
	return ret == -EALREADY ? 0 : ret;
}

static int handle_event(IPCON_HANDLER handler, const struct ipcon_kevent *event)
{
	switch (event->type) {
	case IPCON_EVENT_GRP_ADD:
		return strcmp(event->grp.name, GROUP) ? 0 : join(handler);
	case IPCON_EVENT_GRP_REMOVE:
		if (!strcmp(event->grp.name, GROUP)) {
			/* The membership has gone with the group. */
			puts("The group " GROUP " is gone");
			fflush(stdout);
		}
		return 0;
	default:
		return 0;
	}
}

static int listen_to_group(IPCON_HANDLER handler)
{
	struct ipcon_kevent event;
	struct ipcon_msg im;
	int ret;

	/* Before the group is looked for, or its arrival in between would be missed. */
	ret = ipcon_join_group(handler, IPCON_KERNEL_GROUP, 0);
	if (ret < 0)
		return failed("join the group " IPCON_KERNEL_GROUP, ret);

	ret = join(handler);
	while (ret == 0 && !should_quit) {
		ret = ipcon_rcv(handler, &im);
		if (ret == -EINTR || ret == -EMSGSIZE) {
			ret = 0;
			continue;
		}
		if (ret < 0)
			break;

		if (im.type != IPCON_GROUP_MSG)
			continue;

		if (!strcmp(im.group, IPCON_KERNEL_GROUP)) {
			memcpy(&event, im.buf, sizeof(event));
			ret = handle_event(handler, &event);
		} else if (!strcmp(im.group, GROUP)) {
			printf("%s: %.*s\n", im.group, (int)im.len, im.buf);
			fflush(stdout);
		}
	}

	return ret < 0 ? failed("listen to the group " GROUP, ret) : 0;
}

int main(void)
{
	struct sigaction action;
	IPCON_HANDLER handler;
	int ret;

	memset(&action, 0, sizeof(action));
	action.sa_handler = quit;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_user: create a handler");
		return 1;
	}

	ret = listen_to_group(handler);
	ipcon_free_handler(handler);
	return ret;
}
