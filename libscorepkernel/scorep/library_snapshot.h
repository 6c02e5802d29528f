/* SPDX-License-Identifier: BSD-3-Clause
 *
 * library_snapshot.h - the variables of some loaded libraries as they were at one time.
 */
#ifndef SCOREP_LIBRARY_SNAPSHOT_H
#define SCOREP_LIBRARY_SNAPSHOT_H

#include <link.h>
#include <stddef.h>

#define SNAPSHOT_SEGMENTS_MAX 256
#define SNAPSHOT_LEN_MAX ((size_t)64 << 20) /* bytes of all segments; Score-P 8.4 has 39 KB */

struct library_snapshot {
    struct snapshot_segment {
        unsigned char *address;
        unsigned char *copy; /* owned */
        size_t len;
    } segments[SNAPSHOT_SEGMENTS_MAX];
    size_t count;
    size_t len; /* of all */
};

/** Add a library's writable segments, and its thread-local variables of the calling thread. 0, -ENOMEM,
 * -E2BIG. */
int library_snapshot_add(struct library_snapshot *snapshot, const struct dl_phdr_info *library);

/** Put everything back. By the thread that added it; async-signal-safe. */
void library_snapshot_restore(const struct library_snapshot *snapshot);

void library_snapshot_finish(struct library_snapshot *snapshot);

#endif
