/* SPDX-License-Identifier: BSD-3-Clause
 *
 * definitions: see definitions.h. The results of OTF2's calls are ignored on purpose: each failure is where
 * otf2_errors_to says, and what can be written is worth it all the same. */
#include "tracer/otf2/definitions.h"

#include <string.h>
#include <sys/utsname.h>

#include "tracer/record/clock.h"
#include "tracer/record/sink.h"

_Static_assert((int)PARAMETER_TEXT == (int)OTF2_PARAMETER_TYPE_STRING &&
                   (int)PARAMETER_SIGNED == (int)OTF2_PARAMETER_TYPE_INT64 &&
                   (int)PARAMETER_UNSIGNED == (int)OTF2_PARAMETER_TYPE_UINT64,
               "types of parameters are numbered as in OTF2");

OTF2_StringRef definitions_text(struct definitions *definitions, const char *text)
{
    (void)OTF2_GlobalDefWriter_WriteString(definitions->writer, definitions->next, text);
    return definitions->next++;
}

static void write_machine(struct definitions *definitions)
{
    struct utsname host;
    if (uname(&host) != 0)
        host = (struct utsname){.sysname = "Linux"};
    OTF2_GlobalDefWriter *writer = definitions->writer;
    OTF2_StringRef system = definitions_text(definitions, host.sysname);
    OTF2_StringRef machine = definitions_text(definitions, "machine");
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNode(writer, 0, system, machine,
                                                   OTF2_UNDEFINED_SYSTEM_TREE_NODE);
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeDomain(writer, 0, OTF2_SYSTEM_TREE_DOMAIN_MACHINE);
    OTF2_AttributeValue platform = {.stringRef = system};
    OTF2_StringRef platform_name = definitions_text(definitions, "platform");
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeProperty(writer, 0, platform_name, OTF2_TYPE_STRING,
                                                           platform);
}

void definitions_begin(struct definitions *definitions, OTF2_GlobalDefWriter *writer, uint64_t begin_ns,
                       uint64_t end_ns, uint64_t begin_realtime_ns, const struct regions *texts)
{
    *definitions = (struct definitions){.writer = writer};
    (void)OTF2_GlobalDefWriter_WriteClockProperties(writer, CLOCK_TICKS_PER_SECOND, begin_ns,
                                                    end_ns - begin_ns, begin_realtime_ns);
    /* The empty text comes next, then the machine's name: whoever reads this knows by it how many there are.
     */
    for (uint32_t i = 0; i < texts->count; i++)
        (void)definitions_text(definitions, texts->items[i].name);
    definitions->empty = definitions_text(definitions, "");
    write_machine(definitions);
    definitions->node = definitions_text(definitions, "node");
}

void definitions_parameters(struct definitions *definitions, const struct regions *parameters)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        OTF2_StringRef name = definitions_text(definitions, parameters->items[i].name);
        (void)OTF2_GlobalDefWriter_WriteParameter(definitions->writer, i, name,
                                                  (OTF2_ParameterType)parameters->items[i].line);
    }
}

void definitions_node(struct definitions *definitions, uint32_t number, const char *host)
{
    OTF2_StringRef name = definitions_text(definitions, host);
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNode(definitions->writer, number, name, definitions->node, 0);
    (void)OTF2_GlobalDefWriter_WriteSystemTreeNodeDomain(definitions->writer, number,
                                                         OTF2_SYSTEM_TREE_DOMAIN_SHARED_MEMORY);
}

void definitions_process(struct definitions *definitions, uint32_t group, const char *name, uint32_t node)
{
    OTF2_StringRef text = definitions_text(definitions, name);
    (void)OTF2_GlobalDefWriter_WriteLocationGroup(definitions->writer, group, text,
                                                  OTF2_LOCATION_GROUP_TYPE_PROCESS, node,
                                                  OTF2_UNDEFINED_LOCATION_GROUP);
}

void definitions_location(struct definitions *definitions, OTF2_LocationRef location, OTF2_StringRef name,
                          uint64_t events, uint32_t group)
{
    (void)OTF2_GlobalDefWriter_WriteLocation(definitions->writer, location, name,
                                             OTF2_LOCATION_TYPE_CPU_THREAD, events, group);
}

/* Regions of one file come one after the other mostly, so that remembering one file's text saves nearly
 * all repetitions without a table. */
void definitions_regions(struct definitions *definitions, const struct regions *regions)
{
    const char *file = "";
    OTF2_StringRef file_text = definitions->empty;
    for (uint32_t i = 0; i < regions->count; i++) {
        const struct region *region = &regions->items[i];
        if (strcmp(region->file, file) != 0) {
            file = region->file;
            file_text = definitions_text(definitions, file);
        }
        OTF2_StringRef name = definitions_text(definitions, region->name);
        (void)OTF2_GlobalDefWriter_WriteRegion(definitions->writer, i, name, name, definitions->empty,
                                               OTF2_REGION_ROLE_FUNCTION, OTF2_PARADIGM_USER,
                                               OTF2_REGION_FLAG_NONE, file_text, region->line, 0);
    }
}
