/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex.c - from a CUBE4 file to what each region and each call path took. Pure. It puts together what the
 * archive, the anchor and the rows of two metrics say, found by their names; all other metrics are left
 * alone.
 */
#include "profile/cubex.h"

#include "base/text.h"
#include "profile/cubex_anchor.h"
#include "profile/cubex_rows.h"
#include "profile/cubex_tar.h"
#include "profile/cubex_xml.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a call path, summed over all locations. */
struct path {
    double inclusive_s, exclusive_s;
    uint64_t visits;
};

/* Of a region, summed over all call paths. */
struct total {
    double inclusive_s, exclusive_s;
    uint64_t visits;
    uint32_t open; /* in sum_regions: how often it is on the way to where we are */
};

/* --- the two metrics ------------------------------------------------------------------------------- */

static int find_file(struct spk_text archive, uint32_t id, const char *suffix, struct spk_text *file)
{
    char name[32];
    snprintf(name, sizeof name, "%u.%s", (unsigned)id, suffix);
    int found = cubex_tar_find(archive, name, file);
    return found < 0 ? found : found ? 0 : -EPROTO;
}

static int open_metric(struct spk_text archive, const struct cubex_anchor *anchor, const char *name,
                       const char *type, const char *values, struct cubex_rows *rows)
{
    const struct cubex_metric *metric = cubex_anchor_metric(anchor, name);
    struct spk_text index, data;
    if (!metric)
        return -EPROTO;
    if (!text_is(metric->type, type) || !text_is(metric->values, values))
        return -ENOTSUP;
    int result = find_file(archive, metric->id, "index", &index);
    if (result == 0)
        result = find_file(archive, metric->id, "data", &data);
    if (result == 0)
        result = cubex_rows_open(index, data, anchor->node_count, anchor->location_count, rows);
    return result;
}

/* Exclusive metrics number the call paths as they come in the file. Inclusive ones number all children of a
 * call path before the children of the first of them, then of the second: what one needs to make a value
 * exclusive lies together. places: an element for each call path, all 0. */
static void number_inclusive(const struct cubex_anchor *anchor, uint32_t *numbers, uint32_t *places)
{
    uint32_t next = 0;
    for (size_t i = 0; i < anchor->node_count; i++)
        if (anchor->nodes[i].parent != CUBEX_NONE)
            places[anchor->nodes[i].parent]++;
    for (size_t i = 0; i < anchor->node_count; i++) {
        uint32_t parent = anchor->nodes[i].parent, children = places[i];
        numbers[i] = parent == CUBEX_NONE ? next++ : places[parent]++;
        places[i] = next; /* where its next child goes, from now on */
        next += children;
    }
}

static int read_visits(const struct cubex_rows *rows, size_t count, struct path *paths)
{
    uint64_t *sums = calloc(count + 1, sizeof *sums);
    int result = sums ? cubex_rows_sum_u64(rows, sums) : -ENOMEM;
    for (size_t i = 0; i < count && result == 0; i++)
        paths[i].visits = sums[i];
    free(sums);
    return result;
}

static int read_time(const struct cubex_rows *rows, const struct cubex_anchor *anchor, struct path *paths)
{
    size_t count = anchor->node_count;
    uint32_t *numbers = calloc(2 * count + 1, sizeof *numbers);
    double *sums = calloc(count + 1, sizeof *sums);
    int result = numbers && sums ? cubex_rows_sum_double(rows, sums) : -ENOMEM;
    if (result == 0) {
        number_inclusive(anchor, numbers, numbers + count);
        for (size_t i = 0; i < count; i++)
            paths[i].inclusive_s = paths[i].exclusive_s = sums[numbers[i]];
        for (size_t i = 0; i < count; i++)
            if (anchor->nodes[i].parent != CUBEX_NONE)
                paths[anchor->nodes[i].parent].exclusive_s -= paths[i].inclusive_s;
    }
    free(numbers);
    free(sums);
    return result;
}

static int read_paths(struct spk_text archive, const struct cubex_anchor *anchor, struct path *paths)
{
    struct cubex_rows visits, time;
    int result = open_metric(archive, anchor, "visits", "EXCLUSIVE", "UINT64", &visits);
    if (result == 0)
        result = open_metric(archive, anchor, "time", "INCLUSIVE", "DOUBLE", &time);
    if (result == 0)
        result = read_visits(&visits, anchor->node_count, paths);
    if (result == 0)
        result = read_time(&time, anchor, paths);
    return result;
}

/* --- the regions ----------------------------------------------------------------------------------- */

static int sum_regions(const struct cubex_anchor *anchor, const struct path *paths, struct total *totals)
{
    uint32_t last = CUBEX_NONE;
    for (size_t i = 0; i < anchor->node_count; i++) {
        struct total *total = &totals[anchor->nodes[i].region];
        /* Back up from the call path before to the one that this is a child of. */
        for (; last != anchor->nodes[i].parent; last = anchor->nodes[last].parent)
            totals[anchor->nodes[last].region].open--;
        if (!total->open++)
            total->inclusive_s += paths[i].inclusive_s;
        last = (uint32_t)i;
        total->exclusive_s += paths[i].exclusive_s;
        if (paths[i].visits > UINT64_MAX - total->visits)
            return -EPROTO;
        total->visits += paths[i].visits;
    }
    for (size_t i = 0; i < anchor->region_count; i++)
        if (!isfinite(totals[i].inclusive_s) || !isfinite(totals[i].exclusive_s))
            return -EPROTO;
    return 0;
}

