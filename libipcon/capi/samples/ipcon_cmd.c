/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_cmd MESSAGE - sends one message to ipcon_server.
 */

#include <stdio.h>
#include <string.h>

/* As much as the bus carries. */
#define IPCON_MAX_MSG_LEN	65000
#include <libipcon.h>

#define SERVICE	"ipcon_server"

static int failed(const char *doing, int error)
{
	fprintf(stderr, "ipcon_cmd: %s: %s\n", doing, strerror(-error));
	return 1;
}

static int send_once(IPCON_HANDLER handler, const char *message)
{
	__u32 port;
	int ret;

	ret = is_peer_present(handler, SERVICE, &port);
	if (ret < 0)
		return failed("find service \"" SERVICE "\"", ret);

	/* With its NUL, so that the receiver may take it for a string. */
	ret = ipcon_send_unicast(handler, port, message, strlen(message) + 1);
	if (ret < 0)
		return failed("send to " SERVICE, ret);

	return 0;
}

int main(int argc, char *argv[])
{
	IPCON_HANDLER handler;
	int ret;

	if (argc != 2) {
		fputs("Usage: ipcon_cmd MESSAGE\n", stderr);
		return 2;
	}

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_cmd: connect to the bus");
		return 1;
	}

	ret = send_once(handler, argv[1]);
	ipcon_free_handler(handler);
	return ret;
}
