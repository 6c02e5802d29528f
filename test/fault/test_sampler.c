/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_sampler.c - the sampling where the system refuses what it needs: it is not made, or takes no samples,
 * or lacks what it cannot know, and says why; nothing is left.
 *
 * wrap: process_vm_readv pthread_create clock_gettime syscall calloc
 */
#include "tracer/sampling/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "test.h"
#include "unit/tracer/made_python.h"

static int fail_readv, fail_create, fail_clock, fail_open, fail_calloc;

ssize_t __real_process_vm_readv(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                                unsigned long, unsigned long);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
                                const struct iovec *remote, unsigned long remote_count, unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
                                const struct iovec *remote, unsigned long remote_count, unsigned long flags)
{
    if (fail_readv && --fail_readv == 0) {
        fail_readv = 1; /* and all that follow */
        errno = EPERM;
        return -1;
    }
    return __real_process_vm_readv(pid, local, local_count, remote, remote_count, flags);
}

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    return fail_create ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t which, struct timespec *now);
int __wrap_clock_gettime(clockid_t which, struct timespec *now)
{
    if (fail_clock && which < 0) { /* another thread's processor time */
        errno = EINVAL;
        return -1;
    }
    return __real_clock_gettime(which, now);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long), b = va_arg(arguments, long), c = va_arg(arguments, long),
         d = va_arg(arguments, long);
    va_end(arguments);
    if (fail_open && number == SYS_openat) {
        errno = ENOENT;
        return -1;
    }
    return __real_syscall(number, a, b, c, d);
}

void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fail_calloc && --fail_calloc == 0 ? NULL : __real_calloc(count, size);
}

static const uint8_t plain[256];
static struct made_code code;
static struct made_frame frame;
static struct made_thread thread;

/* A thread in line 3 of a cell. */
static const uint64_t events = 7;
static struct series series = SERIES_EMPTY;

static struct sampler_options make_options(void)
{
    made_code(&code, "/cell.py", "<module>", 3);
    made_frame(&frame, &code, 0, NULL);
    made_thread(&thread, &frame);
    return (struct sampler_options){.version = MADE_VERSION,
                                    .code_type = MADE_CODE_TYPE,
                                    .thread = made_address(thread.state),
                                    .frame_code = made_address(code.object),
                                    .frame_line = 3,
                                    .plain = plain,
                                    .package = "/kernel/",
                                    .cell = "/cell.py",
                                    .events = &events,
                                    .series = &series};
}

static struct sampler *create(const char **problem)
{
    struct sampler_options options = make_options();
    return sampler_create(&options, problem);
}

static void spend(void)
{
    for (volatile int i = 0; i < 30000000; i++) {
    }
}

static void good(void)
{
    const char *problem;
    struct sampler *sampler = create(&problem);
    CHECK(sampler && !problem);
    for (int i = 0; i < 2; i++) {
        CHECK(sampler_start(sampler) == 0 && sampler_start(sampler) == 0);
        spend();
        sampler_note_statement(sampler);
        sampler_note_coroutine(sampler);
        sampler_stop(sampler);
        sampler_stop(sampler);
    }
    struct sampling found = sampler_result(sampler);
    CHECK(found.samples > 4 && found.thread_count == 1 && found.memory_peak > 0 && found.cost_ns > 0);
    uint64_t all_ns = 0;
    for (uint32_t i = 0; i < found.tree->count; i++)
        for (int doing = 0; doing < DOING_KINDS; doing++)
            all_ns += found.tree->nodes[i].ns[doing];
    CHECK(all_ns > 0 && all_ns <= found.sampled_ns + 1000000);
    CHECK(sampler_thread(sampler, 0)->is_master && sampler_thread(sampler, 0)->native_id == gettid());
    sampler_destroy(sampler);
    sampler_destroy(NULL);
}

static void unreadable(void)
{
    const char *problem;
    int fails = 1;
    for (;; fails++) {
        fail_readv = fails;
        struct sampler *sampler = create(&problem);
        fail_readv = 0;
        if (sampler) {
            sampler_destroy(sampler);
            break;
        }
        CHECK(problem && *problem && fcntl(0, F_GETFD) >= 0); /* what was not opened is not closed */
        CHECK(fails > 1 || strstr(problem, "process_vm_readv"));
    }
    CHECK(fails > 4);
    /* It is refused while samples are taken. */
    struct sampler *sampler = create(&problem);
    CHECK(sampler && sampler_start(sampler) == 0);
    fail_readv = 1;
    spend();
    sampler_stop(sampler);
    fail_readv = 0;
    sampler_destroy(sampler);
}

static void without_memory(void)
{
    const char *problem;
    for (fail_calloc = 1;; fail_calloc++) {
        int fails = fail_calloc;
        struct sampler *sampler = create(&problem);
        int was_needed = fail_calloc == 0;
        fail_calloc = fails;
        CHECK((sampler == NULL) == was_needed);
        sampler_destroy(sampler);
        if (!was_needed)
            break;
        CHECK(problem && *problem);
    }
    fail_calloc = 0;
}

static void without_what_it_needs(void)
{
    const char *problem;
    struct sampler *sampler = create(&problem);
    fail_create = 1;
    CHECK(sampler_start(sampler) == EAGAIN);
    sampler_stop(sampler);
    fail_create = 0;
    CHECK(sampler_result(sampler).samples == 0);
    sampler_destroy(sampler);
    for (int i = 0; i < 2; i++) {
        fail_open = i == 0;
        fail_clock = i == 1;
        sampler = create(&problem);
        CHECK(sampler && sampler_start(sampler) == 0);
        spend();
        sampler_stop(sampler);
        sampler_destroy(sampler);
        fail_open = fail_clock = 0;
    }
}

static void another_python(void)
{
    static const uint32_t versions[] = {0, 0x03080000, 0x030d0000, 0x030e0000, 0x030f0000, 0x04000000};
    const char *problem;
    struct sampler_options options = make_options();
    options.frame_line = 4; /* which it is not */
    CHECK(!sampler_create(&options, &problem) && strstr(problem, "not where its version has them"));
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        options.version = versions[i];
        CHECK(!sampler_create(&options, &problem) && strstr(problem, "not known"));
    }
    static const uint64_t runtime[80] = {0x7962677564656278u /* xdebugpy */, 0x030d0000};
    options.version = 0x030d0000;
    options.runtime = runtime;
    CHECK(!sampler_create(&options, &problem));
}

int main(void)
{
    test_limit(120);
    good();
    unreadable();
    without_memory();
    without_what_it_needs();
    another_python();
    return 0;
}
