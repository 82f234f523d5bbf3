/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The server: one thread in libqb's own loop, as corosync and pacemaker have it. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

static qb_loop_t *loop;

/* The events that are still to be sent. */
static struct {
	qb_ipcs_connection_t *to;
	uint32_t len;
	uint32_t left;
	uint8_t event[RING / 4];
} stream;

/* Sends until the ring is full, and then again when the loop comes by: libqb tells nobody that there is room. */
static void send_events(void *data)
{
	while (stream.left > 0) {
		ssize_t sent = qb_ipcs_event_send(stream.to, stream.event, stream.len);

		if (sent == -EAGAIN || sent == -ENOBUFS) {
			qb_loop_job_add(loop, QB_LOOP_HIGH, data, send_events);
			return;
		}
		if (sent < 0)
			fail("sending an event", -sent);
		stream.left--;
	}
}

static int32_t process(qb_ipcs_connection_t *c, void *data, size_t size)
{
	const struct request *request = data;
	struct qb_ipc_response_header reply = { .id = ECHO, .size = sizeof(reply) };
	ssize_t sent;

	if (size < sizeof(*request))
		fail("a request that is too short", EPROTO);
	switch (request->header.id) {
	case ECHO:
		sent = qb_ipcs_response_send(c, &reply, sizeof(reply));
		if (sent < 0)
			fail("sending a reply", -sent);
		break;
	case EVENTS:
		if (request->len > sizeof(stream.event))
			fail("an event that is too long", EMSGSIZE);
		stream.to = c;
		stream.len = request->len;
		stream.left = request->count;
		send_events(NULL);
		break;
	case STALL:
		puts("stalled");
		fflush(stdout);
		for (;;)
			pause();
	}
	return 0;
}

static int32_t accept_all(qb_ipcs_connection_t *c, uid_t uid, gid_t gid)
{
	(void)c, (void)uid, (void)gid;
	return 0;
}

static int32_t job_add(enum qb_loop_priority p, void *data, qb_loop_job_dispatch_fn fn)
{
	return qb_loop_job_add(loop, p, data, fn);
}

static int32_t dispatch_add(enum qb_loop_priority p, int32_t fd, int32_t events, void *data,
			    qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_add(loop, p, fd, events, data, fn);
}

static int32_t dispatch_mod(enum qb_loop_priority p, int32_t fd, int32_t events, void *data,
			    qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_mod(loop, p, fd, events, data, fn);
}

static int32_t dispatch_del(int32_t fd)
{
	return qb_loop_poll_del(loop, fd);
}

/* Whoever started this has closed its end. */
static int32_t stop(int32_t fd, int32_t revents, void *data)
{
	(void)fd, (void)revents, (void)data;
	qb_loop_stop(loop);
	return -1;
}

int serve(const char *name)
{
	struct qb_ipcs_service_handlers handlers = {
		.connection_accept = accept_all,
		.msg_process = process,
	};
	struct qb_ipcs_poll_handlers poll_handlers = {
		.job_add = job_add,
		.dispatch_add = dispatch_add,
		.dispatch_mod = dispatch_mod,
		.dispatch_del = dispatch_del,
	};
	qb_ipcs_service_t *service;
	int32_t error;

	loop = qb_loop_create();
	service = qb_ipcs_create(name, 0, QB_IPC_SHM, &handlers);
	if (!loop || !service)
		fail("making the service", errno);
	qb_ipcs_request_rate_limit(service, QB_IPCS_RATE_FAST);
	qb_ipcs_poll_handlers_set(service, &poll_handlers);
	error = qb_ipcs_run(service);
	if (error)
		fail("listening", -error);
	qb_loop_poll_add(loop, QB_LOOP_LOW, STDIN_FILENO, POLLIN, NULL, stop);
	puts("ready");
	fflush(stdout);
	qb_loop_run(loop);
	qb_ipcs_destroy(service);
	return 0;
}
