/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.4: a group is made, sent to, and ended when the input ends. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

#define group_name "GroupX"

int main(void)
{
	IPCON_HANDLER handler;
	char line[128];
	int ret;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return 1;
	}

	ret = ipcon_register_group(handler, group_name);
	if (ret < 0)
		fprintf(stderr, "Failed to register group: %s (%d)\n",
			strerror(-ret), -ret);
	else
		fprintf(stderr, "Registered group %s\n", group_name);

	while (!ret && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		ret = ipcon_send_multicast(handler, group_name, line, strlen(line) + 1);
		fprintf(stderr, "Sent %s: %d\n", line, ret);
	}

	if (!ret) {
		ret = ipcon_unregister_group(handler, group_name);
		fprintf(stderr, "Unregistered: %d\n", ret);
	}

	ipcon_free_handler(handler);

	return -ret;
}
