/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What ends a wait for a message: another thread that frees the handler, and a signal. */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

struct waiter {
	IPCON_HANDLER handler;
	/* Its thread, once it is there. */
	int tid;
	pthread_t thread;
	/* What the call returned, once it did. */
	int ret;
	int has_returned;
};

static void *wait_for_message(void *arg)
{
	struct waiter *waiter = (struct waiter *)arg;
	struct ipcon_msg im;

	__atomic_store_n(&waiter->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	waiter->ret = ipcon_rcv(waiter->handler, &im);
	__atomic_store_n(&waiter->has_returned, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether the kernel has put a thread to sleep. */
static int sleeps(int tid)
{
	char path[64], line[256], state = 0;
	const char *after;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		/* The name before the state may hold anything. */
		after = strrchr(line, ')');
		if (after && after[1])
			state = after[2];
	}
	fclose(file);
	return state == 'S';
}

static void start(struct waiter *waiter, IPCON_HANDLER handler)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->handler = handler;
	is(pthread_create(&waiter->thread, NULL, wait_for_message, waiter), 0);
	while (!__atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE) || !sleeps(waiter->tid))
		sched_yield();
}

static int join(struct waiter *waiter)
{
	is(pthread_join(waiter->thread, NULL), 0);
	return waiter->ret;
}

static void freeing_wakes_all_who_wait(void)
{
	IPCON_HANDLER handler = create(), other = create();
	__u32 port = ipcon_get_selfport(handler);
	struct waiter waiters[3];
	size_t i;

	for (i = 0; i < COUNT(waiters); i++)
		start(&waiters[i], handler);
	ipcon_free_handler(handler);
	for (i = 0; i < COUNT(waiters); i++)
		is(join(&waiters[i]), -EBADF);
	/* The last one to use it has closed it. */
	is(ipcon_send_unicast(other, port, "x", 1), -ECONNREFUSED);
	ipcon_free_handler(other);
}

static void handle(int signal)
{
	(void)signal;
}

static void a_signal_ends_a_wait(void)
{
	IPCON_HANDLER handler = create();
	struct sigaction action;
	struct waiter waiter;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handle;
	/* Not even a handler that lets other calls go on. */
	action.sa_flags = SA_RESTART;
	is(sigaction(SIGUSR1, &action, NULL), 0);
	start(&waiter, handler);
	while (!__atomic_load_n(&waiter.has_returned, __ATOMIC_ACQUIRE)) {
		pthread_kill(waiter.thread, SIGUSR1);
		sched_yield();
	}
	is(join(&waiter), -EINTR);
	ipcon_free_handler(handler);
}

static void a_message_ends_a_wait(void)
{
	IPCON_HANDLER handler = create();
	struct waiter waiter;

	start(&waiter, handler);
	is(ipcon_send_unicast(handler, ipcon_get_selfport(handler), "x", 1), 0);
	is(join(&waiter), 0);
	ipcon_free_handler(handler);
}

static void a_forked_process_that_frees_its_own_wakes_nobody_here(void)
{
	IPCON_HANDLER handler = create();
	struct timeval soon = { 0, 50 * 1000 };
	struct ipcon_msg im;
	pid_t child = fork();
	int status;

	if (child == 0) {
		ipcon_free_handler(handler);
		_exit(0);
	}
	is(waitpid(child, &status, 0), child);
	is(status, 0);
	is(ipcon_rcv_timeout(handler, &im, &soon), -ETIMEDOUT);
	is(ipcon_send_unicast(handler, ipcon_get_selfport(handler), "x", 1), 0);
	is(ipcon_rcv(handler, &im), 0);
	ipcon_free_handler(handler);
}

int main(void)
{
	freeing_wakes_all_who_wait();
	a_signal_ends_a_wait();
	a_message_ends_a_wait();
	a_forked_process_that_frees_its_own_wakes_nobody_here();
	puts("all is well");
	return 0;
}
