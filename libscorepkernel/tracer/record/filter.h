/* SPDX-License-Identifier: BSD-3-Clause
 *
 * filter: which regions are not to be recorded, as a file in Score-P's own syntax says. Pure: a text in,
 * answers out.
 *
 *     SCOREP_REGION_NAMES_BEGIN        SCOREP_FILE_NAMES_BEGIN
 *       EXCLUDE *                        EXCLUDE /usr/lib/python3*
 *       INCLUDE __main__:* solve       SCOREP_FILE_NAMES_END
 *     SCOREP_REGION_NAMES_END
 *
 * Of the rules that match, the last one decides; a region is left out where its name is, or its file.
 * Patterns are the shell's; # begins a comment. Source: Score-P's user manual, "Filtering". */
#ifndef TRACER_RECORD_FILTER_H
#define TRACER_RECORD_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_LEN_MAX (1u << 20) /* bytes of a file */
#define FILTER_RULES_MAX 8192u

struct filter {
    struct filter_rule {
        char *pattern; /* owned */
        bool is_of_file, excludes;
    } * rules;
    uint32_t count;
};

/* Fills an empty filter. 0; -ENOMEM; -E2BIG: it has too much; -EINVAL: it is malformed in that line, from 1
 * on. */
int filter_read(struct filter *filter, const char *text, size_t len, uint32_t *line);

void filter_finish(struct filter *filter);

/* file: NULL for a region that the user's code names, of which only the name counts. */
bool filter_excludes(const struct filter *filter, const char *name, const char *file);

#endif
