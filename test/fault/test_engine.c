/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_engine.c - what engine.c needs before Score-P's libraries are loaded; they are stood in for by two
 * that are not Score-P's, so that it ends there.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat memfd_create
#include "scorep/engine.h"

#include "fault.h"

#include <limits.h>

FAULT(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)

static char left[PATH_MAX + 64], right[PATH_MAX + 64];

static void load(void)
{
    const char *libraries[] = {right};
    struct engine_parts parts = {
        .provider = left, .libraries = libraries, .library_count = 1, .subsystems = ""};
    struct fault found = {0};
    CHECK(engine_load(&parts, &found) == -1 && found.code > 0 && !engine_is_loaded());
    if (fault_hit())
        CHECK(!strcmp(found.detail, "the list of Score-P's libraries"));
    else
        CHECK(found.code == ELIBACC && !strcmp(found.detail, "SCOREP_InitMeasurement"));
}

/* What is there is told without a fault, too. */
static void other_failures(void)
{
    static const char *many[ENGINE_LIBRARIES_MAX + 1];
    struct engine_parts parts = {.provider = left, .libraries = many, .subsystems = ""};
    struct fault found = {0};
    CHECK(engine_load(&parts, &found) == -1 && found.code == ELIBACC && strstr(found.detail, "right_base"));
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        many[i] = right;
    parts.libraries = many;
    parts.library_count = sizeof many / sizeof *many;
    found = (struct fault){0};
    CHECK(engine_load(&parts, &found) == -1 && found.code == E2BIG);
    found = (struct fault){0};
    CHECK(engine_begin(NULL, 0, &found) == -1 && found.code == EINVAL && !engine_directory());
    CHECK(!engine_has_given_up());
}

int main(void)
{
    char self[PATH_MAX], *slash;
    test_limit(60);
    CHECK(realpath("/proc/self/exe", self) && (slash = strrchr(self, '/')));
    snprintf(left, sizeof left, "%.*s/../unit/scorep/umbrella_left.so", (int)(slash - self), self);
    snprintf(right, sizeof right, "%.*s/../unit/scorep/umbrella_right.so", (int)(slash - self), self);
    int descriptors = test_descriptors();
    other_failures();
    fault_each(load, 1);
    CHECK(test_descriptors() == descriptors);
    return 0;
}
