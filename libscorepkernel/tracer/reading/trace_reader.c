/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trace_reader: see trace_reader.h. First the definitions of the whole archive, then the events, location by
 * location. */
#include "tracer/reading/trace_reader.h"

#include <errno.h>
#include <otf2/otf2.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/otf2/otf2_errors.h"
#include "tracer/otf2/otf2_libc.h"

#define EVENTS_AT_ONCE UINT64_C(1000000)
#define STRINGS_LEN_MAX ((size_t)1 << 28) /* bytes of all strings */

/* What is read, and how. */
struct reading {
    const struct trace_options *options;
    struct trace *trace;
    struct fault *fault;
    OTF2_Reader *reader;
    size_t strings_len;
    uint32_t capacity_of_strings, capacity_of_regions, capacity_of_locations;
    uint64_t read_events, all_events; /* of whatever kind */
    struct named {                    /* by number of the region: its texts, by their numbers */
        uint32_t name, file;
    } * named;
    uint32_t *located; /* by place in trace->locations: the number of its name */
    struct call_stack stack;
};

static OTF2_CallbackCode refuse(struct reading *reading, int code, const char *what)
{
    fault_note(reading->fault, code, what);
    return OTF2_CALLBACK_INTERRUPT;
}

/* Room for the element of that number in an array, which array points to; new elements are zero. false: there
 * is no memory. */
static bool reserve(void *array, uint32_t *capacity, uint32_t number, size_t size)
{
    char *items;
    memcpy(&items, array, sizeof items);
    if (number < *capacity)
        return true;
    uint32_t more = *capacity ? *capacity : 64;
    while (more <= number)
        more *= 2;
    char *grown = realloc(items, more * size);
    if (!grown)
        return false;
    memset(grown + *capacity * size, 0, (more - *capacity) * size);
    memcpy(array, &grown, sizeof grown);
    *capacity = more;
    return true;
}

/* --- definitions -----------------------------------------------------------------------------------------
 */

static OTF2_CallbackCode on_clock(void *owner, uint64_t resolution, uint64_t offset, uint64_t length,
                                  uint64_t realtime)
{
    struct reading *reading = owner;
    (void)offset;
    (void)length;
    (void)realtime;
    reading->trace->resolution = resolution;
    return OTF2_CALLBACK_SUCCESS;
}

static OTF2_CallbackCode on_string(void *owner, OTF2_StringRef number, const char *text)
{
    struct reading *reading = owner;
    struct trace *trace = reading->trace;
    size_t len = strlen(text) + 1;
    if (number >= TRACE_STRINGS_MAX || len > STRINGS_LEN_MAX - reading->strings_len)
        return refuse(reading, E2BIG, "the names of its regions");
    if (!reserve(&trace->strings, &reading->capacity_of_strings, number, sizeof *trace->strings))
        return refuse(reading, ENOMEM, "the names of its regions");
    free(trace->strings[number]);
    trace->strings[number] = strdup(text);
    if (!trace->strings[number])
        return refuse(reading, ENOMEM, "the names of its regions");
    reading->strings_len += len;
    trace->string_count = number >= trace->string_count ? number + 1 : trace->string_count;
    return OTF2_CALLBACK_SUCCESS;
}

/* NOLINTNEXTLINE(readability-function-size): OTF2 has so many things to say of a region */
static OTF2_CallbackCode on_region(void *owner, OTF2_RegionRef number, OTF2_StringRef name,
                                   OTF2_StringRef canonical_name, OTF2_StringRef description,
                                   OTF2_RegionRole role, OTF2_Paradigm paradigm, OTF2_RegionFlag flags,
                                   OTF2_StringRef file, uint32_t begin_line, uint32_t end_line)
{
    struct reading *reading = owner;
    struct trace *trace = reading->trace;
    uint32_t capacity = reading->capacity_of_regions;
    (void)canonical_name;
    (void)description;
    (void)role;
    (void)paradigm;
    (void)flags;
    (void)end_line;
    if (number >= TRACE_REGIONS_MAX)
        return refuse(reading, E2BIG, "its regions");
    if (!reserve(&trace->regions, &capacity, number, sizeof *trace->regions) ||
        !reserve(&reading->named, &reading->capacity_of_regions, number, sizeof *reading->named))
        return refuse(reading, ENOMEM, "its regions");
    trace->regions[number].line = begin_line;
    reading->named[number] = (struct named){name + 1, file + 1}; /* 0: it has none */
    trace->region_count = number >= trace->region_count ? number + 1 : trace->region_count;
    return OTF2_CALLBACK_SUCCESS;
}

