/* SPDX-License-Identifier: BSD-3-Clause
 *
 * unseen: the functions that a thread is in when its hooks are put in. */
#ifndef TRACER_UNSEEN_H
#define TRACER_UNSEEN_H

#include "tracer/python/codes.h"

/* Puts them on the stack of the thread, which is the calling one; without memory they are left out. Sets no
 * exception. Needs the GIL. */
void unseen_seed(struct thread *thread, struct codes *codes, const struct scope *scope);

#endif
