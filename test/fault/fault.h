/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fault.h - calls that fail when they are told to. The linker puts these functions before the real ones, in
 * the test and in the modules that are linked into it; the product carries no hook.
 *
 * fault_each() runs a piece of code again and again: in the first run the first call fails, in the second run
 * the second one, until a run meets no fault. Then the same with all calls failing from the Nth on, as when
 * memory is gone for good. After each run no descriptor and no memory may be left.
 *
 * A test names the calls in its first lines, all of them, since all are defined here.
 */
#ifndef FAULT_H
#define FAULT_H

#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static struct {
    volatile int armed; /* volatile: the compiler takes system calls for functions that read nothing of ours */
    int forever; /* not one call fails, but all from it on */
    unsigned at, seen;
    int hits;
    const char *name; /* of the call that failed last */
    long live;        /* pieces of memory that are allocated */
} fault;

static inline int fault_due(const char *name)
{
    if (!fault.armed)
        return 0;
    fault.seen++;
    if (fault.seen != fault.at && !(fault.forever && fault.seen > fault.at))
        return 0;
    fault.hits++;
    fault.name = name;
    return 1;
}

/** Calls are real ones between pause and go on: for what a test does itself, in a callback. */
static inline int fault_pause(void)
{
    int armed = fault.armed;
    fault.armed = 0;
    return armed;
}

static inline void fault_go_on(int armed)
{
    fault.armed = armed;
}

#define FAULT(type, name, parameters, arguments, failed, code) \
    type __real_##name parameters;                             \
    type __wrap_##name parameters;                             \
    type __wrap_##name parameters                              \
    {                                                          \
        if (fault_due(#name)) {                                \
            errno = code;                                      \
            return failed;                                     \
        }                                                      \
        return __real_##name arguments;                        \
    }

/* The same for calls that return memory, which is counted. */
#define FAULT_MEMORY(type, name, parameters, arguments, code, counts) \
    type __real_##name parameters;                                    \
    type __wrap_##name parameters;                                    \
    type __wrap_##name parameters                                     \
    {                                                                 \
        if (fault_due(#name)) {                                       \
            errno = code;                                             \
            return NULL;                                              \
        }                                                             \
        type result = __real_##name arguments;                        \
        fault.live += result && (counts);                             \
        return result;                                                \
    }

FAULT_MEMORY(void *, malloc, (size_t size), (size), ENOMEM, 1)
FAULT_MEMORY(void *, calloc, (size_t count, size_t size), (count, size), ENOMEM, 1)
FAULT_MEMORY(void *, realloc, (void *old, size_t size), (old, size), ENOMEM, !old)
FAULT_MEMORY(char *, strdup, (const char *text), (text), ENOMEM, 1)
FAULT_MEMORY(char *, strndup, (const char *text, size_t size), (text, size), ENOMEM, 1)
FAULT_MEMORY(char *, getcwd, (char *to, size_t size), (to, size), ENOENT, !to)
FAULT_MEMORY(char *, realpath, (const char *path, char *to), (path, to), ENOENT, !to)
FAULT_MEMORY(char *, __realpath_chk, (const char *path, char *to, size_t size), (path, to, size), ENOENT, 0)
FAULT(int, socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair), -1,
      EMFILE)
FAULT(int, pipe2, (int pair[2], int flags), (pair, flags), -1, EMFILE)
FAULT(int, epoll_create1, (int flags), (flags), -1, EMFILE)
FAULT(int, epoll_ctl, (int fd, int what, int on, struct epoll_event *event), (fd, what, on, event), -1,
      ENOSPC)
FAULT(int, epoll_wait, (int fd, struct epoll_event *found, int max, int ms), (fd, found, max, ms), -1, ENOMEM)
FAULT(int, eventfd, (unsigned count, int flags), (count, flags), -1, EMFILE)
FAULT(int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE)
FAULT(int, timerfd_settime, (int fd, int flags, const struct itimerspec *when, struct itimerspec *before),
      (fd, flags, when, before), -1, EINVAL)
FAULT(ssize_t, getrandom, (void *to, size_t len, unsigned flags), (to, len, flags), -1, ENOSYS)
FAULT(void *, mmap, (void *at, size_t len, int protection, int flags, int fd, off_t offset),
      (at, len, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
FAULT(ssize_t, read, (int fd, void *to, size_t len), (fd, to, len), -1, EIO)
FAULT(ssize_t, write, (int fd, const void *from, size_t len), (fd, from, len), -1, EIO)
FAULT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1, ENOMEM)
FAULT(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1, ENOMEM)
FAULT(int, access, (const char *path, int how), (path, how), -1, EACCES)
FAULT(int, stat, (const char *path, struct stat *status), (path, status), -1, EACCES)

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    int argument = va_arg(arguments, int); /* ours all have one, a number */
    va_end(arguments);
    if (!fault_due("fcntl"))
        return __real_fcntl(fd, what, argument);
    errno = EMFILE;
    return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (!fault_due("open"))
        return __real_open(path, flags, mode);
    errno = (flags & O_TMPFILE) == O_TMPFILE ? EOPNOTSUPP : EMFILE; /* not every file system has files without a name */
    return -1;
}

int __real_clone(int (*child)(void *), void *stack, int flags, void *argument, ...);
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...);
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...)
{
    if (!fault_due("clone"))
        return __real_clone(child, stack, flags, argument);
    errno = EAGAIN;
    return -1;
}

