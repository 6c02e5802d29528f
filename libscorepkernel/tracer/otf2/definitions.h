/* SPDX-License-Identifier: BSD-3-Clause
 *
 * definitions: what the numbers in the events mean, in the shape that Score-P gives them: machine and nodes,
 * their processes, the threads of these, regions. Only OTF2, no Python.
 *
 * Nothing here returns an error: OTF2 tells its own by its callback, see otf2_errors.h. */
#ifndef TRACER_OTF2_DEFINITIONS_H
#define TRACER_OTF2_DEFINITIONS_H

#include <otf2/otf2.h>

#include "tracer/record/regions.h"

/* Where they are written to. OTF2 wants each text under a number before it is used. */
struct definitions {
    OTF2_GlobalDefWriter *writer;
    OTF2_StringRef next;
    OTF2_StringRef empty, node; /* texts */
};

/* Clock and machine, of which there is one. texts: what events refer to by its number, which it has here,
 * too. After it, in this order: parameters, nodes, groups, locations, regions. */
void definitions_begin(struct definitions *definitions, OTF2_GlobalDefWriter *writer, uint64_t begin_ns,
                       uint64_t end_ns, uint64_t begin_realtime_ns, const struct regions *texts);

/* Their names, and as their lines the types that they have (enum parameter_type). */
void definitions_parameters(struct definitions *definitions, const struct regions *parameters);

OTF2_StringRef definitions_text(struct definitions *definitions, const char *text);

/* Nodes are numbered from 1, groups from 0. */
void definitions_node(struct definitions *definitions, uint32_t number, const char *host);
void definitions_process(struct definitions *definitions, uint32_t group, const char *name, uint32_t node);
void definitions_location(struct definitions *definitions, OTF2_LocationRef location, OTF2_StringRef name,
                          uint64_t events, uint32_t group);

void definitions_regions(struct definitions *definitions, const struct regions *regions);

#endif
