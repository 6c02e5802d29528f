/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_anchor.h - the anchor.xml of a CUBE4 file: which metrics, regions, call paths and locations there
 * are. Pure.
 */
#ifndef PROFILE_CUBEX_ANCHOR_H
#define PROFILE_CUBEX_ANCHOR_H

#include "scorepkernel.h"

#define CUBEX_NONE UINT32_MAX

struct cubex_metric {
    uint32_t id;                  /* of the files that hold its values */
    struct spk_text type;         /* "EXCLUSIVE", "INCLUSIVE" ... */
    struct spk_text name, values; /* "visits", "UINT64" */
};

/* The texts are as in the document: references are not resolved. */
struct cubex_source {
    uint32_t id;
    int64_t line; /* -1: not known */
    struct spk_text name, file, paradigm, role;
};

/* A call path. Its children come behind it, in preorder. */
struct cubex_node {
    uint32_t parent; /* index, or CUBEX_NONE */
    uint32_t region; /* index */
};

struct cubex_anchor {
    struct cubex_metric *metrics;
    struct cubex_source *regions;
    struct cubex_node *nodes;
    size_t metric_count, region_count, node_count, location_count;
};

/** Read the document, which has to outlive *anchor. Errors as of cubex_read; on failure *anchor is untouched.
 *  What is in it is consistent: every index exists, and no two regions have the same id. */
int cubex_anchor_read(struct spk_text document, struct cubex_anchor *anchor);

/** Free what the anchor holds. Safe for one that is all zero. */
void cubex_anchor_finish(struct cubex_anchor *anchor);

/** The only metric of that name, or NULL when there is none or more than one. */
const struct cubex_metric *cubex_anchor_metric(const struct cubex_anchor *anchor, const char *name);

#endif
