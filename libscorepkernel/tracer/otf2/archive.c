/* SPDX-License-Identifier: BSD-3-Clause
 *
 * archive: see archive.h. Owns the OTF2 handle, the chunks that OTF2 writes to, and the reserve. */
#include "tracer/otf2/archive_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tracer/otf2/definitions.h"
#include "tracer/otf2/metrics.h"
#include "tracer/otf2/otf2_errors.h"
#include "tracer/record/clock.h"

/* The room that definitions, anchor file and directories take at least, in whole blocks. */
#define FILES_LEN ((uint64_t)64 * 1024)
#define DEFINITIONS_STEP ((uint64_t)64 * 1024)

static void *allocate_chunk(void *context, OTF2_FileType type, OTF2_LocationRef location, void **list,
                            uint64_t chunk_len)
{
    struct archive *archive = context;
    (void)location;
    (void)chunk_len; /* ARCHIVE_CHUNK_LEN, as given to OTF2_Archive_Open */
    struct chunk *chunks = *list;
    /* Only a buffer of events can be told to flush first, and only if it has something to flush. */
    bool beyond = type != OTF2_FILETYPE_EVENTS || chunks == NULL;
    void *memory = chunks_take(&archive->chunks, &chunks, beyond);
    *list = chunks;
    return memory;
}

static void free_chunks(void *context, OTF2_FileType type, OTF2_LocationRef location, void **list, bool final)
{
    struct archive *archive = context;
    (void)type;
    (void)location;
    (void) final;
    struct chunk *chunks = *list;
    chunks_give_back(&archive->chunks, &chunks);
    *list = NULL;
}

static OTF2_FlushType before_flush(void *context, OTF2_FileType type, OTF2_LocationRef ref, void *writer,
                                   bool final)
{
    struct archive *archive = context;
    (void)writer;
    if (type != OTF2_FILETYPE_EVENTS)
        return OTF2_FLUSH;
    if (ref >> 32 == archive->sink.location_count)
        return OTF2_FLUSH; /* metrics, which no thread has */
    struct track *location = archive->locations[ref >> 32];
    if (final)
        return location->broken ? OTF2_NO_FLUSH : OTF2_FLUSH;
    archive->flushes++;
    location->flushes++;
    location_settle(location);
    return OTF2_FLUSH;
}

static OTF2_TimeStamp after_flush(void *context, OTF2_FileType type, OTF2_LocationRef location)
{
    (void)context;
    (void)type;
    (void)location;
    return clock_now_ns();
}

/* OTF2 would say of a missing directory that it cannot be created, and overwrite an older trace. */
static int check_directory(const char *directory)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/.", directory); /* with the dot, a file is no directory */
    if (len < 0 || (size_t)len >= sizeof path - sizeof "traces.otf2")
        return ENAMETOOLONG;
    if (access(path, W_OK | X_OK) != 0)
        return errno;
    (void)snprintf(path, sizeof path, "%s/traces.otf2", directory);
    if (access(path, F_OK) == 0)
        return EEXIST;
    return errno == ENOENT ? 0 : errno;
}

static bool open_otf2(struct archive *archive, const char *directory)
{
    static const OTF2_MemoryCallbacks memory = {allocate_chunk, free_chunks};
    static const OTF2_FlushCallbacks flush = {before_flush, after_flush};
    archive->otf2 = OTF2_Archive_Open(directory, "traces", OTF2_FILEMODE_WRITE, ARCHIVE_CHUNK_LEN,
                                      ARCHIVE_CHUNK_LEN, OTF2_SUBSTRATE_POSIX, OTF2_COMPRESSION_NONE);
    return archive->otf2 &&
           OTF2_Archive_SetMemoryCallbacks(archive->otf2, &memory, archive) == OTF2_SUCCESS &&
           OTF2_Archive_SetFlushCallbacks(archive->otf2, &flush, archive) == OTF2_SUCCESS &&
           OTF2_Archive_SetSerialCollectiveCallbacks(archive->otf2) == OTF2_SUCCESS &&
           OTF2_Archive_SetCreator(archive->otf2, ARCHIVE_CREATOR SCOREPKERNEL_VERSION) == OTF2_SUCCESS &&
           OTF2_Archive_OpenEvtFiles(archive->otf2) == OTF2_SUCCESS;
}

