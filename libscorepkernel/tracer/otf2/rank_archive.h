/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_archive: the archive of one rank, on the disk: found whole, and in the end removed. Its bytes are
 * understood by rank_archive_reader.c. Nothing of it is ever written. */
#ifndef TRACER_OTF2_RANK_ARCHIVE_H
#define TRACER_OTF2_RANK_ARCHIVE_H

#include <sys/types.h>

#include "tracer/otf2/problem.h"
#include "tracer/otf2/rank_archive_reader.h"

struct rank_archive {
    const char *directory; /* borrowed */
    unsigned char *bytes;  /* of the definitions: what they borrow from */
    struct rank_archive_definitions definitions;
    dev_t device; /* with inode: which directory it is, whatever it is called */
    ino_t inode;
};

/* The file of the events of that thread. 0, or -ENAMETOOLONG. */
int rank_archive_events_path(const char *directory, uint32_t number, char *path, struct problem *problem);

/* Reads the definitions and checks that all events are there. 0, or a negative errno with the problem:
 * -EBADMSG if the archive is damaged or was not written by the built-in tracer. The archive has to be closed
 * in any case. */
int rank_archive_open(struct rank_archive *rank_archive, const char *directory, struct problem *problem);
void rank_archive_close(struct rank_archive *rank_archive);

/* Removes the archive's files, and the directory unless there are others. */
void rank_archive_remove(const struct rank_archive *rank_archive);

#endif
