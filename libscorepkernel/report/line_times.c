/* SPDX-License-Identifier: BSD-3-Clause
 *
 * line_times.c - the time of each line of the user's code. Pure.
 */
#include "report/line_times.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Lines by file and number, while they are collected. */
struct table {
    struct line_times *times;
    const struct samples *samples;
    uint32_t *slots; /* 1 + the number of a line; 0: free. A power of two, at least twice as many as nodes */
    uint32_t slot_count;
    uint32_t *seen;  /* by line: 1 + the node whose time it has got last */
    int32_t *files;  /* by function: the one that stands for its file */
    uint32_t *ranks; /* by such a function: when its file was called first, from 1 on */
};

void line_times_finish(struct line_times *times)
{
    free(times->lines);
    *times = (struct line_times){0};
}

double line_time_total(const struct line_time *line)
{
    double total = 0;
    for (int i = 0; i < SPENT_KINDS; i++)
        total += line->spent_s[i];
    return total;
}

/* More files are not told from each other by name: each function of them has one of its own. */
#define FILES_MAX 1024u

/* The function that stands for a function's file: the first of the same file's, in the order in which they
 * are given here. */
static void find_file(struct table *table, int32_t *files, uint32_t *file_count, uint32_t function)
{
    const struct sampled_function *functions = table->samples->functions;
    for (uint32_t i = 0; i < *file_count; i++) {
        if (strcmp(functions[files[i]].file, functions[function].file) == 0) {
            table->files[function] = files[i];
            return;
        }
    }
    table->files[function] = (int32_t)function;
    if (*file_count < FILES_MAX)
        files[(*file_count)++] = (int32_t)function;
}

/* A file that has a cell's code is a cell's, whatever else is in it. */
static void find_files(struct table *table)
{
    const struct samples *samples = table->samples;
    int32_t files[FILES_MAX];
    uint32_t file_count = 0;
    for (int code = CODE_OF_CELL; code >= CODE_OF_USER; code -= CODE_OF_CELL - CODE_OF_USER)
        for (uint32_t i = 0; i < samples->function_count; i++)
            if ((int)samples->functions[i].code == code)
                find_file(table, files, &file_count, i);
}

/* Nodes come in the order in which they were found, callers before what they call. */
static void rank_files(struct table *table)
{
    const struct samples *samples = table->samples;
    uint32_t rank = 0;
    for (uint32_t i = 0; i < samples->node_count; i++) {
        int32_t function = samples->nodes[i].function;
        if (function < 0 || !samples_is_users(&samples->functions[function]))
            continue;
        if (!table->ranks[table->files[function]])
            table->ranks[table->files[function]] = ++rank;
    }
}

static struct line_time *line_of(struct table *table, const struct sampled_node *node)
{
    struct line_times *times = table->times;
    int32_t file = table->files[node->function];
    uint64_t hash = ((uint64_t)(uint32_t)file << 32 | (uint32_t)node->line) * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(hash >> 40) & (table->slot_count - 1);
    for (; table->slots[at]; at = (at + 1) & (table->slot_count - 1)) {
        struct line_time *line = &times->lines[table->slots[at] - 1];
        if (line->function == file && line->line == node->line)
            return line;
    }
    table->slots[at] = times->count + 1;
    times->lines[times->count] = (struct line_time){.function = file, .line = node->line};
    return &times->lines[times->count++];
}

static void add(struct line_time *line, const struct sampled_node *node)
{
    for (int i = 0; i < SPENT_KINDS; i++)
        line->spent_s[i] += node->own_s[i];
    for (int i = 0; i < WAITED_KINDS; i++)
        line->waited_s[i] += node->waited_s[i];
}

static int is_shown(const struct samples *samples, const struct sampled_node *at)
{
    for (; at->parent >= 0; at = &samples->nodes[at->parent])
        if (samples_is_displayhook(&samples->functions[at->function]))
            return 1;
    return 0;
}

/* Gives a node's time to each line of the user's that it was called in. */
static void distribute(struct table *table, uint32_t number)
{
    const struct samples *samples = table->samples;
    const struct sampled_node *node = &samples->nodes[number], *at = node;
    int found = 0;
    if (is_shown(samples, node))
        return;
    for (; at->parent >= 0; at = &samples->nodes[at->parent]) {
        if (!samples_is_users(&samples->functions[at->function]) || at->line == 0)
            continue;
        struct line_time *line = line_of(table, at);
        uint32_t place = (uint32_t)(line - table->times->lines);
        if (!found)
            line->grown += node->grown; /* to the innermost one */
        found = 1;
        if (table->seen[place] == number + 1)
            continue;
        table->seen[place] = number + 1;
        add(line, node);
    }
    if (!found && samples->threads[at->line].is_master)
        for (int i = 0; i < SPENT_KINDS; i++)
            table->times->outside_s += node->own_s[i];
}

static int by_place(const void *left, const void *right, void *of)
{
    const struct table *table = of;
    const struct samples *samples = table->samples;
    const struct line_time *a = left, *b = right;
    int a_is_cells = samples->functions[a->function].code == CODE_OF_CELL;
    int b_is_cells = samples->functions[b->function].code == CODE_OF_CELL;
    if (a_is_cells != b_is_cells)
        return b_is_cells - a_is_cells;
    if (a->function != b->function)
        return table->ranks[a->function] < table->ranks[b->function] ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

int line_times_make(struct line_times *times, const struct samples *samples)
{
    struct table table = {.times = times, .samples = samples, .slot_count = 64};
    while (table.slot_count < 2 * samples->node_count)
        table.slot_count *= 2;
    *times = (struct line_times){.lines = calloc(samples->node_count + 1, sizeof *times->lines)};
    table.slots = calloc(table.slot_count, sizeof *table.slots);
    table.seen = calloc(samples->node_count + 1, sizeof *table.seen);
    table.files = calloc(samples->function_count + 1, sizeof *table.files);
    table.ranks = calloc(samples->function_count + 1, sizeof *table.ranks);
    int result = times->lines && table.slots && table.seen && table.files && table.ranks ? 0 : -ENOMEM;
    if (result == 0) {
        find_files(&table);
        rank_files(&table);
        for (uint32_t i = 0; i < samples->node_count; i++)
            distribute(&table, i);
        qsort_r(times->lines, times->count, sizeof *times->lines, by_place, &table);
    } else {
        line_times_finish(times);
    }
    free(table.slots);
    free(table.seen);
    free(table.files);
    free(table.ranks);
    return result;
}
