/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program that chose the largest messages before it included the header. */

#define IPCON_MAX_MSG_LEN	65000

#include "check.h"

static struct ipcon_msg im;
static char data[IPCON_MAX_MSG_LEN + 1];

int main(void)
{
	struct timeval second = { 1, 0 };
	IPCON_HANDLER handler = create();
	__u32 self = ipcon_get_selfport(handler);
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);

	is(ipcon_send_unicast(handler, self, data, IPCON_MAX_MSG_LEN + 1), -EMSGSIZE);
	is(ipcon_send_unicast(handler, self, data, IPCON_MAX_MSG_LEN), 0);
	is(ipcon_rcv(handler, &im), 0);
	is(im.type, IPCON_NORMAL_MSG);
	is(im.len, IPCON_MAX_MSG_LEN);
	is(memcmp(im.buf, data, IPCON_MAX_MSG_LEN), 0);

	is(ipcon_register_group(handler, "large"), 0);
	is(ipcon_join_group(handler, "large", 0), 0);
	is(ipcon_send_multicast(handler, "large", data, 40000), 0);
	is(ipcon_rcv_timeout(handler, &im, &second), 0);
	is(im.len, 40000);
	is(memcmp(im.buf, data, im.len), 0);
	is(ipcon_rcv_nonblock(handler, &im), -EAGAIN);

	ipcon_free_handler(handler);
	puts("all is well");
	return 0;
}
