/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.4: who comes late learns the present state from the last message. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

/* Mended: the text has these as names only. */
static int should_quit;

static void do_something(void)
{
	fprintf(stderr, "A stick is there\n");
}

static void do_something_else(void)
{
	fprintf(stderr, "No stick is there\n");
}

static void do_bad_state_error(void)
{
	fprintf(stderr, "A bad state\n");
}

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

	ret = ipcon_join_group(handler, "USB_EVENT", 1);		/* cond 1 */
	if (ret == 0) {
		while (!should_quit) {
			const char *state = im.buf;

			ret = ipcon_rcv(handler, &im);			/* cond 2 */
			if (ret < 0)
				break;

			/* Mended: strings are not compared with == in C. */
			if (!strcmp(state, "insert")) {
				do_something();
				continue;
			} else if (!strcmp(state, "remove")) {
				do_something_else();
				continue;
			}

			do_bad_state_error();
			should_quit = 1;
		}
	}

	ipcon_free_handler(handler);

	return -ret;
}
