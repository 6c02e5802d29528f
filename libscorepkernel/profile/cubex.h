/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex.h - what a Score-P profile (profile.cubex) says about each region and each call path: how often it
 * was visited and how long it took, summed over all locations. Pure: whoever calls reads the file.
 */
#ifndef PROFILE_CUBEX_H
#define PROFILE_CUBEX_H

#include <stddef.h>
#include <stdint.h>

#define CUBEX_MAX_LEN ((size_t)1 << 30)
#define CUBEX_MAX_METRICS ((size_t)1 << 16)
#define CUBEX_MAX_REGIONS ((size_t)1 << 20)
#define CUBEX_MAX_NODES ((size_t)1 << 20)
#define CUBEX_MAX_LOCATIONS ((size_t)1 << 20)
/* Of the elements of the XML, and with them of the call paths. */
#define CUBEX_MAX_DEPTH ((size_t)1 << 16)

/* The texts are those of the file with the references of XML resolved, never NULL, "" when there is none.
 * Nobody promises that they are UTF-8. */
struct cubex_region {
    const char *name;     /* as it is displayed: "__main__:step", "MPI_Send" */
    const char *file;     /* the path of the source, or what stands for it: "MPI" */
    const char *paradigm; /* "user:__main__", "mpi", "measurement" ... */
    const char *role;     /* "function", "artificial" ... */
    int64_t line;         /* -1: not known */
    uint64_t visits;
    double inclusive_s; /* of recursive calls only the outermost counts */
    double exclusive_s; /* by rounding, it may be a little less than nothing */
};

/* A region as it was called by the path that is its parent. */
struct cubex_path {
    uint32_t parent; /* index, less than its own; CUBEX_NO_PARENT: nothing called it that was visited */
    uint32_t region; /* index */
    uint64_t visits;
    double inclusive_s, exclusive_s;
};

#define CUBEX_NO_PARENT UINT32_MAX

struct cubex_profile {
    struct cubex_region *regions; /* those that were visited, in the order of the file */
    struct cubex_path *paths;     /* the same */
    size_t region_count, path_count;
    size_t location_count;
    char *texts; /* private: what the regions point to */
};

/** Read a profile. 0: *profile is to be given to cubex_finish, and borrows nothing from bytes; -EPROTO: it is
 *  malformed or incomplete; -ENOTSUP: a form that is not read (compressed, another byte order, type or major
 *  version); -E2BIG: it exceeds a maximum; -ENOMEM. On failure *profile is untouched. */
int cubex_read(const unsigned char *bytes, size_t len, struct cubex_profile *profile);

/** Free what the profile holds. Safe to repeat, and safe for a profile that is all zero. */
void cubex_finish(struct cubex_profile *profile);

#endif
