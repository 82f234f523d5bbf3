/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the programs of the tests say in the same words. */

#ifndef _CHECK_H
#define _CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libipcon.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Ends the program unless an expression has the value that is wanted. */
#define is(expression, wanted) \
	check(__FILE__, __LINE__, #expression, (long)(expression), (long)(wanted))

static inline void check(const char *file, int line, const char *text, long found, long wanted)
{
	if (found == wanted)
		return;
	fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", file, line, text, found, wanted);
	exit(1);
}

static inline IPCON_HANDLER create(void)
{
	IPCON_HANDLER handler = ipcon_create_handler();

	if (!handler) {
		perror("create a handler");
		exit(1);
	}
	return handler;
}

#endif /* _CHECK_H */
