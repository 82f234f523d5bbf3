/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bugs on request, see seeded-bug.c. In every module but one that was built with IPCON_SEEDED_BUG= these are
 * empty functions.
 */
#ifndef _IPCON_SEEDED_BUG_H
#define _IPCON_SEEDED_BUG_H

#include <linux/types.h>

#ifdef IPCON_SEEDED_BUG
/* The module was loaded: says in the log what it is. */
void ipcon_seeded_bug_announce(void);
/* The service @id came or went. */
void ipcon_seeded_bug_service(u64 id, bool added);
#else
static inline void ipcon_seeded_bug_announce(void)
{
}

static inline void ipcon_seeded_bug_service(u64 id, bool added)
{
}
#endif

#endif /* _IPCON_SEEDED_BUG_H */
