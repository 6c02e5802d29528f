/* SPDX-License-Identifier: BSD-3-Clause
 *
 * location: one thread's events on their way into an archive, see archive.h.
 *
 * Every event has paid for its place on the disk before it is recorded, an enter for its leave, too. So when
 * no more can be claimed, what is open can still be left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/otf2/archive_private.h"

/* Time stamp 9, record 2, region 5 bytes: no enter or leave is longer. Chunk headers fit in what is over. */
#define EVENT_LEN ((uint64_t)18)
/* Time stamp 9, record 2, parameter 5, value 9 bytes. */
#define PARAMETER_EVENTS 2u /* one such event takes as much room as this many enters or leaves */
/* Claiming is a system call, and one over a network on some file systems: as much again as was used already,
 * so that short-lived threads claim little and busy ones ask seldom. */
#define CREDIT_MIN 512u
#define CREDIT_MAX 65536u
#define LOCATION_LEN ((uint64_t)16 * 1024) /* its two files: whole blocks, directory entries */

static bool make_room(struct archive *archive)
{
    if (archive->sink.location_count < archive->location_capacity)
        return true;
    uint32_t capacity = archive->location_capacity ? archive->location_capacity * 2 : 8;
    struct track **locations = realloc(archive->locations, capacity * sizeof(struct track *));
    if (!locations)
        return false;
    archive->locations = locations;
    archive->location_capacity = capacity;
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
    /* The room comes first: OTF2 flushes each of its writers in the end, and a location is asked for then. */
    if (make_room(archive))
        location->writer = OTF2_Archive_GetEvtWriter(archive->otf2, (OTF2_LocationRef)location->number << 32);
    if (!location->writer) {
        fault_note(&archive->fault, ENOMEM, "a new thread's location");
        free(location);
        return NULL;
    }
    archive->locations[archive->sink.location_count++] = location;
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
    uint64_t events = location->location.events;
    uint32_t credit = events < CREDIT_MAX ? (uint32_t)events : CREDIT_MAX;
    if (credit < CREDIT_MIN)
        credit = CREDIT_MIN;
    int code = reserve_grow(&archive->reserve, credit * EVENT_LEN);
    if (code != 0 && credit > CREDIT_MIN) {
        credit = CREDIT_MIN; /* when little is left on the disk, claim less */
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
    fault_note(&location->archive->fault, EIO,
               "the trace's events"); /* in most cases OTF2's error callback has noted the fault already */
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
    return true;
}

bool archive_leave(struct location *where, uint64_t time_ns, uint32_t region)
{
    struct track *location = (struct track *)where;
    if (location->broken || OTF2_EvtWriter_Leave(location->writer, NULL, time_ns, region) != OTF2_SUCCESS)
        return give_up(location);
    return true;
}

/* --- what is rare -------------------------------------------------------------------------------------- */

/* Pays for an event of that length; false: there is no room, or nothing can be written any more. */
static bool pay(struct track *location, uint32_t credit)
{
    if (location->broken || (location->credit < credit && !replenish(location)))
        return false;
    location->credit -= credit;
    return true;
}

/* The number of a text in the definitions, for which room is claimed when it is new. */
static uint32_t number_of(struct archive *archive, struct regions *texts, const char *text, uint32_t type)
{
    uint32_t known = texts->count;
    uint32_t number = regions_number(texts, text, "", type);
    if (number == known)
        archive_announce(archive, strlen(text) + 64);
    return number;
}

static OTF2_ErrorCode write_parameter(struct track *location, uint64_t time_ns, uint32_t number,
                                      const struct parameter *parameter, uint32_t text)
{
    switch (parameter->type) {
    case PARAMETER_SIGNED:
        return OTF2_EvtWriter_ParameterInt(location->writer, NULL, time_ns, number, parameter->value.number);
    case PARAMETER_UNSIGNED:
        return OTF2_EvtWriter_ParameterUnsignedInt(location->writer, NULL, time_ns, number,
                                                   parameter->value.unsigned_number);
    case PARAMETER_TEXT:
    default:
        return OTF2_EvtWriter_ParameterString(location->writer, NULL, time_ns, number, text);
    }
}

bool archive_parameter(struct location *where, uint64_t time_ns, const struct parameter *parameter)
{
    struct track *location = (struct track *)where;
    struct archive *archive = location->archive;
    uint32_t text = 0;
    uint32_t number = number_of(archive, &archive->parameters, parameter->name, parameter->type);
    if (parameter->type == PARAMETER_TEXT)
        text = number_of(archive, &archive->texts, parameter->value.text, 0);
    if (number == REGION_NONE || text == REGION_NONE || !pay(location, PARAMETER_EVENTS))
        return false;
    return write_parameter(location, time_ns, number, parameter, text) == OTF2_SUCCESS || give_up(location);
}

bool archive_switch_recording(struct location *where, uint64_t time_ns, bool on)
{
    struct track *location = (struct track *)where;
    OTF2_MeasurementMode mode = on ? OTF2_MEASUREMENT_ON : OTF2_MEASUREMENT_OFF;
    if (!pay(location, 1))
        return false;
    return OTF2_EvtWriter_MeasurementOnOff(location->writer, NULL, time_ns, mode) == OTF2_SUCCESS ||
           give_up(location);
}

void location_forget_places(struct track *location)
{
    for (struct rewind_place *place; (place = location->places);) {
        location->places = place->next;
        free(place);
    }
}

bool archive_rewind_begin(struct location *where, uint32_t region)
{
    struct track *location = (struct track *)where;
    struct rewind_place *place = location->broken ? NULL : malloc(sizeof *place);
    if (!place)
        return false;
    if (OTF2_EvtWriter_StoreRewindPoint(location->writer, region) != OTF2_SUCCESS) {
        free(place);
        return give_up(location);
    }
    *place = (struct rewind_place){.next = location->places,
                                   .flushes = location->flushes,
                                   .events = location->location.events,
                                   .region = region};
    location->places = place;
    return true;
}

/* The place of that region, taken out of the list; NULL: OTF2 has none, or has forgotten it. */
static struct rewind_place *take_place(struct track *location, uint32_t region)
{
    struct rewind_place **link = &location->places;
    while (*link && (*link)->region != region)
        link = &(*link)->next;
    struct rewind_place *found = *link;
    if (!found)
        return NULL;
    *link = found->next;
    if (found->flushes == location->flushes && !location->broken)
        return found;
    free(found);
    return NULL;
}

/* The gap is marked as Score-P marks it: recording goes off, and on, when the region begins. */
static bool rewind_to(struct track *location, uint64_t begin_ns, uint32_t region)
{
    if (!pay(location, 2)) /* which may flush nothing: room is claimed, not used */
        return false;
    return (OTF2_EvtWriter_Rewind(location->writer, region) == OTF2_SUCCESS &&
            OTF2_EvtWriter_MeasurementOnOff(location->writer, NULL, begin_ns, OTF2_MEASUREMENT_OFF) ==
                OTF2_SUCCESS &&
            OTF2_EvtWriter_MeasurementOnOff(location->writer, NULL, begin_ns, OTF2_MEASUREMENT_ON) ==
                OTF2_SUCCESS) ||
           give_up(location);
}

bool archive_rewind_end(struct location *where, uint64_t begin_ns, uint32_t region, bool rewound)
{
    struct track *location = (struct track *)where;
    struct rewind_place *place = take_place(location, region);
    if (!place)
        return false;
    /* Give back the room of the events that are removed. All regions that they entered have been left, so no
     * leave needs it. */
    uint32_t refund = rewound ? (uint32_t)(location->location.events - place->events) : 0;
    free(place);
    bool done = !rewound || rewind_to(location, begin_ns, region);
    if (done)
        location->credit += refund;
    if (!location->broken)
        (void)OTF2_EvtWriter_ClearRewindPoint(location->writer, region);
    return done;
}
