/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_server - passes on what it is told.
 *
 * Registers the service "ipcon_server" and the group "str_msg", and sends each message that it gets to the
 * group. Ends with SIGINT or SIGTERM.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libipcon.h>

#define SERVICE	"ipcon_server"
#define GROUP	"str_msg"

static volatile sig_atomic_t should_quit;

static void quit(int signal)
{
	(void)signal;
	should_quit = 1;
}

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_server: %s: %s (%d)\n", doing, strerror(-error), -error);
	return 1;
}

static int serve(IPCON_HANDLER handler)
{
	struct ipcon_msg im;
	int ret;

	/* The group first: who finds the service may join the group at once. */
	ret = ipcon_register_group(handler, GROUP);
	if (ret < 0)
		return failed("register the group " GROUP, ret);

	ret = ipcon_register_service(handler, SERVICE);
	if (ret < 0)
		return failed("register the service " SERVICE, ret);

	printf("Service %s and group %s are there\n", SERVICE, GROUP);
	fflush(stdout);

	while (!should_quit) {
		ret = ipcon_rcv(handler, &im);
		if (ret == -EINTR)
			continue;
		if (ret == -EMSGSIZE) {
			fprintf(stderr, "ipcon_server: a message of %u bytes is too long\n", im.len);
			continue;
		}
		if (ret < 0)
			return failed("receive", ret);

		if (im.type != IPCON_NORMAL_MSG)
			continue;

		printf("%u says: %.*s\n", im.port, (int)im.len, im.buf);
		fflush(stdout);

		ret = ipcon_send_multicast(handler, GROUP, im.buf, im.len);
		if (ret < 0)
			return failed("send to the group " GROUP, ret);
	}

	return 0;
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
		perror("ipcon_server: create a handler");
		return 1;
	}

	ret = serve(handler);
	ipcon_free_handler(handler);
	return ret;
}
