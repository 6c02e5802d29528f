/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_archive.c - an archive is created, filled and closed, and in each run something fails: the fault says so, or all
 * is there; no descriptor and no memory is left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat fallocate ftruncate fstat lstat pread linkat rename
// wrap: unlink mkdtemp uname
#include "recorded.h"

static char top[] = "/dev/shm/scorepkernel-test-XXXXXX", directory[128];

static void fresh(void)
{
    int armed = fault_pause();
    remove_all(directory);
    CHECK(mkdir(directory, 0700) == 0);
    fault_go_on(armed);
}

static void archive(void)
{
    bool all;
    fresh();
    int code = write_archive(directory, &all);
    int armed = fault_pause();
    CHECK(code == 0 || fault_hit());
    CHECK(fault_hit() || (code == 0 && all));
    /* Regions that there is no memory for are not recorded, which the recorder tells; what is there is whole. The
     * reader knows archives of ranks, which have no metrics. */
    if (code == 0 && !has_metrics)
        CHECK(is_whole(directory, all));
    fault_go_on(armed);
}

int main(void)
{
    test_limit(120);
    if (!mkdtemp(top))
        test_skip("there is no /dev/shm, where files cost little");
    snprintf(directory, sizeof directory, "%s/1", top);
    for (int i = 0; i < 2; i++) {
        has_metrics = i;
        fault_each(archive, 1);
    }
    remove_all(top);
    return 0;
}
