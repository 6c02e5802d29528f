/* SPDX-License-Identifier: BSD-3-Clause
 *
 * merged_archive: see merged_archive.h. */
#include "tracer/otf2/merged_archive.h"

#include <otf2/otf2.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tracer/otf2/archive.h"
#include "tracer/otf2/chunks.h"
#include "tracer/otf2/definitions.h"
#include "tracer/otf2/otf2_errors.h"

/* A table that translates REGIONS_MAX numbers is one record, and OTF2's records lie within one chunk: five
 * bytes for each number, and some around them. */
#define DEFINITION_CHUNK_LEN ((uint64_t)2 * 1024 * 1024)
_Static_assert(DEFINITION_CHUNK_LEN > REGIONS_MAX * 5 + 1024, "a table of all regions fits in a chunk");

static void extend_time(struct merged_archive *merged, const struct merged_rank *rank)
{
    const struct rank_archive_definitions *definitions = &rank->rank_archive.definitions;
    uint64_t begin_ns = definitions->begin_ns + (uint64_t)rank->clock_offset_ns;
    uint64_t end_ns = begin_ns + definitions->length_ns;
    bool first = merged->end_ns == 0;
    if (first || begin_ns < merged->begin_ns) {
        merged->begin_ns = begin_ns;
        merged->begin_realtime_ns = definitions->begin_realtime_ns;
    }
    if (first || end_ns > merged->end_ns)
        merged->end_ns = end_ns;
}

/* rank_archive_reader.c keeps times, and merge.c offsets, so small that no sum overflows. */
static bool is_before_zero(const struct merged_rank *rank)
{
    return rank->clock_offset_ns < 0 &&
           rank->rank_archive.definitions.begin_ns < (uint64_t)-rank->clock_offset_ns;
}

/* Room for the numbers of one kind; one more, as none at all would look like a failure. */
static bool make_tables(struct merged_rank *rank)
{
    const struct rank_archive_definitions *definitions = &rank->rank_archive.definitions;
    rank->regions = calloc((size_t)definitions->region_count + 1, sizeof *rank->regions);
    rank->parameters = calloc((size_t)definitions->parameter_count + 1, sizeof *rank->parameters);
    rank->values = calloc((size_t)definitions->value_count + 1, sizeof *rank->values);
    rank->location_names = calloc((size_t)definitions->location_count + 1, sizeof *rank->location_names);
    return rank->regions && rank->parameters && rank->values && rank->location_names;
}

/* Finds or adds a name in the merged archive's table, and gives its number. 0, or a negative errno with the
 * problem. */
static int take_number(struct regions *all, const char *name, const char *file, uint32_t line,
                       uint32_t *number, struct problem *problem, const char *directory)
{
    *number = regions_number(all, name, file, line);
    if (*number != REGION_NONE)
        return 0;
    return all->count == REGIONS_MAX
               ? problem_flaw(problem, "all ranks together have too many regions", directory)
               : problem_errno(problem, ENOMEM, directory);
}

int merged_archive_take(struct merged_archive *merged, struct merged_rank *rank, struct problem *problem)
{
    const struct rank_archive_definitions *definitions = &rank->rank_archive.definitions;
    const char *directory = rank->rank_archive.directory;
    int result = 0;
    if (is_before_zero(rank))
        return problem_flaw(problem, "its clock offset is larger than its first time stamp", directory);
    if (!make_tables(rank))
        return problem_errno(problem, ENOMEM, directory);
    for (uint32_t i = 0; i < definitions->region_count && result == 0; i++)
        result = take_number(&merged->regions, definitions->regions[i].name, definitions->regions[i].file,
                             definitions->regions[i].line, &rank->regions[i], problem, directory);
    for (uint32_t i = 0; i < definitions->parameter_count && result == 0; i++)
        result = take_number(&merged->parameters, definitions->parameters[i].name, "",
                             definitions->parameters[i].type, &rank->parameters[i], problem, directory);
    for (uint32_t i = 0; i < definitions->value_count && result == 0; i++)
        result =
            take_number(&merged->values, definitions->texts[i], "", 0, &rank->values[i], problem, directory);
    for (uint32_t i = 0; i < definitions->location_count && result == 0; i++)
        result = take_number(&merged->location_names, definitions->locations[i].name, "", 0,
                             &rank->location_names[i], problem, directory);
    if (result == 0)
        extend_time(merged, rank);
    return result;
}

