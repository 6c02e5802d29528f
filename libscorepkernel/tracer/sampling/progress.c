/* SPDX-License-Identifier: BSD-3-Clause
 *
 * progress: see progress.h. */
#include "tracer/sampling/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/progress.h"

static _Atomic uint64_t *numbers; /* PROGRESS_NUMBERS of them; NULL: there is no file */

static int fail(int fd)
{
    int code = -errno;
    close(fd);
    return code;
}

int progress_open(void)
{
    if (numbers)
        return -EALREADY;
    int fd = memfd_create("scorepkernel-progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    /* Who writes to it must not be killed by somebody who makes it shorter. */
    if (ftruncate(fd, (off_t)PROGRESS_LEN) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        return fail(fd);
    void *mapped = mmap(NULL, PROGRESS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return fail(fd);
    numbers = mapped;
    return fd;
}

bool progress_is_open(void)
{
    return numbers != NULL;
}

static void put(enum progress_number number, uint64_t value)
{
    atomic_store_explicit(&numbers[number], value, memory_order_relaxed);
}

static void put_sequence(uint64_t value)
{
    atomic_thread_fence(memory_order_seq_cst);
    put(PROGRESS_SEQUENCE, value);
    atomic_thread_fence(memory_order_seq_cst);
}

/* Before what belongs together, and behind it. A process that was killed in between has left it odd. */
static void open_sequence(void)
{
    put_sequence((atomic_load_explicit(&numbers[PROGRESS_SEQUENCE], memory_order_relaxed) + 1) | 1);
}

static void close_sequence(void)
{
    put_sequence(atomic_load_explicit(&numbers[PROGRESS_SEQUENCE], memory_order_relaxed) + 1);
}

static void put_found(const struct progress_found *found)
{
    put(PROGRESS_EVENTS, found->events);
    put(PROGRESS_LINE, found->line);
    put(PROGRESS_LINE_NS, found->line_ns);
    put(PROGRESS_WHOLE_NS, found->whole_ns);
}

static void begin(uint64_t request, bool is_traced)
{
    static const struct progress_found nothing;
    open_sequence();
    put(PROGRESS_REQUEST, request);
    put(PROGRESS_TRACED, is_traced);
    put(PROGRESS_ENDS, 0);
    put_found(&nothing);
    close_sequence();
}

void progress_begin(uint64_t request, bool is_traced)
{
    if (numbers)
        begin(request, is_traced);
}

void progress_ends(void)
{
    if (!numbers)
        return;
    open_sequence();
    put(PROGRESS_ENDS, 1);
    close_sequence();
}

void progress_end(void)
{
    if (numbers)
        begin(0, false);
}

void progress_note(const struct progress_found *found)
{
    if (!numbers)
        return;
    open_sequence();
    put_found(found);
    close_sequence();
}
