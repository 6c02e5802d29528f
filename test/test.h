/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test.h - what every test program needs. A program is one test: it ends with 0, with 1 at the first check
 * that fails, or with 77 and a reason when it cannot run here.
 */
#ifndef TEST_H
#define TEST_H

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : test_failed(__FILE__, __LINE__, #condition))

static inline _Noreturn void test_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

static inline _Noreturn void test_skip(const char *reason)
{
    puts(reason);
    exit(77);
}

/** End the test by SIGALRM when it hangs. */
static inline void test_limit(unsigned seconds)
{
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
}

/** The build's tree, or the test is skipped. */
static inline const char *test_tree(void)
{
    const char *tree = getenv("SPK_TREE");
    if (!tree)
        test_skip("SPK_TREE does not name the build's tree: run it by make check");
    return tree;
}

/** How many descriptors are open. */
static inline int test_descriptors(void)
{
    int count = 0;
    DIR *open = opendir("/proc/self/fd");
    CHECK(open != NULL);
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

/** Whether there is such a process, if only one that has ended and is not reaped. */
static inline int test_exists(int pid)
{
    return pid > 0 && kill(pid, 0) == 0;
}

/** Wait until a process that is not ours has ended and been reaped; the limit of the test ends this. */
static inline void test_until_reaped(int pid)
{
    while (test_exists(pid))
        poll(NULL, 0, 1);
}

/** Whether len bytes are just those of the literal. */
static inline int test_same(const void *data, size_t len, const char *literal)
{
    return len == strlen(literal) && (len == 0 || memcmp(data, literal, len) == 0);
}

#endif
