/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.5: messages of peers and of three groups are told apart. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

/* Mended: it is defined nowhere. */
static int should_quit;

static void deal_with(const char *from, const struct ipcon_msg *im)
{
	fprintf(stderr, "%s: %s\n", from, im->buf);
	should_quit = !strcmp(im->buf, "quit");
}

int main(void)
{
	IPCON_HANDLER handler;
	int ret;

	handler = ipcon_create_handler();
	if (!handler) {
		fprintf(stderr, "Failed to create handler\n");
		return 1;
	}

	ipcon_join_group(handler, "GroupX", 0);
	ipcon_join_group(handler, "GroupY", 0);
	ipcon_join_group(handler, "GroupZ", 0);
	fprintf(stderr, "Listening at %lu\n",
		(unsigned long)ipcon_get_selfport(handler));

	/* Mended: ret is set before it is returned, also when nothing is received. */
	ret = 0;
	while (!should_quit) {
		struct ipcon_msg im;

		/* Sleeps here until there is a message. */
		ret = ipcon_rcv(handler, &im);
		if (ret < 0) {
			fprintf(stderr, "Receive msg failed: %s(%d)\n",
					strerror(-ret), -ret);
			should_quit = 1;
			continue;
		}

		if (im.type == IPCON_NORMAL_MSG)  {
			__u32 src_port = im.port;

			fprintf(stderr, "%lu: ", (unsigned long)src_port);
			deal_with("peer", &im);
			continue;
		}

		if (im.type == IPCON_GROUP_MSG)  {
			if (!strcmp(im.group, "GroupX")) {
				deal_with("X", &im);
				continue;
			}

			if (!strcmp(im.group, "GroupY")) {
				deal_with("Y", &im);
				continue;
			}

			if (!strcmp(im.group, "GroupZ")) {
				deal_with("Z", &im);
				continue;
			}
		}
	}

	ipcon_free_handler(handler);

	return ret;
}