static void *allocate_chunk(void *context, OTF2_FileType type, OTF2_LocationRef location, void **list,
                            uint64_t chunk_len)
{
    (void)type;
    (void)location;
    (void)chunk_len; /* DEFINITION_CHUNK_LEN: no events are written */
    struct chunk *chunks = *list;
    void *memory = chunks_take(context, &chunks, true);
    *list = chunks;
    return memory;
}

static void free_chunks(void *context, OTF2_FileType type, OTF2_LocationRef location, void **list, bool final)
{
    (void)type;
    (void)location;
    (void) final;
    struct chunk *chunks = *list;
    chunks_give_back(context, &chunks);
    *list = NULL;
}

static OTF2_FlushType before_flush(void *context, OTF2_FileType type, OTF2_LocationRef location, void *writer,
                                   bool final)
{
    (void)context;
    (void)type;
    (void)location;
    (void)writer;
    (void) final;
    return OTF2_FLUSH;
}

static OTF2_Archive *open_otf2(const char *directory, struct chunks *chunks, struct fault *fault)
{
    static const OTF2_MemoryCallbacks memory = {allocate_chunk, free_chunks};
    static const OTF2_FlushCallbacks flush = {.otf2_pre_flush = before_flush};
    OTF2_Archive *archive =
        OTF2_Archive_Open(directory, "traces", OTF2_FILEMODE_WRITE, ARCHIVE_CHUNK_LEN, DEFINITION_CHUNK_LEN,
                          OTF2_SUBSTRATE_POSIX, OTF2_COMPRESSION_NONE);
    if (!archive) {
        fault_note(fault, ENOMEM, directory);
        return NULL;
    }
    /* Failures are noted in the fault. */
    (void)OTF2_Archive_SetMemoryCallbacks(archive, &memory, chunks);
    (void)OTF2_Archive_SetFlushCallbacks(archive, &flush, NULL);
    (void)OTF2_Archive_SetSerialCollectiveCallbacks(archive);
    (void)OTF2_Archive_SetCreator(archive, ARCHIVE_CREATOR SCOREPKERNEL_VERSION);
    (void)OTF2_Archive_OpenDefFiles(archive);
    return archive;
}

/* Makes a table that translates the numbers of one kind; none if they are the same in both archives. false
 * without memory. */
static bool write_map(OTF2_DefWriter *writer, OTF2_MappingType kind, const uint32_t *numbers, uint32_t count)
{
    uint32_t same = 0;
    while (same < count && numbers[same] == same)
        same++;
    if (same == count)
        return true;
    OTF2_IdMap *map = OTF2_IdMap_CreateFromUint32Array(count, numbers, false);
    if (map)
        (void)OTF2_DefWriter_WriteMappingTable(writer, kind, map);
    OTF2_IdMap_Free(map);
    return map != NULL;
}

static bool write_maps(OTF2_DefWriter *writer, const struct merged_rank *rank)
{
    const struct rank_archive_definitions *definitions = &rank->rank_archive.definitions;
    return write_map(writer, OTF2_MAPPING_REGION, rank->regions, definitions->region_count) &&
           write_map(writer, OTF2_MAPPING_PARAMETER, rank->parameters, definitions->parameter_count) &&
           write_map(writer, OTF2_MAPPING_STRING, rank->values, definitions->value_count);
}

