/* SPDX-License-Identifier: BSD-3-Clause
 *
 * merge: see merge.h. The order in which things are done; each step is done in rank_archive.c,
 * merged_archive.c or staging.c.
 */
#include "tracer/otf2/merge.h"

#include <stdlib.h>
#include <string.h>

#include "tracer/otf2/merged_archive.h"
#include "tracer/otf2/staging.h"

static int by_number(const void *left, const void *right)
{
    const struct merged_rank *a = left;
    const struct merged_rank *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static void finish(struct merged_archive *merged)
{
    for (uint32_t i = 0; i < merged->rank_count; i++) {
        struct merged_rank *rank = &merged->ranks[i];
        rank_archive_close(&rank->rank_archive);
        free(rank->regions);
        free(rank->parameters);
        free(rank->values);
        free(rank->location_names);
    }
    free(merged->ranks);
    regions_finish(&merged->regions);
    regions_finish(&merged->parameters);
    regions_finish(&merged->values);
    regions_finish(&merged->location_names);
}

static int init(struct merged_archive *merged, const struct merge_part *parts, uint32_t count,
                struct problem *problem)
{
    *merged = (struct merged_archive){.ranks = calloc(count, sizeof *merged->ranks)};
    if (!merged->ranks)
        return problem_errno(problem, ENOMEM, parts[0].directory);
    merged->rank_count = count;
    regions_init(&merged->regions);
    regions_init(&merged->parameters);
    regions_init(&merged->values);
    regions_init(&merged->location_names);
    for (uint32_t i = 0; i < count; i++) {
        struct merged_rank *rank = &merged->ranks[i];
        rank->number = parts[i].rank;
        rank->host = parts[i].host;
        rank->clock_offset_ns = parts[i].clock_offset_ns;
        rank->rank_archive.directory = parts[i].directory;
    }
    qsort(merged->ranks, count, sizeof *merged->ranks, by_number);
    for (uint32_t i = 1; i < count; i++)
        if (merged->ranks[i].number == merged->ranks[i - 1].number)
            return problem_flaw(problem, "another archive is of the same rank",
                                merged->ranks[i].rank_archive.directory);
    return 0;
}

/* Each host is a node, numbered in the order of the ranks. */
static void number_nodes(struct merged_archive *merged)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < merged->rank_count; i++) {
        struct merged_rank *rank = &merged->ranks[i];
        for (uint32_t j = 0; j < i && rank->node == 0; j++)
            if (strcmp(merged->ranks[j].host, rank->host) == 0)
                rank->node = merged->ranks[j].node;
        if (rank->node == 0)
            rank->node = ++nodes;
    }
}

/* Refuses a directory that is given twice, under whatever names: its events would be in the result twice, and
 * its files be removed before they were read again. */
static int check_distinct(const struct merged_archive *merged, uint32_t last, struct problem *problem)
{
    const struct rank_archive *rank_archive = &merged->ranks[last].rank_archive;
    for (uint32_t i = 0; i < last; i++)
        if (merged->ranks[i].rank_archive.inode == rank_archive->inode &&
            merged->ranks[i].rank_archive.device == rank_archive->device)
            return problem_flaw(problem, "it is another rank's archive, too", rank_archive->directory);
    return 0;
}

static int take_parts(struct merged_archive *merged, struct problem *problem)
{
    int result = 0;
    for (uint32_t i = 0; i < merged->rank_count && result == 0; i++) {
        struct merged_rank *rank = &merged->ranks[i];
        result = rank_archive_open(&rank->rank_archive, rank->rank_archive.directory, problem);
        if (result == 0)
            result = check_distinct(merged, i, problem);
        if (result == 0)
            result = merged_archive_take(merged, rank, problem);
    }
    return result;
}

static int add_events(const struct merged_archive *merged, const struct staging *staging,
                      struct problem *problem)
{
    for (uint32_t i = 0; i < merged->rank_count; i++) {
        const struct merged_rank *rank = &merged->ranks[i];
        for (uint32_t j = 0; j < rank->rank_archive.definitions.location_count; j++) {
            char path[PATH_MAX];
            int result = rank_archive_events_path(rank->rank_archive.directory, j, path, problem);
            if (result == 0)
                result = staging_add(staging, path, merged_archive_location(rank, j), problem);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

static int make_archive(const struct merged_archive *merged, const char *into, struct problem *problem)
{
    struct staging staging;
    int result = staging_create(&staging, into, problem);
    if (result != 0)
        return result;
    result = merged_archive_write(merged, staging.path, problem);
    if (result != 0) /* the staging directory's name would tell nobody anything */
        (void)problem_errno(problem, -result, into);
    if (result == 0)
        result = add_events(merged, &staging, problem);
    if (result == 0)
        result = staging_publish(&staging, problem);
    if (result != 0)
        staging_discard(&staging);
    return result;
}

int merge(const struct merge_part *parts, uint32_t count, const char *into, struct problem *problem)
{
    struct merged_archive merged;
    int result = init(&merged, parts, count, problem);
    if (result == 0) {
        number_nodes(&merged);
        result = take_parts(&merged, problem);
    }
    if (result == 0)
        result = make_archive(&merged, into, problem);
    for (uint32_t i = 0; i < merged.rank_count && result == 0; i++)
        rank_archive_remove(&merged.ranks[i].rank_archive);
    finish(&merged);
    return result;
}
