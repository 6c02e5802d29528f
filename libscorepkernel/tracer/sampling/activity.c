/* SPDX-License-Identifier: BSD-3-Clause
 *
 * activity: see activity.h. The format of the files is described in proc(5), and in the kernel's
 * Documentation/scheduler/sched-stats.rst. */
#include "tracer/sampling/activity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define TEXT_MAX 256u
/* As the kernel numbers the clocks of threads: the processor time of the thread, by its number. */
#define THREAD_CLOCK(thread) ((clockid_t)(~(unsigned)(thread) << 3 | 6u))

static struct quiet_file open_of_thread(pid_t thread, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)thread, name);
    return quiet_open(path);
}

void activity_open(struct activity *activity, pid_t thread)
{
    activity->thread = thread;
    activity->schedule = open_of_thread(thread, "schedstat");
    activity->call = open_of_thread(thread, "syscall");
}

void activity_close(struct activity *activity)
{
    quiet_close(&activity->schedule);
    quiet_close(&activity->call);
}

bool activity_ran(const struct activity *activity, uint64_t *ran_ns)
{
    struct timespec ran;
    if (clock_gettime(THREAD_CLOCK(activity->thread), &ran) != 0)
        return false;
    *ran_ns = (uint64_t)ran.tv_sec * 1000000000u + (uint64_t)ran.tv_nsec;
    return true;
}

/* The file's text; "" if it cannot be read. */
static void read_text(const struct quiet_file *file, char text[TEXT_MAX])
{
    ssize_t len = quiet_read(file, text, TEXT_MAX - 1);
    text[len > 0 ? len : 0] = '\0';
}

uint64_t activity_ready(const struct activity *activity)
{
    char text[TEXT_MAX];
    read_text(&activity->schedule, text);
    const char *second = strchr(text, ' ');
    return second ? strtoull(second, NULL, 10) : 0;
}

/* first: its first argument. Python's sleep was a select of no descriptor, before 3.11. */
static enum waiting kind_of_call(long number, uint64_t first)
{
    switch (number) {
    case SYS_pselect6:
#ifdef SYS_select
    case SYS_select:
#endif
        return first == 0 ? WAITING_SLEEP : WAITING_FILE;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return WAITING_SLEEP;
    case SYS_wait4:
    case SYS_waitid:
        return WAITING_CHILD;
    case SYS_futex:
        return WAITING_LOCK;
    default:
        return WAITING_FILE;
    }
}

enum waiting activity_waits_for(const struct activity *activity, const struct lock_range *interpreter)
{
    char text[TEXT_MAX], *end;
    read_text(&activity->call, text);
    long number = strtol(text, &end, 10);
    if (end == text || number < 0)
        return WAITING_UNKNOWN; /* it runs, or its file cannot be read */
    uint64_t first = strtoull(end, NULL, 16);
    if (number == SYS_futex && first >= interpreter->begin && first < interpreter->end)
        return WAITING_GIL;
    return kind_of_call(number, first);
}
