/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two processes of each row that libqb has a part in, and what they say to each other. */

#ifndef LIBQB_BENCH_H
#define LIBQB_BENCH_H

#include <stdint.h>

#include <qb/qbipcc.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>

/* What a client may ask for. */
enum {
	ECHO = QB_IPC_MSG_USER_START + 1,	/* an answer of 24 bytes */
	EVENTS,					/* `count` events of `len` bytes, and no answer */
	STALL,					/* nothing: the server falls silent */
};

/* A request of 64 bytes. */
struct request {
	struct qb_ipc_request_header header;
	uint32_t len;
	uint32_t count;
	uint8_t rest[40];
};

_Static_assert(sizeof(struct request) == 64, "a request is 64 bytes long");
_Static_assert(sizeof(struct qb_ipc_response_header) == 24, "a reply is 24 bytes long");

/* Both sides' rings: the longest message, and so many bytes of events. */
#define RING (1 << 20)

int serve(const char *name);
int call(const char *name, const char *work);

/* Says that something cannot be, and ends the program. */
void fail(const char *what, long error) __attribute__((noreturn));

#endif
