/* SPDX-License-Identifier: BSD-3-Clause
 *
 * definitions: what the numbers in the events mean, in the shape that Score-P gives them: machine and node,
 * one process, its threads, its regions. Only OTF2, no Python. */
#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "archive_private.h"
#include "clock.h"

/* OTF2 wants each text under a number before it is used. */
struct texts {
    OTF2_GlobalDefWriter *writer;
    OTF2_StringRef next;
};

static OTF2_StringRef text(struct texts *texts, const char *string)
{
    (void)OTF2_GlobalDefWriter_WriteString(texts->writer, texts->next, string);
    return texts->next++;
}

static void write_system_tree(struct texts *texts, const char *process)
{
    struct utsname host;
    if (uname(&host) != 0)
        host = (struct utsname){.sysname = "Linux", .nodename = "localhost"};
    OTF2_GlobalDefWriter *writer = texts->writer;
    OTF2_StringRef system = text(texts, host.sysname);
    OTF2_StringRef machine = text(texts, "machine");
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNode(writer, 0, system, machine,
                                                   OTF2_UNDEFINED_SYSTEM_TREE_NODE);
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeDomain(writer, 0, OTF2_SYSTEM_TREE_DOMAIN_MACHINE);
    OTF2_AttributeValue platform = {.stringRef = system};
    OTF2_StringRef platform_name = text(texts, "platform");
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeProperty(writer, 0, platform_name, OTF2_TYPE_STRING,
                                                           platform);
    OTF2_StringRef node = text(texts, host.nodename);
    OTF2_StringRef node_class = text(texts, "node");
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNode(writer, 1, node, node_class, 0);
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeDomain(writer, 1, OTF2_SYSTEM_TREE_DOMAIN_SHARED_MEMORY);
    OTF2_StringRef name = text(texts, process);
    (void)OTF2_GlobalDefWriter_WriteLocationGroup(writer, 0, name, OTF2_LOCATION_GROUP_TYPE_PROCESS, 1,
                                                  OTF2_UNDEFINED_LOCATION_GROUP);
}

static void write_locations(struct texts *texts, uint32_t count, const uint64_t *event_counts)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[32] = "Master thread";
        if (i > 0)
            (void)snprintf(name, sizeof name, "Thread %u", i);
        OTF2_StringRef name_text = text(texts, name);
        (void)OTF2_GlobalDefWriter_WriteLocation(texts->writer, (OTF2_LocationRef)i << 32, name_text,
                                                 OTF2_LOCATION_TYPE_CPU_THREAD, event_counts[i], 0);
    }
}

/* Regions of one file come one after the other mostly, so that remembering one file's text saves nearly
 * all repetitions without a table. */
static void write_regions(struct texts *texts, const struct regions *regions, OTF2_StringRef empty)
{
    const char *file = "";
    OTF2_StringRef file_text = empty;
    for (uint32_t i = 0; i < regions->count; i++) {
        const struct region *region = &regions->items[i];
        if (strcmp(region->file, file) != 0) {
            file = region->file;
            file_text = text(texts, file);
        }
        OTF2_StringRef name = text(texts, region->name);
        (void)OTF2_GlobalDefWriter_WriteRegion(texts->writer, i, name, name, empty, OTF2_REGION_ROLE_FUNCTION,
                                               OTF2_PARADIGM_USER, OTF2_REGION_FLAG_NONE, file_text,
                                               region->line, 0);
    }
}

/* Errors are in archive->fault through OTF2's error callback: what can be written still is. */
void definitions_write(struct archive *archive, const struct measured *measured, const uint64_t *event_counts)
{
    struct texts texts = {.writer = OTF2_Archive_GetGlobalDefWriter(archive->otf2)};
    if (!texts.writer) {
        fault_note(&archive->fault, ENOMEM, "the definitions");
        return;
    }
    (void)OTF2_GlobalDefWriter_WriteClockProperties(texts.writer, CLOCK_TICKS_PER_SECOND, measured->begin_ns,
                                                    measured->end_ns - measured->begin_ns,
                                                    measured->begin_realtime_ns);
    OTF2_StringRef empty = text(&texts, "");
    write_system_tree(&texts, measured->process);
    write_locations(&texts, archive->sink.location_count, event_counts);
    write_regions(&texts, measured->regions, empty);
    (void)OTF2_Archive_CloseGlobalDefWriter(archive->otf2, texts.writer);
}
