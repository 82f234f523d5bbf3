/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_sender MESSAGE - sends a message to ipcon_server once a second.
 *
 * Ends when the server has gone, or with SIGINT or SIGTERM.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* As much as the bus carries. */
#define IPCON_MAX_MSG_LEN	65000
#include <libipcon.h>

#define SERVICE	"ipcon_server"

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_sender: %s: %s\n", doing, strerror(-error));
	return 1;
}

static int send_again_and_again(IPCON_HANDLER handler, const char *message, const sigset_t *quit)
{
	const struct timespec interval = { 1, 0 };
	__u32 port;
	int ret;

	ret = is_peer_present(handler, SERVICE, &port);
	if (ret < 0)
		return failed("find service \"" SERVICE "\"", ret);

	do {
		/* With its NUL, so that the receiver may take it for a string. */
		ret = ipcon_send_unicast(handler, port, message, strlen(message) + 1);
		if (ret < 0)
			return failed("send to " SERVICE, ret);

		printf("Sent to %s@%u\n", SERVICE, port);
		fflush(stdout);
		/* The pause: it ends early with one of these signals, and only then with its number. */
	} while (sigtimedwait(quit, NULL, &interval) < 0);

	return 0;
}

int main(int argc, char *argv[])
{
	IPCON_HANDLER handler;
	sigset_t quit;
	int ret;

	if (argc != 2) {
		fputs("Usage: ipcon_sender MESSAGE\n", stderr);
		return 2;
	}

	/* Blocked, so that none is missed that comes when nobody waits for it. */
	sigemptyset(&quit);
	sigaddset(&quit, SIGINT);
	sigaddset(&quit, SIGTERM);
	sigprocmask(SIG_BLOCK, &quit, NULL);

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_sender: connect to the bus");
		return 1;
	}

	ret = send_again_and_again(handler, argv[1], &quit);
	ipcon_free_handler(handler);
	return ret;
}
