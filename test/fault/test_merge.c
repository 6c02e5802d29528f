/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_merge.c - the archives of two ranks are made one, and in each run something fails: the whole is there, or both
 * parts are as they were, and the place for the whole is free.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat fallocate ftruncate fstat lstat pread linkat rename
// wrap: unlink mkdtemp uname
#include "tracer/otf2/merge.h"

#include "recorded.h"

static char top[] = "/dev/shm/scorepkernel-test-XXXXXX", parts[2][128];

static void fresh(void)
{
    bool all;
    remove_all(top);
    CHECK(mkdir(top, 0700) == 0);
    for (int i = 0; i < 2; i++) {
        snprintf(parts[i], sizeof parts[i], "%s/rank-%d", top, i);
        CHECK(mkdir(parts[i], 0700) == 0 && write_archive(parts[i], &all) == 0 && all && is_whole(parts[i], true));
    }
}

static int entries(const char *path)
{
    DIR *there = opendir(path);
    int count = -2; /* . and .. */
    CHECK(there != NULL);
    while (readdir(there))
        count++;
    closedir(there);
    return count;
}

static void merges(void)
{
    int armed = fault_pause();
    fresh();
    struct merge_part ranks[] = {{parts[0], "node", 0, 0}, {parts[1], "other", -5, 1}};
    struct problem problem = {.flaw = NULL};
    fault_go_on(armed);
    int result = merge(ranks, 2, top, &problem);
    armed = fault_pause();
    CHECK(result <= 0 && (result == 0 || fault_hit()));
    if (result == 0) {
        char anchor[160];
        snprintf(anchor, sizeof anchor, "%s/traces.otf2", top);
        CHECK(access(anchor, R_OK) == 0);
        CHECK(fault_hit() || entries(top) == 3); /* the parts have gone */
    } else {
        CHECK(problem.path[0]);
        CHECK(is_whole(parts[0], true) && is_whole(parts[1], true));
        CHECK(fault.forever || entries(top) == 2);
    }
    fault_go_on(armed);
}

int main(void)
{
    test_limit(120);
    if (!mkdtemp(top))
        test_skip("there is no /dev/shm, where files cost little");
    fault_each(merges, 1);
    remove_all(top);
    return 0;
}
