/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The client: reads how often to do its work, a number a line, and writes how many nanoseconds each time took, 64 bits
 * each in the machine's own order.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static qb_ipcc_connection_t *server;
static const char *server_name;
static struct request request;
static uint8_t event[RING];

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static qb_ipcc_connection_t *connect_to(const char *name)
{
	qb_ipcc_connection_t *c = qb_ipcc_connect(name, RING);

	if (!c)
		fail("connecting", errno);
	return c;
}

static ssize_t send_and_receive(int32_t id)
{
	struct qb_ipc_response_header reply;
	struct iovec all = { .iov_base = &request, .iov_len = sizeof(request) };

	request.header.id = id;
	request.header.size = sizeof(request);
	return qb_ipcc_sendv_recv(server, &all, 1, &reply, sizeof(reply), -1);
}

static void round_trip(void)
{
	ssize_t got = send_and_receive(ECHO);

	if (got != sizeof(struct qb_ipc_response_header))
		fail("a round trip", -got);
}

static void receive(void)
{
	ssize_t got;

	do
		got = qb_ipcc_event_recv(server, event, sizeof(event), -1);
	while (got == -EAGAIN || got == -EINTR || got == -ETIMEDOUT);
	if (got != (ssize_t)request.len)
		fail("receiving an event", -got);
}

static void order(uint32_t count)
{
	ssize_t sent;

	request.header.id = EVENTS;
	request.header.size = sizeof(request);
	request.count = count;
	sent = qb_ipcc_send(server, &request, sizeof(request));
	if (sent != sizeof(request))
		fail("asking for events", -sent);
}

static void connect_and_go(void)
{
	qb_ipcc_disconnect(connect_to(server_name));
}

/* Waits for what never comes; what is told is not how long that took but when it ended. */
static uint64_t stall(void)
{
	ssize_t got = send_and_receive(STALL);

	if (got >= 0)
		fail("a reply that nobody sent", EPROTO);
	return now();
}

static void tell(const uint64_t *took, size_t count)
{
	const char *at = (const char *)took;
	size_t left = count * sizeof(*took);

	while (left > 0) {
		ssize_t written = write(STDOUT_FILENO, at, left);

		if (written < 0)
			fail("telling the times", errno);
		at += written;
		left -= (size_t)written;
	}
}

int call(const char *name, const char *work)
{
	void (*once)(void) = NULL;
	char line[32];

	server_name = name;
	if (strcmp(work, "round-trip") == 0) {
		once = round_trip;
	} else if (strncmp(work, "events-", 7) == 0) {
		once = receive;
		request.len = (uint32_t)atoi(work + 7);
	} else if (strcmp(work, "connect") == 0) {
		once = connect_and_go;
	} else if (strcmp(work, "stall") != 0) {
		fail(work, EINVAL);
	}
	if (once != connect_and_go)
		server = connect_to(name);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		uint32_t times = (uint32_t)strtoul(line, NULL, 10);
		uint64_t *took = calloc(times, sizeof(*took));
		uint64_t before, after;

		if (!took || times == 0)
			fail("reading how often", EINVAL);
		if (!once) {
			took[0] = stall();
			tell(took, 1);
			free(took);
			continue;
		}
		before = now();
		if (once == receive)
			order(times);
		for (uint32_t i = 0; i < times; i++, before = after) {
			once();
			after = now();
			took[i] = after - before;
		}
		tell(took, times);
		free(took);
	}
	if (server)
		qb_ipcc_disconnect(server);
	return 0;
}
