/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipcon_cmd MESSAGE - sends one message to ipcon_server.
 */

#include <stdio.h>
#include <string.h>

#include <libipcon.h>

#define SERVICE	"ipcon_server"

int main(int argc, char *argv[])
{
	IPCON_HANDLER handler;
	__u32 port;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s MESSAGE\n", argv[0]);
		return 2;
	}

	handler = ipcon_create_handler();
	if (!handler) {
		perror("ipcon_cmd: create a handler");
		return 1;
	}

	ret = is_peer_present(handler, SERVICE, &port);
	if (ret == 0)
		ret = ipcon_send_unicast(handler, port, argv[1], strlen(argv[1]) + 1);
	if (ret < 0)
		fprintf(stderr, "ipcon_cmd: send to %s: %s\n", SERVICE, strerror(-ret));

	ipcon_free_handler(handler);
	return ret < 0;
}
