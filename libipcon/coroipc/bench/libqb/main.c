/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One process of a row: `libqb-bench server NAME CPU` or `libqb-bench client NAME CPU WORK`. CPU is the processor it is
 * pinned to, or `-`. `coroipc-bench` starts both and says when to do what; it does the same with its own processes
 * (`src/obey.rs`).
 */

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "bench.h"

void fail(const char *what, long error)
{
	fprintf(stderr, "libqb-bench: %s: %s\n", what, strerror((int)error));
	exit(1);
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	if (strcmp(cpu, "-") == 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		perror("libqb-bench: pinning to a processor");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	/* Nothing is left when whoever measures is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc == 4 && strcmp(argv[1], "server") == 0) {
		pin(argv[3]);
		return serve(argv[2]);
	}
	if (argc == 5 && strcmp(argv[1], "client") == 0) {
		pin(argv[3]);
		return call(argv[2], argv[4]);
	}
	fprintf(stderr, "usage: libqb-bench server NAME CPU | client NAME CPU WORK\n");
	return 2;
}
