/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.3: a service is there, taken back, and its port is still good. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

#define service_name	"ServerX"

int main(void)
{
	IPCON_HANDLER handler;
	struct ipcon_msg im;
	int ret;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return 1;
	}

	ret = ipcon_register_service(handler, service_name);
	if (ret < 0) {
		fprintf(stderr, "Failed to register a service: %s (%d)\n",
			strerror(-ret), -ret);
		ipcon_free_handler(handler);
		return -ret;
	}

	fprintf(stderr, "Registered %s@%lu\n", service_name,
		(unsigned long)ipcon_get_selfport(handler));

	/* A message before the name is taken back, and one after it: the peer goes on. */
	ret = ipcon_rcv(handler, &im);
	if (!ret)
		fprintf(stderr, "Got %s\n", im.buf);

	ret = ipcon_unregister_service(handler, service_name);
	fprintf(stderr, "Unregistered: %d\n", ret);

	ret = ipcon_rcv(handler, &im);
	if (!ret)
		fprintf(stderr, "Got %s\n", im.buf);

	ipcon_free_handler(handler);

	return ret;
}
