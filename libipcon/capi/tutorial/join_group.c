/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.4: a group is joined, with its last message if there is one, and left. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

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

	ret = ipcon_join_group(handler, "GroupX", true);
	if (!ret)
		fprintf(stderr, "Joined %s group.\n", "GroupX");

	while (!ret) {
		ret = ipcon_rcv(handler, &im);
		if (ret < 0 || !strcmp(im.buf, "enough"))
			break;

		fprintf(stderr, "%s: %s\n", im.group, im.buf);
	}

	if (!ret) {
		ret = ipcon_leave_group(handler, "GroupX");
		fprintf(stderr, "Left: %d\n", ret);
	}

	ipcon_free_handler(handler);

	return -ret;
}
