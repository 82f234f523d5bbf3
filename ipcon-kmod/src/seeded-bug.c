// SPDX-License-Identifier: GPL-2.0
/*
 * Three bugs that the test harness must find: a harness that never saw one may be blind. The variable
 * IPCON_SEEDED_BUG of the build picks one; without it this file is not part of the module. Each shows when
 * services come and go, which most tests make them do:
 *
 * - "use-after-free", for KASAN: reads what was freed a moment ago.
 * - "lock-inversion", for lockdep: takes two locks in one order when a service comes and in the other when it
 *   goes. Both happen under the lock of the services, so that nothing hangs; lockdep complains all the same.
 * - "leak", for kmemleak: forgets an allocation for each service that comes.
 *
 * Such a module names its bug in `modinfo` and warns when it is loaded. It is of no other use.
 */

#define pr_fmt(fmt) "ipcon: " fmt

#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "seeded-bug.h"

MODULE_INFO(seeded_bug, IPCON_SEEDED_BUG);

void ipcon_seeded_bug_announce(void)
{
	pr_warn("built with the seeded bug '%s' to try the test harness; never use this module\n",
		IPCON_SEEDED_BUG);
}

/* What the first bug frees and then reads. */
struct ipcon_note {
	struct list_head entry;
	u64 service;
};

static LIST_HEAD(ipcon_notes);
static DEFINE_MUTEX(ipcon_notes_lock);
static u64 ipcon_last_gone;

static void ipcon_note_service(u64 id)
{
	struct ipcon_note *note = kmalloc(sizeof(*note), GFP_KERNEL);

	if (!note)
		return;
	note->service = id;
	mutex_lock(&ipcon_notes_lock);
	list_add(&note->entry, &ipcon_notes);
	mutex_unlock(&ipcon_notes_lock);
}

static struct ipcon_note *ipcon_note_take(u64 id)
{
	struct ipcon_note *note, *found = NULL;

	mutex_lock(&ipcon_notes_lock);
	list_for_each_entry(note, &ipcon_notes, entry) {
		if (note->service == id) {
			found = note;
			list_del(&note->entry);
			break;
		}
	}
	mutex_unlock(&ipcon_notes_lock);
	return found;
}

static void ipcon_seeded_use_after_free(u64 id, bool added)
{
	struct ipcon_note *note;

	if (added) {
		ipcon_note_service(id);
		return;
	}
	note = ipcon_note_take(id);
	if (!note)
		return;
	kfree(note);
	/* The compiler would see the bug, too. */
	OPTIMIZER_HIDE_VAR(note);
	WRITE_ONCE(ipcon_last_gone, READ_ONCE(note->service));
}

static DEFINE_MUTEX(ipcon_coming_lock);
static DEFINE_MUTEX(ipcon_going_lock);

static void ipcon_seeded_lock_inversion(bool added)
{
	struct mutex *outer = added ? &ipcon_coming_lock : &ipcon_going_lock;
	struct mutex *inner = added ? &ipcon_going_lock : &ipcon_coming_lock;

	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void ipcon_seeded_leak(bool added)
{
	void *forgotten;

	if (!added)
		return;
	forgotten = kmalloc(128, GFP_KERNEL);
	/* Without it the compiler would leave the allocation out. */
	OPTIMIZER_HIDE_VAR(forgotten);
}

void ipcon_seeded_bug_service(u64 id, bool added)
{
	if (!strcmp(IPCON_SEEDED_BUG, "use-after-free"))
		ipcon_seeded_use_after_free(id, added);
	if (!strcmp(IPCON_SEEDED_BUG, "lock-inversion"))
		ipcon_seeded_lock_inversion(added);
	if (!strcmp(IPCON_SEEDED_BUG, "leak"))
		ipcon_seeded_leak(added);
}
