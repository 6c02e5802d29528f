/* SPDX-License-Identifier: BSD-3-Clause
 *
 * activity: what the system says of a thread: the time that it had a processor, the time that it waited for
 * one, and what it waits for otherwise. */
#ifndef TRACER_SAMPLING_ACTIVITY_H
#define TRACER_SAMPLING_ACTIVITY_H

#include <stdint.h>

#include "tracer/sampling/quiet_calls.h"

struct activity {
    pid_t thread;
    struct quiet_file schedule, call;
};

enum waiting {
    WAITING_UNKNOWN,
    WAITING_SLEEP,
    WAITING_FILE, /* input and output, of files and peers */
    WAITING_LOCK,
    WAITING_CHILD,
    WAITING_GIL,
    WAITING_KINDS
};

/* Memory in which CPython keeps its own locks, the GIL's among them. */
struct lock_range {
    uint64_t begin, end;
};

void activity_open(struct activity *activity, pid_t thread);
void activity_close(struct activity *activity);

/* How long the thread has had a processor, in ns since it began. false: it has ended. */
bool activity_ran(const struct activity *activity, uint64_t *ran_ns);

/* How long it has been ready to run and had no processor; 0 where the system does not tell. */
uint64_t activity_ready(const struct activity *activity);

/* What a thread that does not run waits for. */
enum waiting activity_waits_for(const struct activity *activity, const struct lock_range *interpreter);

#endif
