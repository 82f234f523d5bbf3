/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every call as often as the argument says, so that what each of them leaves behind adds up. */

#include "check.h"

static void once(IPCON_HANDLER server)
{
	struct timeval second = { 1, 0 }, none = { 0, 0 };
	IPCON_HANDLER client = create();
	struct ipcon_msg im;
	static char data[1000];
	__u64 lost;
	__u32 port;

	is(ipcon_register_service(server, "calls"), 0);
	is(ipcon_register_service(client, "calls"), -EEXIST);
	is(is_peer_present(client, "calls", &port), 0);
	is(ipcon_find_service(client, "other", &port), -ENOENT);
	is(ipcon_getfd(client) >= 0, 1);

	is(ipcon_register_group(server, "calls"), 0);
	is(ipcon_send_multicast(server, "calls", "kept", 5), 0);
	is(ipcon_join_group(client, "calls", 1), 0);
	is(ipcon_rcv(client, &im), 0);
	is(ipcon_leave_group(client, "calls"), 0);
	is(ipcon_unregister_group(server, "calls"), 0);

	port = ipcon_get_selfport(server);
	is(ipcon_send_unicast(client, port, "hello", 6), 0);
	is(ipcon_rcv_timeout(server, &im, &second), 0);
	is(ipcon_rcv_timeout(server, &im, &none), -ETIMEDOUT);
	is(ipcon_rcv_nonblock(server, &im), -EAGAIN);
	is(ipcon_send_unicast_sized(client, port, data, sizeof(data), sizeof(data)), 0);
	is(ipcon_rcv(server, &im), -EMSGSIZE);
	is(ipcon_rcv_nonblock(server, &im), -EAGAIN);
	is(ipcon_get_lost(server, &lost), 0);
	is(ipcon_unregister_service(server, "calls"), 0);
	ipcon_free_handler(client);
	is(ipcon_get_selfport(client), 0);
}

int main(int argc, char *argv[])
{
	IPCON_HANDLER server = create();
	int left = argc > 1 ? atoi(argv[1]) : 1;

	while (left-- > 0)
		once(server);
	ipcon_free_handler(server);
	puts("all is well");
	return 0;
}
