/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_sender MESSAGE - sends a message to ipcon_server once a second.
 *
 * Ends when the server has gone, or with SIGINT or SIGTERM.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libipcon.h>

#define SERVICE	"ipcon_server"

static volatile sig_atomic_t should_quit;

static void quit(int signal)
{
	(void)signal;
	should_quit = 1;
}

int main(int argc, char *argv[])
{
	struct sigaction action;
	IPCON_HANDLER handler;
	__u32 port;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s MESSAGE\n", argv[0]);
		return 2;
	}

	memset(&action, 0, sizeof(action));
	action.sa_handler = quit;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_sender: create a handler");
		return 1;
	}

	ret = is_peer_present(handler, SERVICE, &port);
	if (ret < 0)
		fprintf(stderr, "ipcon_sender: find %s: %s\n", SERVICE, strerror(-ret));

	while (ret == 0 && !should_quit) {
		ret = ipcon_send_unicast(handler, port, argv[1], strlen(argv[1]) + 1);
		if (ret < 0) {
			fprintf(stderr, "ipcon_sender: send to %s: %s\n", SERVICE, strerror(-ret));
			break;
		}
		printf("Sent to %s@%u\n", SERVICE, port);
		fflush(stdout);
		sleep(1);
	}

	ipcon_free_handler(handler);
	return ret < 0;
}
