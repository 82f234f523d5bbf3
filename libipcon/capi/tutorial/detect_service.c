/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Section 5.7: a service is met whenever it comes, and missed when it goes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libipcon.h>

#define service_name	"ServerX"
__u32 srv_port;

/* Mended: it is defined nowhere, like the functions. */
static int should_quit;
static IPCON_HANDLER self;

static void send_hello_msg_to_srv_port(void)
{
	int ret = ipcon_send_unicast(self, srv_port, "hello", sizeof("hello"));

	fprintf(stderr, "Met %s: %d\n", service_name, ret);
}

static void i_know_but_i_do_not_care(void)
{
	fprintf(stderr, "%s has no name any more\n", service_name);
}

static void process_msg_from_srv_port(const struct ipcon_msg *im)
{
	fprintf(stderr, "%s says: %s\n", service_name, im->buf);
	should_quit = !strcmp(im->buf, "quit");
}

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
	self = handler;

	/* 1. The kernel's group first. */
	ret = ipcon_join_group(handler, IPCON_KERNEL_GROUP, 0);
	if (ret < 0) {
		fprintf(stderr, "Failed to join %s group.\n",
			IPCON_KERNEL_GROUP);

		ipcon_free_handler(handler);
		return ret;
	}

	/* 2. Then the service, which may not be there. */
	is_peer_present(handler, service_name, &srv_port);
	fprintf(stderr, "Looked for %s: %s\n", service_name, srv_port ? "there" : "not there");

	while (!should_quit) {
		struct ipcon_msg im;
		struct ipcon_kevent *ik = NULL;

		ret = ipcon_rcv(handler, &im);
		if (ret < 0) {
			fprintf(stderr, "Receive msg failed: %s(%d)\n",
					strerror(-ret), -ret);
			should_quit = 1;
			continue;
		}

		if (im.type == IPCON_GROUP_MSG)  {
			if (!strcmp(im.group, IPCON_KERNEL_GROUP)) {
				ik = (struct ipcon_kevent *)im.buf;

				/* Mended, here and below: -> for . and == for = */
				if ((ik->type == IPCON_EVENT_SRV_ADD) &&
					!srv_port) {

					/* 3. It came. */
					if (!strcmp(ik->srv.name, service_name)) {
						srv_port = ik->srv.portid;
						send_hello_msg_to_srv_port();
						continue;
					}

				}

				if ((ik->type == IPCON_EVENT_SRV_REMOVE) &&
					srv_port) {

					/* 5. Its name went; the port is still good. */
					if (!strcmp(ik->srv.name, service_name))
						i_know_but_i_do_not_care();

					continue;
				}

				if ((ik->type == IPCON_EVENT_PEER_REMOVE) &&
					srv_port) {

					/* 6. It went. Mended: the event has the port, not the message. */
					if (ik->peer.portid == srv_port) {
						srv_port = 0;
						fprintf(stderr, "%s is gone\n", service_name);
					}

					continue;
				}
			}

			continue;
		}

		if  (im.type == IPCON_NORMAL_MSG) {
			if (im.port == srv_port) {
				/* 4. It says something. */
				process_msg_from_srv_port(&im);
			}
		}
	}


	ipcon_free_handler(handler);

	return ret;
}
