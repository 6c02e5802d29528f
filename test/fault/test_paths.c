/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_paths.c - what cannot be looked at is not there, and the user is told.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "process/paths.h"

#include "fault.h"

static void own_parts(void)
{
    char path[PATHS_MAX] = "untouched";
    struct spk_error error = {.size = sizeof error};
    int result = paths_private(path, &error);
    if (result == 0) {
        CHECK(strstr(path, "/lib/scorepkernel") && !fault_hit());
    } else {
        CHECK(result == -ENOENT && error.code == -ENOENT && *error.text && fault_hit());
        CHECK(!strcmp(path, "untouched"));
    }
}

static void python(void)
{
    char path[PATHS_MAX] = "untouched";
    struct spk_error error = {.size = sizeof error};
    const char *environment[] = {"PATH=/bin", NULL};
    int result = paths_python("sh", environment, "/", path, &error);
    if (result == 0) {
        CHECK(!strcmp(path, "/bin/sh") && !fault_hit());
    } else {
        CHECK(result == -ENOENT && error.code == -ENOENT && strstr(error.text, "sh") && fault_hit());
        CHECK(!strcmp(path, "untouched"));
    }
}

int main(void)
{
    test_limit(60);
    (void)test_tree();
    fault_each(own_parts, 1);
    fault_each(python, 1);
    return 0;
}
