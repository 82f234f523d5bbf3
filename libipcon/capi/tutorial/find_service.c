/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.3: a service is looked up, which never waits. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

int main(void)
{
	IPCON_HANDLER handler;
	__u32 srv_port;
	int ret;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return 1;
	}

	ret = is_peer_present(handler, "ServerX", &srv_port);
	if (!ret)
		fprintf(stderr, "Found service %s@%lu\n",
				"ServerX", (unsigned long)srv_port);

	/* What the text says of a service that is not there. */
	if (ret == -ENOENT)
		fprintf(stderr, "No service %s\n", "ServerX");

	ipcon_free_handler(handler);

	return -ret;
}
