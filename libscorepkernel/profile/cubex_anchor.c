/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_anchor.c - the anchor.xml of a CUBE4 file. Pure. It follows the elements that it knows from where
 * they belong, and passes over all others and what is in them. Nothing recurses: how deep call paths go is
 * the file's to say, up to a maximum.
 */
#include "profile/cubex_anchor.h"

#include "base/text.h"
#include "profile/cubex.h"
#include "profile/cubex_xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum element {
    DOCUMENT,
    OTHER,
    CUBE,
    METRICS,
    METRIC,
    UNIQ_NAME,
    DTYPE,
    PROGRAM,
    REGION,
    NAME,
    PARADIGM,
    ROLE,
    CNODE,
    SYSTEM,
    SYSTEM_NODE,
    GROUP,
    LOCATION,
};

static const struct {
    const char *name;
    enum element inside, element;
} known[] = {
    {"cube", DOCUMENT, CUBE},
    {"metrics", CUBE, METRICS},
    {"metric", METRICS, METRIC},
    {"metric", METRIC, METRIC},
    {"uniq_name", METRIC, UNIQ_NAME},
    {"dtype", METRIC, DTYPE},
    {"program", CUBE, PROGRAM},
    {"region", PROGRAM, REGION},
    {"name", REGION, NAME},
    {"paradigm", REGION, PARADIGM},
    {"role", REGION, ROLE},
    {"cnode", PROGRAM, CNODE},
    {"cnode", CNODE, CNODE},
    {"system", CUBE, SYSTEM},
    {"systemtreenode", SYSTEM, SYSTEM_NODE},
    {"systemtreenode", SYSTEM_NODE, SYSTEM_NODE},
    {"locationgroup", SYSTEM_NODE, GROUP},
    {"location", GROUP, LOCATION},
};

/* An element whose end has not come yet. */
struct open {
    struct spk_text name;
    enum element element;
    uint32_t item; /* index of the metric, region or node that it is or is part of */
};

struct reader {
    struct cubex_anchor *anchor;
    struct open *open;
    size_t depth;
    size_t open_room, metric_room, region_room, node_room; /* what is allocated */
    int begun;                                             /* the one outermost element has been there */
};

/* Make room for one more behind count items. *result is 0, -E2BIG when there are as many as there may be, or
 * -ENOMEM; in each case the array that is there from now on is returned. */
static void *grow(void *items, size_t count, size_t *room, size_t size, size_t most, int *result)
{
    *result = count < most ? 0 : -E2BIG;
    if (*result != 0 || count < *room)
        return items;
    size_t more = *room ? 2 * *room : 16;
    void *grown = realloc(items, more * size);
    if (!grown) {
        *result = -ENOMEM;
        return items;
    }
    *room = more;
    return grown;
}

/* A line, or -1 when there is none that can be understood: no reason to refuse the profile. */
static int64_t read_line(struct spk_text attributes)
{
    uint32_t line;
    return cubex_xml_number(attributes, "begin", INT32_MAX, &line) == 0 ? (int64_t)line : -1;
}

static int begin_cube(struct spk_text attributes)
{
    struct spk_text version;
    if (cubex_xml_attribute(attributes, "version", &version) != 1)
        return -EPROTO;
    return version.len >= 2 && memcmp(version.data, "4.", 2) == 0 ? 0 : -ENOTSUP;
}

static int begin_metric(struct reader *reader, struct spk_text attributes, uint32_t *item)
{
    struct cubex_anchor *anchor = reader->anchor;
    struct cubex_metric metric = {0};
    int result = cubex_xml_number(attributes, "id", UINT32_MAX, &metric.id);
    if (result == 0 && cubex_xml_attribute(attributes, "type", &metric.type) < 0)
        result = -EPROTO;
    if (result != 0)
        return result;
    anchor->metrics = grow(anchor->metrics, anchor->metric_count, &reader->metric_room, sizeof metric,
                           CUBEX_MAX_METRICS, &result);
    if (result != 0)
        return result;
    *item = (uint32_t)anchor->metric_count++;
    anchor->metrics[*item] = metric;
    return 0;
}