static const char *put_text(struct spk_text raw, char **at)
{
    char *text = *at;
    *at += cubex_xml_resolve(raw, text);
    *(*at)++ = 0;
    return text;
}

static size_t text_room(const struct cubex_source *source)
{
    return cubex_xml_resolve(source->name, NULL) + cubex_xml_resolve(source->file, NULL) +
           cubex_xml_resolve(source->paradigm, NULL) + cubex_xml_resolve(source->role, NULL) + 4;
}

/* Regions without a visit are those of no call path, and Score-P's own nodes, such as that above all threads.
 * The texts are parts of the file that do not overlap: together they are no longer than it is. numbers: by
 * region of the anchor, that of the profile's, where it has one. */
static int make_regions(const struct cubex_anchor *anchor, const struct total *totals,
                        struct cubex_profile *profile, uint32_t *numbers)
{
    size_t room = 0;
    for (size_t i = 0; i < anchor->region_count; i++) {
        if (totals[i].visits) {
            room += text_room(&anchor->regions[i]);
            numbers[i] = (uint32_t)profile->region_count++;
        }
    }
    profile->regions = calloc(profile->region_count + 1, sizeof *profile->regions);
    char *at = profile->texts = malloc(room + 1);
    if (!profile->regions || !profile->texts)
        return -ENOMEM;
    for (size_t i = 0; i < anchor->region_count; i++) {
        const struct cubex_source *source = &anchor->regions[i];
        if (!totals[i].visits)
            continue;
        profile->regions[numbers[i]] = (struct cubex_region){
            .name = put_text(source->name, &at),
            .file = put_text(source->file, &at),
            .paradigm = put_text(source->paradigm, &at),
            .role = put_text(source->role, &at),
            .line = source->line,
            .visits = totals[i].visits,
            .inclusive_s = totals[i].inclusive_s,
            .exclusive_s = totals[i].exclusive_s,
        };
    }
    assert(at == profile->texts + room);
    return 0;
}

/* A path without a visit is left out: what it called stands below what called it. numbers: of regions. */
static int make_paths(const struct cubex_anchor *anchor, const struct path *paths, const uint32_t *numbers,
                      struct cubex_profile *profile)
{
    uint32_t *places = malloc((anchor->node_count + 1) * sizeof *places);
    profile->paths = calloc(anchor->node_count + 1, sizeof *profile->paths);
    if (!places || !profile->paths) {
        free(places);
        return -ENOMEM;
    }
    for (size_t i = 0; i < anchor->node_count; i++) {
        const struct cubex_node *node = &anchor->nodes[i];
        uint32_t parent = node->parent == CUBEX_NONE ? CUBEX_NO_PARENT : places[node->parent];
        places[i] = parent;
        if (!paths[i].visits)
            continue;
        places[i] = (uint32_t)profile->path_count;
        profile->paths[profile->path_count++] = (struct cubex_path){
            parent, numbers[node->region], paths[i].visits, paths[i].inclusive_s, paths[i].exclusive_s};
    }
    free(places);
    return 0;
}

static int make_profile(const struct cubex_anchor *anchor, const struct path *paths,
                        const struct total *totals, struct cubex_profile *profile)
{
    struct cubex_profile made = {.location_count = anchor->location_count};
    uint32_t *numbers = calloc(anchor->region_count + 1, sizeof *numbers);
    int result = numbers ? make_regions(anchor, totals, &made, numbers) : -ENOMEM;
    if (result == 0)
        result = make_paths(anchor, paths, numbers, &made);
    free(numbers);
    if (result == 0)
        *profile = made;
    else
        cubex_finish(&made);
    return result;
}

static int read_profile(struct spk_text archive, const struct cubex_anchor *anchor,
                        struct cubex_profile *profile)
{
    struct path *paths = calloc(anchor->node_count + 1, sizeof *paths);
    struct total *totals = calloc(anchor->region_count + 1, sizeof *totals);
    int result = paths && totals ? read_paths(archive, anchor, paths) : -ENOMEM;
    if (result == 0)
        result = sum_regions(anchor, paths, totals);
    if (result == 0)
        result = make_profile(anchor, paths, totals, profile);
    free(paths);
    free(totals);
    return result;
}

int cubex_read(const unsigned char *bytes, size_t len, struct cubex_profile *profile)
{
    struct spk_text archive = {(const char *)bytes, len}, document;
    struct cubex_anchor anchor;
    if (len > CUBEX_MAX_LEN)
        return -E2BIG;
    int found = cubex_tar_find(archive, "anchor.xml", &document);
    if (found != 1)
        return found < 0 ? found : -EPROTO;
    int result = cubex_anchor_read(document, &anchor);
    if (result == 0) {
        result = read_profile(archive, &anchor, profile);
        cubex_anchor_finish(&anchor);
    }
    return result;
}

void cubex_finish(struct cubex_profile *profile)
{
    free(profile->regions);
    free(profile->paths);
    free(profile->texts);
    *profile = (struct cubex_profile){0};
}
