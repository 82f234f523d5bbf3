/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.6: a string is sent to a service. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

#define service_name	"string_service"
#define str_msg		"Hello world!"
__u32 srv_port;

int main(int argc, char *argv[])
{
	int ret = 0;
	IPCON_HANDLER	handler;

	/* Mended: nothing uses them. */
	(void)argc;
	(void)argv;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return -1;
	}

	ret = is_peer_present(handler, service_name, &srv_port);
	if (ret < 0) {
		fprintf(stderr, "No service %s found\n", service_name);
		return ret;
	}

	fprintf(stderr, "Found service %s@%lu\n", service_name,
		(unsigned long)srv_port);

	ret = ipcon_send_unicast(handler,
				srv_port,
				str_msg,
				strlen(str_msg) + 1);

	if (ret < 0)
		fprintf(stderr, "Failed to send message to %s@%lu\n",
				service_name, (unsigned long)srv_port);

	ipcon_free_handler(handler);

	return ret;
}