static int begin_region(struct reader *reader, struct spk_text attributes, uint32_t *item)
{
    struct cubex_anchor *anchor = reader->anchor;
    struct cubex_source region = {.line = read_line(attributes)};
    int result = cubex_xml_number(attributes, "id", CUBEX_MAX_REGIONS, &region.id);
    if (result == 0 && cubex_xml_attribute(attributes, "mod", &region.file) < 0)
        result = -EPROTO;
    if (result != 0)
        return result;
    anchor->regions = grow(anchor->regions, anchor->region_count, &reader->region_room, sizeof region,
                           CUBEX_MAX_REGIONS, &result);
    if (result != 0)
        return result;
    *item = (uint32_t)anchor->region_count++;
    anchor->regions[*item] = region;
    return 0;
}

/* The ids of call paths are not needed: it is by their order that values belong to them. */
static int begin_node(struct reader *reader, struct spk_text attributes, uint32_t *item)
{
    struct cubex_anchor *anchor = reader->anchor;
    const struct open *parent = &reader->open[reader->depth - 1];
    struct cubex_node node = {.parent = parent->element == CNODE ? parent->item : CUBEX_NONE};
    int result = cubex_xml_number(attributes, "calleeId", CUBEX_MAX_REGIONS, &node.region);
    if (result != 0)
        return result;
    anchor->nodes =
        grow(anchor->nodes, anchor->node_count, &reader->node_room, sizeof node, CUBEX_MAX_NODES, &result);
    if (result != 0)
        return result;
    *item = (uint32_t)anchor->node_count++;
    anchor->nodes[*item] = node;
    return 0;
}

static int begin_element(struct reader *reader, struct spk_text attributes, struct open *open)
{
    if (open->element == CUBE)
        return begin_cube(attributes);
    if (open->element == METRIC)
        return begin_metric(reader, attributes, &open->item);
    if (open->element == REGION)
        return begin_region(reader, attributes, &open->item);
    if (open->element == CNODE)
        return begin_node(reader, attributes, &open->item);
    if (open->element == LOCATION)
        return ++reader->anchor->location_count > CUBEX_MAX_LOCATIONS ? -E2BIG : 0;
    return 0;
}

static int on_open(struct reader *reader, const struct cubex_xml *tag)
{
    const struct open *parent = reader->depth ? &reader->open[reader->depth - 1] : NULL;
    enum element inside = parent ? parent->element : DOCUMENT;
    struct open open = {tag->name, OTHER, parent ? parent->item : CUBEX_NONE};
    for (size_t i = 0; i < sizeof known / sizeof *known && open.element == OTHER; i++)
        if (known[i].inside == inside && text_is(tag->name, known[i].name))
            open.element = known[i].element;
    if (inside == DOCUMENT && (open.element != CUBE || reader->begun++))
        return -EPROTO;
    int result = begin_element(reader, tag->rest, &open);
    if (result != 0 || tag->kind == CUBEX_XML_EMPTY)
        return result;
    reader->open =
        grow(reader->open, reader->depth, &reader->open_room, sizeof open, CUBEX_MAX_DEPTH, &result);
    if (result == 0)
        reader->open[reader->depth++] = open;
    return result;
}

static int on_close(struct reader *reader, const struct cubex_xml *tag)
{
    if (!reader->depth)
        return -EPROTO;
    struct spk_text name = reader->open[--reader->depth].name;
    return name.len == tag->name.len && memcmp(name.data, tag->name.data, name.len) == 0 ? 0 : -EPROTO;
}