static void archive_free(struct archive *archive)
{
    reserve_finish(&archive->reserve);
    chunks_finish(&archive->chunks);
    for (uint32_t i = 0; i < archive->sink.location_count; i++) {
        location_forget_places(archive->locations[i]);
        free(archive->locations[i]);
    }
    free(archive->locations);
    regions_finish(&archive->parameters);
    regions_finish(&archive->texts);
    free(archive);
}

void archive_announce(struct archive *archive, uint64_t len)
{
    archive->definitions_len += len;
    if (FILES_LEN + archive->definitions_len <= archive->definitions_reserved)
        return;
    int code = reserve_grow(&archive->reserve, DEFINITIONS_STEP);
    if (code != 0)
        fault_note(&archive->fault, -code, "the definitions");
    archive->definitions_reserved += DEFINITIONS_STEP;
}

/* The region's text will need room in the definitions. */
static bool announce_region(struct sink *sink, uint32_t number, const struct region *region)
{
    (void)number;
    /* Name and file as strings of their own, the region, and what each record has around it. */
    archive_announce((struct archive *)sink, strlen(region->name) + strlen(region->file) + 96);
    return true; /* a failed archive says so at each event */
}

struct archive *archive_create(const char *directory, uint64_t memory_limit, struct fault *fault)
{
    int code = check_directory(directory);
    struct archive *archive = code == 0 ? calloc(1, sizeof *archive) : NULL;
    if (!archive) {
        fault_note(fault, code != 0 ? code : ENOMEM, directory);
        return NULL;
    }
    static const struct sink_calls calls = {
        .add_location = archive_add_location,
        .announce_region = announce_region,
        .enter = archive_enter,
        .leave = archive_leave,
        .parameter = archive_parameter,
        .switch_recording = archive_switch_recording,
        .rewind_begin = archive_rewind_begin,
        .rewind_end = archive_rewind_end,
    };
    archive->sink.calls = &calls;
    regions_init(&archive->parameters);
    regions_init(&archive->texts);
    chunks_init(&archive->chunks, ARCHIVE_CHUNK_LEN, memory_limit);
    reserve_init(&archive->reserve, directory);
    archive->definitions_reserved = FILES_LEN + DEFINITIONS_STEP;
    code = reserve_grow(&archive->reserve, archive->definitions_reserved);
    if (code != 0)
        fault_note(&archive->fault, -code, directory);
    otf2_errors_to(&archive->fault);
    if (code == 0 && open_otf2(archive, directory) && archive_add_location(&archive->sink))
        return archive;
    /* Closing writes an anchor file: the directory is the caller's, and stays as unusable as it was. */
    if (archive->otf2)
        (void)OTF2_Archive_Close(archive->otf2);
    otf2_errors_to(NULL);
    fault_note(fault, archive->fault.code ? archive->fault.code : ENOMEM, archive->fault.detail);
    archive_free(archive);
    return NULL;
}

struct sink *archive_sink(struct archive *archive)
{
    return &archive->sink;
}

struct location *archive_master(const struct archive *archive)
{
    return &archive->locations[0]->location;
}

bool archive_failed(const struct archive *archive)
{
    return archive->fault.code != 0;
}

uint64_t archive_flush_count(const struct archive *archive)
{
    return archive->flushes;
}

/* The location behind those of the threads. */
static OTF2_LocationRef metrics_location(const struct archive *archive)
{
    return (OTF2_LocationRef)archive->sink.location_count << 32;
}

/* OTF2 counts its own buffer flush records as events, so it is asked; and before the writer is gone. The
 * metrics' number comes last. */