/* Readers draw a line through the offsets at two times: before the first event and after the last one. */
static void write_offset(OTF2_DefWriter *writer, const struct merged_rank *rank)
{
    const struct rank_archive_definitions *definitions = &rank->rank_archive.definitions;
    (void)OTF2_DefWriter_WriteClockOffset(writer, definitions->begin_ns, rank->clock_offset_ns, 0);
    (void)OTF2_DefWriter_WriteClockOffset(writer, definitions->begin_ns + definitions->length_ns + 1,
                                          rank->clock_offset_ns, 0);
}

static void write_tables(OTF2_Archive *archive, const struct merged_rank *rank, struct fault *fault)
{
    for (uint32_t i = 0; i < rank->rank_archive.definitions.location_count && fault->code == 0; i++) {
        OTF2_DefWriter *writer = OTF2_Archive_GetDefWriter(archive, merged_archive_location(rank, i));
        if (!writer || !write_maps(writer, rank)) {
            fault_note(fault, ENOMEM, "the tables of a rank's location");
            break;
        }
        if (rank->clock_offset_ns != 0)
            write_offset(writer, rank);
        (void)OTF2_Archive_CloseDefWriter(archive, writer);
    }
}

/* Ranks of one host have one node, whose number is that of the first of them. */
static void write_processes(struct definitions *definitions, const struct merged_archive *merged)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < merged->rank_count; i++)
        if (merged->ranks[i].node > nodes)
            definitions_node(definitions, ++nodes, merged->ranks[i].host);
    for (uint32_t i = 0; i < merged->rank_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "rank %u", merged->ranks[i].number);
        definitions_process(definitions, i, name, merged->ranks[i].node);
    }
}

static void write_locations(struct definitions *definitions, const struct merged_archive *merged)
{
    OTF2_StringRef first = definitions->next;
    for (uint32_t i = 0; i < merged->location_names.count; i++)
        (void)definitions_text(definitions, merged->location_names.items[i].name);
    for (uint32_t i = 0; i < merged->rank_count; i++) {
        const struct merged_rank *rank = &merged->ranks[i];
        for (uint32_t j = 0; j < rank->rank_archive.definitions.location_count; j++)
            definitions_location(definitions, merged_archive_location(rank, j),
                                 first + rank->location_names[j],
                                 rank->rank_archive.definitions.locations[j].events, i);
    }
}

static void write_definitions(OTF2_Archive *archive, const struct merged_archive *merged, struct fault *fault)
{
    OTF2_GlobalDefWriter *writer = OTF2_Archive_GetGlobalDefWriter(archive);
    if (!writer) {
        fault_note(fault, ENOMEM, "the definitions");
        return;
    }
    struct definitions definitions;
    definitions_begin(&definitions, writer, merged->begin_ns, merged->end_ns, merged->begin_realtime_ns,
                      &merged->values);
    definitions_parameters(&definitions, &merged->parameters);
    write_processes(&definitions, merged);
    write_locations(&definitions, merged);
    definitions_regions(&definitions, &merged->regions);
    (void)OTF2_Archive_CloseGlobalDefWriter(archive, writer);
}

int merged_archive_write(const struct merged_archive *merged, const char *directory, struct problem *problem)
{
    struct fault fault = {0};
    struct chunks chunks;
    chunks_init(&chunks, DEFINITION_CHUNK_LEN, UINT64_MAX);
    otf2_errors_to(&fault);
    OTF2_Archive *archive = open_otf2(directory, &chunks, &fault);
    for (uint32_t i = 0; i < merged->rank_count && fault.code == 0; i++)
        write_tables(archive, &merged->ranks[i], &fault);
    if (archive) {
        (void)OTF2_Archive_CloseDefFiles(archive);
        if (fault.code == 0)
            write_definitions(archive, merged, &fault);
        (void)OTF2_Archive_Close(archive);
    }
    otf2_errors_to(NULL);
    chunks_finish(&chunks);
    return fault.code == 0 ? 0 : problem_errno(problem, fault.code, directory);
}