/* Where the text of this element goes, or NULL. */
static struct spk_text *text_of(const struct cubex_anchor *anchor, const struct open *open)
{
    if (open->element == UNIQ_NAME)
        return &anchor->metrics[open->item].name;
    if (open->element == DTYPE)
        return &anchor->metrics[open->item].values;
    if (open->element == NAME)
        return &anchor->regions[open->item].name;
    if (open->element == PARADIGM)
        return &anchor->regions[open->item].paradigm;
    if (open->element == ROLE)
        return &anchor->regions[open->item].role;
    return NULL;
}

/* A text that a comment interrupts is taken up to there; outside of all elements there is none. */
static int on_text(struct reader *reader, struct spk_text text)
{
    if (!reader->depth) {
        for (size_t i = 0; i < text.len; i++)
            if (!strchr(" \t\r\n", text.data[i]))
                return -EPROTO;
        return 0;
    }
    struct spk_text *to = text_of(reader->anchor, &reader->open[reader->depth - 1]);
    if (to && !to->data)
        *to = text;
    return 0;
}

static int read_items(struct reader *reader, struct spk_text document)
{
    struct cubex_xml item;
    int result;
    while ((result = cubex_xml_next(&document, &item)) == 1) {
        if (item.kind == CUBEX_XML_TEXT)
            result = on_text(reader, item.rest);
        else if (item.kind == CUBEX_XML_CLOSE)
            result = on_close(reader, &item);
        else
            result = on_open(reader, &item);
        if (result != 0)
            return result;
    }
    if (result == 0 && (reader->depth || !reader->begun))
        result = -EPROTO;
    return result;
}

/* Call paths name their region by its id: put its index there. */
static int resolve_regions(struct cubex_anchor *anchor)
{
    size_t limit = 0;
    for (size_t i = 0; i < anchor->region_count; i++)
        if (anchor->regions[i].id >= limit)
            limit = (size_t)anchor->regions[i].id + 1;
    uint32_t *index = malloc((limit + 1) * sizeof *index);
    if (!index)
        return -ENOMEM;
    int result = 0;
    for (size_t id = 0; id < limit; id++)
        index[id] = CUBEX_NONE;
    for (size_t i = 0; i < anchor->region_count && result == 0; i++) {
        uint32_t id = anchor->regions[i].id;
        result = index[id] == CUBEX_NONE ? 0 : -EPROTO;
        index[id] = (uint32_t)i;
    }
    for (size_t i = 0; i < anchor->node_count && result == 0; i++) {
        uint32_t *region = &anchor->nodes[i].region;
        *region = *region < limit ? index[*region] : CUBEX_NONE;
        result = *region == CUBEX_NONE ? -EPROTO : 0;
    }
    free(index);
    return result;
}

int cubex_anchor_read(struct spk_text document, struct cubex_anchor *anchor)
{
    /* An anchor may be gzipped in its place; text has no NULs. */
    if (document.len >= 2 && memcmp(document.data, "\x1f\x8b", 2) == 0)
        return -ENOTSUP;
    if (document.len && memchr(document.data, 0, document.len))
        return -EPROTO;
    struct cubex_anchor read = {0};
    struct reader reader = {.anchor = &read};
    int result = read_items(&reader, document);
    if (result == 0)
        result = resolve_regions(&read);
    free(reader.open);
    if (result == 0)
        *anchor = read;
    else
        cubex_anchor_finish(&read);
    return result;
}

void cubex_anchor_finish(struct cubex_anchor *anchor)
{
    free(anchor->metrics);
    free(anchor->regions);
    free(anchor->nodes);
    *anchor = (struct cubex_anchor){0};
}

const struct cubex_metric *cubex_anchor_metric(const struct cubex_anchor *anchor, const char *name)
{
    const struct cubex_metric *found = NULL;
    for (size_t i = 0; i < anchor->metric_count; i++) {
        if (!text_is(anchor->metrics[i].name, name))
            continue;
        if (found)
            return NULL;
        found = &anchor->metrics[i];
    }
    return found;
}