/* The modules are in the test's program: they are to find what lies beside the library. */
int __real_dladdr(const void *address, Dl_info *info);
int __wrap_dladdr(const void *address, Dl_info *info);
int __wrap_dladdr(const void *address, Dl_info *info)
{
    static char library[4200];
    (void)address;
    if (fault_due("dladdr"))
        return 0;
    snprintf(library, sizeof library, "%s/lib/libscorepkernel.so", test_tree());
    *info = (Dl_info){.dli_fname = library};
    return 1;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    fault.live -= memory != NULL;
    __real_free(memory);
}

/* C++: operator new and delete, for the whole program and its libraries; a failure is std::bad_alloc. */
#define FAULT_SEEN __attribute__((visibility("default")))
_Noreturn void _ZSt17__throw_bad_allocv(void);
FAULT_SEEN void *_Znwm(size_t size);
FAULT_SEEN void _ZdlPv(void *memory);
FAULT_SEEN void _ZdlPvm(void *memory, size_t size);

void *_Znwm(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        _ZSt17__throw_bad_allocv();
    return memory;
}

void _ZdlPv(void *memory)
{
    free(memory);
}

void _ZdlPvm(void *memory, size_t size)
{
    (void)size;
    free(memory);
}

static inline void fault_run(void (*run)(void), unsigned at, int forever)
{
    int descriptors = test_descriptors();
    long live = fault.live;
    fault.at = at;
    fault.seen = 0;
    fault.hits = 0;
    fault.name = "none";
    fault.forever = forever;
    fault.armed = 1;
    run();
    fault.armed = 0;
    if (test_descriptors() != descriptors || fault.live != live ||
        waitpid(-1, NULL, WNOHANG | __WALL) != -1) {
        fprintf(stderr, "call %u (%s)%s: %d descriptors, %ld pieces of memory too many, or a process\n", at,
                fault.name, forever ? " and all that follow" : "", test_descriptors() - descriptors,
                fault.live - live);
        exit(1);
    }
}

/** Run with each call failing, one in each run; then with all failing from one on, when forever. */
static inline void fault_each(void (*run)(void), int forever)
{
    fault_run(run, 0, 0); /* what is allocated once and kept is not a leak */
    for (int from_then_on = 0; from_then_on <= forever; from_then_on++) {
        unsigned at = 1;
        do
            fault_run(run, at++, from_then_on);
        while (fault.hits);
        CHECK(at > 2); /* otherwise there was nothing to fail */
    }
}

/** Whether a call has failed in this run. */
static inline int fault_hit(void)
{
    return fault.hits > 0;
}

#endif
