/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.6: a string is sent to a group once a second, whoever listens. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <libipcon.h>

#define group_name	"string_group"
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

	ret = ipcon_register_group(handler, group_name);
	if (ret < 0) {
		fprintf(stderr, "Failed to create group %s\n", group_name);
		return ret;
	}

	fprintf(stderr, "Group %s is created\n", group_name);

	while (1) {
		ret = ipcon_send_multicast(handler,
				group_name,
				str_msg,
				strlen(str_msg) + 1);

		if (ret < 0) {
			fprintf(stderr, "Failed to send group message to %s\n",
				group_name);
			break;
		}

		usleep(1000 * 1000);
	}

	ipcon_free_handler(handler);

	return ret;
}