static void close_events(struct archive *archive, const struct measured *measured, uint64_t *event_counts)
{
    for (uint32_t i = 0; i < archive->sink.location_count; i++) {
        struct track *location = archive->locations[i];
        (void)OTF2_EvtWriter_GetNumberOfEvents(location->writer, &event_counts[i]);
        (void)OTF2_Archive_CloseEvtWriter(archive->otf2, location->writer);
    }
    event_counts[archive->sink.location_count] =
        metrics_write_events(archive->otf2, metrics_location(archive), measured->points,
                             measured->point_count, measured->begin_ns, measured->end_ns);
    (void)OTF2_Archive_CloseEvtFiles(archive->otf2);
}

/* Readers open a definition file for each location; ours have nothing to say in it. */
static void write_local_definitions(struct archive *archive, bool has_metrics)
{
    (void)OTF2_Archive_OpenDefFiles(archive->otf2);
    for (uint32_t i = 0; i < archive->sink.location_count + has_metrics; i++) {
        OTF2_DefWriter *writer = OTF2_Archive_GetDefWriter(archive->otf2, (OTF2_LocationRef)i << 32);
        if (writer)
            (void)OTF2_Archive_CloseDefWriter(archive->otf2, writer);
    }
    (void)OTF2_Archive_CloseDefFiles(archive->otf2);
}

static const char *host_name(struct utsname *host)
{
    return uname(host) == 0 ? host->nodename : "localhost";
}

static void write_definitions(struct archive *archive, const struct measured *measured,
                              const uint64_t *event_counts)
{
    OTF2_GlobalDefWriter *writer = OTF2_Archive_GetGlobalDefWriter(archive->otf2);
    if (!writer) {
        fault_note(&archive->fault, ENOMEM, "the definitions");
        return;
    }
    struct definitions definitions;
    struct utsname host;
    definitions_begin(&definitions, writer, measured->begin_ns, measured->end_ns, measured->begin_realtime_ns,
                      &archive->texts);
    definitions_parameters(&definitions, &archive->parameters);
    definitions_node(&definitions, 1, host_name(&host));
    definitions_process(&definitions, 0, measured->process, 1);
    for (uint32_t i = 0; i < archive->sink.location_count; i++) {
        char name[32] = "Master thread";
        if (i > 0)
            (void)snprintf(name, sizeof name, "Thread %u", i);
        definitions_location(&definitions, (OTF2_LocationRef)i << 32, definitions_text(&definitions, name),
                             event_counts[i], 0);
    }
    if (event_counts[archive->sink.location_count] > 0)
        metrics_write_definitions(&definitions, metrics_location(archive),
                                  event_counts[archive->sink.location_count]);
    definitions_regions(&definitions, measured->regions);
    (void)OTF2_Archive_CloseGlobalDefWriter(archive->otf2, writer);
}

/* The results of OTF2's calls are ignored on purpose here and above: each failure is in archive->fault
 * already, by way of OTF2's error callback, and the remaining files are worth writing all the same. */
void archive_close(struct archive *archive, const struct measured *measured, struct fault *fault)
{
    reserve_finish(&archive->reserve);
    uint64_t *event_counts = calloc((size_t)archive->sink.location_count + 1, sizeof *event_counts);
    if (event_counts) {
        close_events(archive, measured, event_counts);
        write_local_definitions(archive, event_counts[archive->sink.location_count] > 0);
        write_definitions(archive, measured, event_counts);
    } else {
        fault_note(&archive->fault, ENOMEM, "closing the trace");
    }
    (void)OTF2_Archive_Close(archive->otf2);
    free(event_counts);
    otf2_errors_to(NULL);
    if (archive->fault.code != 0)
        fault_note(fault, archive->fault.code, archive->fault.detail);
    archive_free(archive);
}

void archive_abandon(struct archive *archive)
{
    otf2_errors_to(NULL);
    archive_free(archive);
}
