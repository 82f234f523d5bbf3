/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.2: a handler is made and freed. */

#include <stdio.h>
#include <stdlib.h>
#include <libipcon.h>

int main(int argc, char *argv[])
{
	IPCON_HANDLER	handler;

	/* Mended: nothing uses them. */
	(void)argc;
	(void)argv;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return 1;
	}

	/* Where the text has dots. */
	fprintf(stderr, "Port %lu\n", (unsigned long)ipcon_get_selfport(handler));

	ipcon_free_handler(handler);

	return 0;
}
