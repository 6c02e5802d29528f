/* SPDX-License-Identifier: BSD-3-Clause
 *
 * staging: the directory in which an archive grows until it is whole, inside the one that it is for.
 *
 * The archive appears there at once: what fails before leaves nothing. It knows file names, not contents. */
#ifndef TRACER_OTF2_STAGING_H
#define TRACER_OTF2_STAGING_H

#include <stdint.h>

#include "tracer/otf2/problem.h"

struct staging {
    const char *into; /* borrowed */
    char path[PATH_MAX];
};

/* These return 0, or a negative errno with the problem. */

/* -EEXIST: there is an archive already, or part of one. */
int staging_create(struct staging *staging, const char *into, struct problem *problem);

/* Adds a file of events to the archive; the file keeps its old name as well. */
int staging_add(const struct staging *staging, const char *events, uint64_t location,
                struct problem *problem);

/* Moves the archive to where it is for. The staging directory is gone then, or to be discarded. */
int staging_publish(const struct staging *staging, struct problem *problem);

/* Removes all of it. */
void staging_discard(const struct staging *staging);

#endif
