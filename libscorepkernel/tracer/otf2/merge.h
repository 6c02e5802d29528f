/* SPDX-License-Identifier: BSD-3-Clause
 *
 * merge: the archives of a program's ranks become one. Knows nothing of Python, but needs the GIL: OTF2 has
 * one place for its errors, which a measurement uses, too, so that there must be none meanwhile. */
#ifndef TRACER_OTF2_MERGE_H
#define TRACER_OTF2_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/otf2/problem.h"

#define MERGE_PARTS_MAX 16384u
#define MERGE_CLOCK_OFFSET_MAX ((int64_t)1 << 60) /* ns, either way */

struct merge_part { /* borrowed */
    const char *directory;
    const char *host;
    int64_t clock_offset_ns; /* to be added to its times */
    uint32_t rank;           /* up to INT32_MAX */
};

/* Makes one archive in the existing directory `into`, from 1 to MERGE_PARTS_MAX parts in any order, and
 * removes them. 0, or a negative errno with the problem: then the parts are as they were, and so is `into`.
 */
int merge(const struct merge_part *parts, uint32_t count, const char *into, struct problem *problem);

#endif
