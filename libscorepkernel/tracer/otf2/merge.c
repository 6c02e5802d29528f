/* SPDX-License-Identifier: BSD-3-Clause
 *
 * merge: see merge.h. The order in which things are done; how is part.c's, whole.c's and staging.c's affair.
 */
#include "tracer/otf2/merge.h"

#include <stdlib.h>
#include <string.h>

#include "tracer/otf2/merged_archive.h"
#include "tracer/otf2/staging.h"

static int by_number(const void *left, const void *right)
{
    const struct whole_rank *a = left;
    const struct whole_rank *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static void finish(struct whole *whole)
{
    for (uint32_t i = 0; i < whole->rank_count; i++) {
        struct whole_rank *rank = &whole->ranks[i];
        part_close(&rank->part);
        free(rank->regions);
        free(rank->parameters);
        free(rank->values);
        free(rank->location_names);
    }
    free(whole->ranks);
    regions_finish(&whole->regions);
    regions_finish(&whole->parameters);
    regions_finish(&whole->values);
    regions_finish(&whole->location_names);
}

static int init(struct whole *whole, const struct merge_part *parts, uint32_t count, struct problem *problem)
{
    *whole = (struct whole){.ranks = calloc(count, sizeof *whole->ranks)};
    if (!whole->ranks)
        return problem_errno(problem, ENOMEM, parts[0].directory);
    whole->rank_count = count;
    regions_init(&whole->regions);
    regions_init(&whole->parameters);
    regions_init(&whole->values);
    regions_init(&whole->location_names);
    for (uint32_t i = 0; i < count; i++) {
        struct whole_rank *rank = &whole->ranks[i];
        rank->number = parts[i].rank;
        rank->host = parts[i].host;
        rank->clock_offset_ns = parts[i].clock_offset_ns;
        rank->part.directory = parts[i].directory;
    }
    qsort(whole->ranks, count, sizeof *whole->ranks, by_number);
    for (uint32_t i = 1; i < count; i++)
        if (whole->ranks[i].number == whole->ranks[i - 1].number)
            return problem_flaw(problem, "another part has the same rank", whole->ranks[i].part.directory);
    return 0;
}

/* Each host is a node, numbered in the order of the ranks. */
static void number_nodes(struct whole *whole)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < whole->rank_count; i++) {
        struct whole_rank *rank = &whole->ranks[i];
        for (uint32_t j = 0; j < i && rank->node == 0; j++)
            if (strcmp(whole->ranks[j].host, rank->host) == 0)
                rank->node = whole->ranks[j].node;
        if (rank->node == 0)
            rank->node = ++nodes;
    }
}

/* Under whatever names: its events would be there twice, and be removed in between. */
static int check_distinct(const struct whole *whole, uint32_t last, struct problem *problem)
{
    const struct part *part = &whole->ranks[last].part;
    for (uint32_t i = 0; i < last; i++)
        if (whole->ranks[i].part.inode == part->inode && whole->ranks[i].part.device == part->device)
            return problem_flaw(problem, "it is another rank's part, too", part->directory);
    return 0;
}

static int take_parts(struct whole *whole, struct problem *problem)
{
    int result = 0;
    for (uint32_t i = 0; i < whole->rank_count && result == 0; i++) {
        struct whole_rank *rank = &whole->ranks[i];
        result = part_open(&rank->part, rank->part.directory, problem);
        if (result == 0)
            result = check_distinct(whole, i, problem);
        if (result == 0)
            result = whole_take(whole, rank, problem);
    }
    return result;
}

static int add_events(const struct whole *whole, const struct staging *staging, struct problem *problem)
{
    for (uint32_t i = 0; i < whole->rank_count; i++) {
        const struct whole_rank *rank = &whole->ranks[i];
        for (uint32_t j = 0; j < rank->part.definitions.location_count; j++) {
            char path[PATH_MAX];
            int result = part_events_path(rank->part.directory, j, path, problem);
            if (result == 0)
                result = staging_add(staging, path, whole_location(rank, j), problem);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

static int make_archive(const struct whole *whole, const char *into, struct problem *problem)
{
    struct staging staging;
    int result = staging_create(&staging, into, problem);
    if (result != 0)
        return result;
    result = whole_write(whole, staging.path, problem);
    if (result != 0) /* the staging directory's name would tell nobody anything */
        (void)problem_errno(problem, -result, into);
    if (result == 0)
        result = add_events(whole, &staging, problem);
    if (result == 0)
        result = staging_publish(&staging, problem);
    if (result != 0)
        staging_discard(&staging);
    return result;
}

int merge(const struct merge_part *parts, uint32_t count, const char *into, struct problem *problem)
{
    struct whole whole;
    int result = init(&whole, parts, count, problem);
    if (result == 0) {
        number_nodes(&whole);
        result = take_parts(&whole, problem);
    }
    if (result == 0)
        result = make_archive(&whole, into, problem);
    for (uint32_t i = 0; i < whole.rank_count && result == 0; i++)
        part_remove(&whole.ranks[i].part);
    finish(&whole);
    return result;
}
