/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * 16 threads share one handler for as many seconds as the argument says: one waits for messages, the others send,
 * look up, join and register. Prints how many calls there were, the longest of them in microseconds, how many messages
 * were sent and received, which must be the same number, and the longest time that a thread which calls nothing of the
 * library was kept from running meanwhile.
 */

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

#include "check.h"

#define SENDERS		5
#define LOOKERS		4
#define JOINERS		3
#define NAMERS		3

static IPCON_HANDLER shared, sink;

/* A lock and no atomic, which helgrind does not know. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int over;

static int set_over(int value)
{
	int is_over;

	pthread_mutex_lock(&lock);
	over |= value;
	is_over = over;
	pthread_mutex_unlock(&lock);
	return is_over;
}

struct worker {
	pthread_t thread;
	void (*act)(struct worker *worker);
	unsigned int number;
	uint64_t calls;
	uint64_t longest;
	/* Messages that are on their way, or arrived. */
	uint64_t sent;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Does a call, and takes its time. */
#define timed(worker, result, call) do { \
	uint64_t begin = now(), took; \
	(result) = (call); \
	took = now() - begin; \
	(worker)->calls++; \
	if (took > (worker)->longest) \
		(worker)->longest = took; \
} while (0)

struct payload {
	__u32 number;
	__u32 filling;
	__u64 count;
};

static void send_messages(struct worker *worker)
{
	struct payload payload = { worker->number, 0, worker->sent };
	int ret;

	timed(worker, ret, ipcon_send_unicast(shared, ipcon_get_selfport(sink), &payload, sizeof(payload)));
	if (ret == -EAGAIN) {
		sched_yield();
		return;
	}
	is(ret, 0);
	worker->sent++;
}

static void look_up(struct worker *worker)
{
	__u32 port;
	int ret;

	timed(worker, ret, is_peer_present(shared, "sink", &port));
	is(ret, 0);
	is(port, ipcon_get_selfport(sink));
	timed(worker, ret, is_peer_present(shared, "nobody", &port));
	is(ret, -ENOENT);
}

static void join_and_leave(struct worker *worker)
{
	char name[IPCON_MAX_GRP_NAME_LEN];
	int ret;

	snprintf(name, sizeof(name), "group %u", worker->number);
	timed(worker, ret, ipcon_join_group(shared, name, 0));
	is(ret, 0);
	timed(worker, ret, ipcon_leave_group(shared, name));
	is(ret, 0);
}

static void register_and_unregister(struct worker *worker)
{
	char name[IPCON_MAX_SRV_NAME_LEN];
	int ret;

	snprintf(name, sizeof(name), "service %u", worker->number);
	timed(worker, ret, ipcon_register_service(shared, name));
	is(ret, 0);
	timed(worker, ret, ipcon_unregister_service(shared, name));
	is(ret, 0);
}

static void *work(void *arg)
{
	struct worker *worker = (struct worker *)arg;

	while (!set_over(0))
		worker->act(worker);
	return NULL;
}

/* The thread that waits, nearly always: the sink answers every hundredth message. */
static void *listen_to_answers(void *arg)
{
	uint64_t *answers = (uint64_t *)arg;
	struct ipcon_msg im;

	for (;;) {
		is(ipcon_rcv(shared, &im), 0);
		if (im.type != IPCON_NORMAL_MSG)
			continue;
		is(im.port, ipcon_get_selfport(sink));
		if (!strcmp(im.buf, "over"))
			return NULL;
		++*answers;
	}
}

struct receiver {
	pthread_t thread;
	uint64_t received[SENDERS];
	uint64_t answers;
};

/* Receives what the senders send, each one's in order and without a gap, until the program itself sends. */
static void *receive_messages(void *arg)
{
	struct receiver *receiver = (struct receiver *)arg;
	struct payload payload;
	struct ipcon_msg im;
	uint64_t all = 0;
	int ret;

	for (;;) {
		is(ipcon_rcv(sink, &im), 0);
		if (im.port == ipcon_get_selfport(sink))
			return NULL;
		is(im.len, sizeof(payload));
		memcpy(&payload, im.buf, sizeof(payload));
		is(payload.number < SENDERS, 1);
		is(payload.count, receiver->received[payload.number]);
		receiver->received[payload.number]++;
		if (++all % 100)
			continue;
		ret = ipcon_send_unicast(sink, ipcon_get_selfport(shared), "answer", 7);
		is(ret == 0 || ret == -EAGAIN, 1);
		receiver->answers += ret == 0;
	}
}

/* What the machine itself does to a thread that only ever asks for the time and sleeps for a moment. */
static void do_nothing(struct worker *worker)
{
	struct timespec moment = { 0, 100000 };
	int ret;

	timed(worker, ret, nanosleep(&moment, NULL));
	is(ret, 0);
}

static void start(struct worker *worker, unsigned int number, void (*act)(struct worker *))
{
	worker->number = number;
	worker->act = act;
	is(pthread_create(&worker->thread, NULL, work, worker), 0);
}

int main(int argc, char *argv[])
{
	static struct worker workers[SENDERS + LOOKERS + JOINERS + NAMERS];
	static struct worker idler;
	static struct receiver receiver;
	struct timespec time = { argc > 1 ? atoi(argv[1]) : 1, 0 };
	uint64_t calls = 0, longest = 0, sent = 0, received = 0, answers = 0;
	unsigned int count = 0, i;
	char name[IPCON_MAX_GRP_NAME_LEN];
	pthread_t listener;

	shared = create();
	sink = create();
	is(ipcon_register_service(sink, "sink"), 0);
	for (i = 0; i < COUNT(workers); i++) {
		snprintf(name, sizeof(name), "group %u", i);
		is(ipcon_register_group(sink, name), 0);
	}

	is(pthread_create(&receiver.thread, NULL, receive_messages, &receiver), 0);
	is(pthread_create(&listener, NULL, listen_to_answers, &answers), 0);
	for (i = 0; i < SENDERS; i++, count++)
		start(&workers[count], count, send_messages);
	for (i = 0; i < LOOKERS; i++, count++)
		start(&workers[count], count, look_up);
	for (i = 0; i < JOINERS; i++, count++)
		start(&workers[count], count, join_and_leave);
	for (i = 0; i < NAMERS; i++, count++)
		start(&workers[count], count, register_and_unregister);

	start(&idler, count, do_nothing);

	nanosleep(&time, NULL);
	set_over(1);
	is(pthread_join(idler.thread, NULL), 0);
	for (i = 0; i < count; i++) {
		is(pthread_join(workers[i].thread, NULL), 0);
		calls += workers[i].calls;
		sent += workers[i].sent;
		if (workers[i].longest > longest)
			longest = workers[i].longest;
	}
	while (ipcon_send_unicast(sink, ipcon_get_selfport(sink), "over", 5) == -EAGAIN)
		sched_yield();
	is(pthread_join(receiver.thread, NULL), 0);
	while (ipcon_send_unicast(sink, ipcon_get_selfport(shared), "over", 5) == -EAGAIN)
		sched_yield();
	is(pthread_join(listener, NULL), 0);
	for (i = 0; i < SENDERS; i++) {
		is(receiver.received[i], workers[i].sent);
		received += receiver.received[i];
	}
	is(answers, receiver.answers);

	ipcon_free_handler(shared);
	ipcon_free_handler(sink);
	printf("calls %llu longest %llu sent %llu received %llu idle %llu\n", (unsigned long long)calls,
	       (unsigned long long)longest, (unsigned long long)sent, (unsigned long long)received,
	       (unsigned long long)idler.longest);
	return 0;
}