static OTF2_CallbackCode on_location(void *owner, OTF2_LocationRef id, OTF2_StringRef name,
                                     OTF2_LocationType type, uint64_t events, OTF2_LocationGroupRef group)
{
    struct reading *reading = owner;
    struct trace *trace = reading->trace;
    uint32_t place = trace->location_count, capacity = reading->capacity_of_locations;
    if (type == OTF2_LOCATION_TYPE_METRIC)
        return OTF2_CALLBACK_SUCCESS; /* it calls nothing */
    if (place >= TRACE_LOCATIONS_MAX)
        return refuse(reading, E2BIG, "its locations");
    if (!reserve(&trace->locations, &capacity, place, sizeof *trace->locations) ||
        !reserve(&reading->located, &reading->capacity_of_locations, place, sizeof *reading->located))
        return refuse(reading, ENOMEM, "its locations");
    trace->locations[place] = (struct trace_location){.id = id, .events = events, .group = group};
    reading->located[place] = name;
    trace->location_count++;
    reading->all_events += events;
    return OTF2_CALLBACK_SUCCESS;
}

static const char *text_of(const struct trace *trace, uint64_t number)
{
    return number < trace->string_count && trace->strings[number] ? trace->strings[number] : "";
}

static void name_all(struct reading *reading)
{
    struct trace *trace = reading->trace;
    for (uint32_t i = 0; i < trace->region_count; i++) {
        const struct named *named = &reading->named[i];
        trace->regions[i].name = named->name ? text_of(trace, named->name - 1) : "";
        trace->regions[i].file = named->file ? text_of(trace, named->file - 1) : "";
    }
    for (uint32_t i = 0; i < trace->location_count; i++)
        trace->locations[i].name = text_of(trace, reading->located[i]);
}

static bool read_definitions(struct reading *reading)
{
    uint64_t read = 0;
    OTF2_GlobalDefReader *definitions = OTF2_Reader_GetGlobalDefReader(reading->reader);
    OTF2_GlobalDefReaderCallbacks *calls = OTF2_GlobalDefReaderCallbacks_New();
    bool is_read = definitions && calls;
    if (is_read) {
        (void)OTF2_GlobalDefReaderCallbacks_SetClockPropertiesCallback(calls, on_clock);
        (void)OTF2_GlobalDefReaderCallbacks_SetStringCallback(calls, on_string);
        (void)OTF2_GlobalDefReaderCallbacks_SetRegionCallback(calls, on_region);
        (void)OTF2_GlobalDefReaderCallbacks_SetLocationCallback(calls, on_location);
        is_read = OTF2_Reader_RegisterGlobalDefCallbacks(reading->reader, definitions, calls, reading) ==
                      OTF2_SUCCESS &&
                  OTF2_Reader_ReadAllGlobalDefinitions(reading->reader, definitions, &read) == OTF2_SUCCESS;
    }
    if (calls)
        OTF2_GlobalDefReaderCallbacks_Delete(calls);
    if (definitions)
        (void)OTF2_Reader_CloseGlobalDefReader(reading->reader, definitions);
    if (is_read)
        name_all(reading);
    return is_read;
}

/* How the numbers in a location's events are to be understood. Archives without such files need none. */
static void read_mappings(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->trace->location_count; i++)
        (void)OTF2_Reader_SelectLocation(reading->reader, reading->trace->locations[i].id);
    if (OTF2_Reader_OpenDefFiles(reading->reader) != OTF2_SUCCESS)
        return;
    for (uint32_t i = 0; i < reading->trace->location_count; i++) {
        uint64_t read = 0;
        OTF2_DefReader *local = OTF2_Reader_GetDefReader(reading->reader, reading->trace->locations[i].id);
        if (!local)
            continue;
        (void)OTF2_Reader_ReadAllLocalDefinitions(reading->reader, local, &read);
        (void)OTF2_Reader_CloseDefReader(reading->reader, local);
    }
    (void)OTF2_Reader_CloseDefFiles(reading->reader);
}

/* --- events ----------------------------------------------------------------------------------------------
 */

static OTF2_CallbackCode on_enter(OTF2_LocationRef location, OTF2_TimeStamp time, uint64_t position,
                                  void *owner, OTF2_AttributeList *attributes, OTF2_RegionRef region)
{
    struct reading *reading = owner;
    (void)location;
    (void)position;
    (void)attributes;
    if (region < reading->trace->region_count)
        call_paths_enter(&reading->trace->paths, &reading->stack, region, time);
    reading->trace->events++;
    return OTF2_CALLBACK_SUCCESS;
}

static OTF2_CallbackCode on_leave(OTF2_LocationRef location, OTF2_TimeStamp time, uint64_t position,
                                  void *owner, OTF2_AttributeList *attributes, OTF2_RegionRef region)
{
    struct reading *reading = owner;
    (void)location;
    (void)position;
    (void)attributes;
    if (region < reading->trace->region_count)
        call_paths_leave(&reading->trace->paths, &reading->stack, region, time);
    reading->trace->events++;
    return OTF2_CALLBACK_SUCCESS;
}

