/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_server - passes on what it is told.
 *
 * Registers the service "ipcon_server" and the group "str_msg", and sends each message that it gets to the
 * group. Ends with SIGINT or SIGTERM.
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

#define SERVICE	"ipcon_server"
#define GROUP	"str_msg"

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_server: %s: %s\n", doing, strerror(-error));
	return 1;
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

/* Takes the next message, if there is one, and passes it on. */
static int pass_on(IPCON_HANDLER handler)
{
	struct ipcon_msg im;
	int ret;

	ret = ipcon_rcv_nonblock(handler, &im);
	if (ret == -EAGAIN)
		return 0;
	if (ret < 0)
		return failed("receive a message", ret);

	if (im.type != IPCON_NORMAL_MSG)
		return 0;

	printf("%u says: %.*s\n", im.port, (int)im.len, im.buf);
	fflush(stdout);

	ret = ipcon_send_multicast(handler, GROUP, im.buf, im.len);
	if (ret < 0)
		return failed("send to group \"" GROUP "\"", ret);

	return 0;
}

static int serve(IPCON_HANDLER handler, int quit)
{
	struct pollfd watched[] = { { ipcon_getfd(handler), POLLIN, 0 }, { quit, POLLIN, 0 } };
	int ret;

	/* The group first: who finds the service may join the group at once. */
	ret = ipcon_register_group(handler, GROUP);
	if (ret < 0)
		return failed("register group \"" GROUP "\"", ret);

	ret = ipcon_register_service(handler, SERVICE);
	if (ret < 0)
		return failed("register service \"" SERVICE "\"", ret);

	printf("Service %s and group %s are there\n", SERVICE, GROUP);
	fflush(stdout);

	while (ret == 0) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			return failed("wait for a message", -errno);
		if (watched[1].revents)
			return 0;
		ret = pass_on(handler);
	}

	return ret;
}

int main(void)
{
	IPCON_HANDLER handler;
	int quit, ret;

	quit = catch_signals();
	if (quit < 0) {
		perror("ipcon_server: catch signals");
		return 1;
	}

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_server: connect to the bus");
		return 1;
	}

	ret = serve(handler, quit);
	ipcon_free_handler(handler);
	close(quit);
	return ret;
}
