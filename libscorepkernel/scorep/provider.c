/* SPDX-License-Identifier: BSD-3-Clause
 *
 * provider.c - the list of subsystems that Score-P's measurement library wants to find in the program.
 *
 * Score-P leaves the choice of its parts to the program: it expects an array of subsystems to be linked in,
 * which scorep-config prints as C source (--adapter-init), to be compiled for each set of options. This is a
 * shared object of its own, built once: it holds an array with room, which is filled by name when the
 * libraries are loaded. So nothing has to be compiled where the kernel runs. It knows nothing else.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER_MAX 64 /* Score-P 8.4 has 30 in all */
#define NAME_MAX_LEN 128

/* The names and types are Score-P's. */
__attribute__((visibility("default"))) const void *scorep_subsystems[PROVIDER_MAX];
__attribute__((visibility("default"))) size_t scorep_number_of_subsystems;

/* What the OPARI2 adapter expects of an instrumented program; Python is none. */
__attribute__((visibility("default"))) void POMP2_Init_regions(void);
__attribute__((visibility("default"))) size_t POMP2_Get_num_regions(void);
__attribute__((visibility("default"))) void POMP2_USER_Init_regions(void);
__attribute__((visibility("default"))) size_t POMP2_USER_Get_num_regions(void);

void POMP2_Init_regions(void) {}

size_t POMP2_Get_num_regions(void)
{
    return 0;
}

void POMP2_USER_Init_regions(void) {}

size_t POMP2_USER_Get_num_regions(void)
{
    return 0;
}

/** Fill the list. names: symbols, separated by blanks. 0, or the number (from 1) of the first that is not to
 *  be had; the list is empty then. */
__attribute__((visibility("default"))) int scorepkernel_provide(const char *names);

int scorepkernel_provide(const char *names)
{
    char name[NAME_MAX_LEN];
    size_t count = 0;
    scorep_number_of_subsystems = 0;
    for (names += strspn(names, " "); *names; names += strspn(names, " ")) {
        size_t len = strcspn(names, " ");
        if (count == PROVIDER_MAX || len >= sizeof name)
            return (int)count + 1;
        memcpy(name, names, len);
        name[len] = 0;
        if (!(scorep_subsystems[count] = dlsym(RTLD_DEFAULT, name)))
            return (int)count + 1;
        count++;
        names += len;
    }
    scorep_number_of_subsystems = count;
    return 0;
}

/* In a launched process, where this object and Score-P's are preloaded: before the first event. */
__attribute__((constructor)) static void provide_at_start(void)
{
    const char *names = getenv("SCOREPKERNEL_SUBSYSTEMS"); // NOLINT(concurrency-mt-unsafe): before main
    if (names)
        (void)scorepkernel_provide(names); /* Score-P says itself that it has none */
}