/* false: no more is to be read, of any location. */
static bool read_all_of(struct reading *reading, OTF2_EvtReader *events)
{
    struct trace *trace = reading->trace;
    uint64_t read = 0;
    do {
        OTF2_ErrorCode code = OTF2_Reader_ReadLocalEvents(reading->reader, events, EVENTS_AT_ONCE, &read);
        reading->read_events += read;
        if (code != OTF2_SUCCESS) {
            trace->is_partial = true; /* what comes behind cannot be understood */
            return true;
        }
        if (!reading->options->go_on(reading->options->owner, reading->read_events, reading->all_events)) {
            trace->is_partial = true;
            return false;
        }
    } while (read == EVENTS_AT_ONCE);
    return true;
}

static uint32_t root_of(const struct reading *reading, uint32_t place)
{
    struct trace *trace = reading->trace;
    enum trace_apart apart = reading->options->apart;
    return call_paths_root(&trace->paths, apart == TRACE_TOGETHER    ? 0
                                          : apart == TRACE_LOCATIONS ? place
                                                                     : trace->locations[place].group);
}

static void note_times(struct trace *trace, uint64_t first, uint64_t last)
{
    trace->first = !trace->last || first < trace->first ? first : trace->first;
    trace->last = last > trace->last ? last : trace->last;
}

/* false: no more is to be read. */
static bool read_location(struct reading *reading, uint32_t place, const OTF2_EvtReaderCallbacks *calls)
{
    struct trace *trace = reading->trace;
    reading->stack = (struct call_stack){.root = root_of(reading, place), .first = UINT64_MAX};
    if (reading->stack.root == CALL_PATH_NONE)
        return true; /* too many: the tree is marked so */
    OTF2_EvtReader *events = OTF2_Reader_GetEvtReader(reading->reader, trace->locations[place].id);
    if (!events) {
        trace->is_partial = true;
        return true;
    }
    bool go_on = true;
    if (OTF2_Reader_RegisterEvtCallbacks(reading->reader, events, calls, reading) == OTF2_SUCCESS)
        go_on = read_all_of(reading, events);
    (void)OTF2_Reader_CloseEvtReader(reading->reader, events);
    if (reading->stack.last > 0)
        note_times(trace, reading->stack.first, reading->stack.last);
    call_paths_end(&trace->paths, &reading->stack);
    return go_on;
}

static bool read_events(struct reading *reading)
{
    OTF2_EvtReaderCallbacks *calls = OTF2_EvtReaderCallbacks_New();
    bool is_open = calls && OTF2_Reader_OpenEvtFiles(reading->reader) == OTF2_SUCCESS;
    if (is_open) {
        (void)OTF2_EvtReaderCallbacks_SetEnterCallback(calls, on_enter);
        (void)OTF2_EvtReaderCallbacks_SetLeaveCallback(calls, on_leave);
        for (uint32_t i = 0; i < reading->trace->location_count; i++)
            if (!read_location(reading, i, calls))
                break;
        (void)OTF2_Reader_CloseEvtFiles(reading->reader);
    }
    if (calls)
        OTF2_EvtReaderCallbacks_Delete(calls);
    return is_open;
}

/* --- all of it -------------------------------------------------------------------------------------------
 */

static bool read_archive(struct reading *reading)
{
    if (OTF2_Reader_SetSerialCollectiveCallbacks(reading->reader) != OTF2_SUCCESS ||
        !read_definitions(reading))
        return false;
    read_mappings(reading);
    return read_events(reading);
}

int trace_read(const char *anchor, const struct trace_options *options, struct trace *trace,
               struct fault *fault)
{
    struct reading reading = {.options = options, .trace = trace, .fault = fault};
    *trace = (struct trace){.resolution = 1};
    otf2_errors_to(fault);
    otf2_libc_is_reading = true;
    reading.reader = OTF2_Reader_Open(anchor);
    bool is_read = reading.reader && read_archive(&reading);
    if (reading.reader)
        (void)OTF2_Reader_Close(reading.reader);
    otf2_libc_is_reading = false;
    otf2_errors_to(NULL);
    free(reading.named);
    free(reading.located);
    if (is_read && trace->resolution > 0)
        return 0;
    fault_note(fault, EPROTO, "the archive");
    trace_finish(trace);
    return -(fault->code == EIO ? EPROTO : fault->code);
}

void trace_finish(struct trace *trace)
{
    for (uint32_t i = 0; i < trace->string_count; i++)
        free(trace->strings[i]);
    free(trace->strings);
    free(trace->regions);
    free(trace->locations);
    call_paths_finish(&trace->paths);
    *trace = (struct trace){0};
}
