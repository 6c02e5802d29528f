/* SPDX-License-Identifier: BSD-3-Clause
 *
 * loaded_libraries.h - the libraries that are built for some tests, beside them.
 */
#ifndef LOADED_H
#define LOADED_H

#include "test.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>

/** The path of a file that lies where the test's program does. */
static inline const char *loaded_path(const char *name)
{
    static char paths[4][PATH_MAX + 64];
    static int turn;
    char self[PATH_MAX], *slash, *path = paths[turn++ % 4];
    CHECK(realpath("/proc/self/exe", self) && (slash = strrchr(self, '/')));
    snprintf(path, sizeof paths[0], "%.*s/%s", (int)(slash - self), self, name);
    return path;
}

static inline void *loaded_open(const char *path)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return handle;
}

static inline void *loaded_symbol(void *handle, const char *name)
{
    void *found = dlsym(handle, name);
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

/* Have a function's pointer in where. */
#define LOADED_FUNCTION(where, handle, name)          \
    do {                                              \
        void *found_ = loaded_symbol((handle), name); \
        memcpy(&(where), &found_, sizeof found_);     \
    } while (0)

struct loaded_search {
    const char *name;
    struct dl_phdr_info found;
};

static inline int loaded_compare(struct dl_phdr_info *object, size_t size, void *context)
{
    struct loaded_search *search = context;
    (void)size;
    if (strcmp(object->dlpi_name, search->name) != 0)
        return 0;
    search->found = *object;
    return 1;
}

/** What the loader knows of a library, for the calling thread. */
static inline struct dl_phdr_info loaded_info(const char *path)
{
    struct loaded_search search = {.name = path};
    CHECK(dl_iterate_phdr(loaded_compare, &search) == 1);
    return search.found;
}

#endif
