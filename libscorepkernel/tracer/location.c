/* SPDX-License-Identifier: BSD-3-Clause
 *
 * location: one thread's events on their way into an archive, see archive.h.
 *
 * Every event has paid for its place on the disk before it is recorded, an enter for its leave, too. So when
 * no more can be claimed, what is open can still be left. */
#include <errno.h>
#include <stdlib.h>

#include "archive_private.h"

/* Time stamp 9, record 2, region 5 bytes: no enter or leave is longer. Chunk headers fit in what is over. */
#define EVENT_LEN ((uint64_t)18)
/* Claiming is a system call, and one over a network on some file systems: as much again as was used already,
 * so that short-lived threads claim little and busy ones ask seldom. */
#define CREDIT_MIN 512u
#define CREDIT_MAX 65536u
#define LOCATION_LEN ((uint64_t)16 * 1024) /* its two files: whole blocks, directory entries */

static bool append_location(struct archive *archive, struct track *location)
{
    if (archive->sink.location_count == archive->location_capacity) {
        uint32_t capacity = archive->location_capacity ? archive->location_capacity * 2 : 8;
        struct track **locations = realloc(archive->locations, capacity * sizeof(struct track *));
        if (!locations)
            return false;
        archive->locations = locations;
        archive->location_capacity = capacity;
    }
    archive->locations[archive->sink.location_count++] = location;
    return true;
}

struct location *archive_add_location(struct sink *sink)
{
    struct archive *archive = (struct archive *)sink;
    if (archive_failed(archive) || archive->sink.location_count == ARCHIVE_LOCATIONS_MAX)
        return NULL;
    int code = reserve_grow(&archive->reserve, LOCATION_LEN);
    struct track *location = code == 0 ? calloc(1, sizeof *location) : NULL;
    if (!location) {
        fault_note(&archive->fault, code != 0 ? -code : ENOMEM, "a new thread's location");
        return NULL;
    }
    location->archive = archive;
    location->number = archive->sink.location_count;
    location->writer = OTF2_Archive_GetEvtWriter(archive->otf2, (OTF2_LocationRef)location->number << 32);
    if (!location->writer || !append_location(archive, location)) {
        fault_note(&archive->fault, ENOMEM, "a new thread's location");
        free(location);
        return NULL;
    }
    return &location->location;
}

void location_settle(struct track *location)
{
    uint64_t kept = location->credit * EVENT_LEN;
    if (location->unflushed <= kept)
        return;
    reserve_shrink(&location->archive->reserve, location->unflushed - kept);
    location->unflushed = kept;
}

/* Room on the disk for more events; false once there is none. */
static bool replenish(struct track *location)
{
    struct archive *archive = location->archive;
    if (archive_failed(archive))
        return false;
    uint32_t credit = location->events < CREDIT_MAX ? (uint32_t)location->events : CREDIT_MAX;
    if (credit < CREDIT_MIN)
        credit = CREDIT_MIN;
    int code = reserve_grow(&archive->reserve, credit * EVENT_LEN);
    if (code != 0 && credit > CREDIT_MIN) {
        credit = CREDIT_MIN; /* the last bit of the disk serves, too */
        code = reserve_grow(&archive->reserve, credit * EVENT_LEN);
    }
    if (code != 0) {
        fault_note(&archive->fault, -code, "the trace's events");
        return false;
    }
    location->credit += credit;
    location->unflushed += credit * EVENT_LEN;
    return true;
}

static bool give_up(struct track *location)
{
    location->broken = true;
    fault_note(&location->archive->fault, EIO, "the trace's events"); /* mostly OTF2 has said so itself */
    return false;
}

bool archive_enter(struct location *where, uint64_t time_ns, uint32_t region)
{
    struct track *location = (struct track *)where;
    if (location->credit < 2 && !replenish(location))
        return false;
    if (location->broken || OTF2_EvtWriter_Enter(location->writer, NULL, time_ns, region) != OTF2_SUCCESS)
        return give_up(location);
    location->credit -= 2;
    location->events++;
    return true;
}

bool archive_leave(struct location *where, uint64_t time_ns, uint32_t region)
{
    struct track *location = (struct track *)where;
    if (location->broken || OTF2_EvtWriter_Leave(location->writer, NULL, time_ns, region) != OTF2_SUCCESS)
        return give_up(location);
    location->events++;
    return true;
}
