/* SPDX-License-Identifier: BSD-3-Clause
 *
 * samples.c - what a measured cell's threads were seen executing. Pure.
 */
#include "report/samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS 1e9
/* Less that is known than this share of what is not is too little to divide that by. */
#define KNOWN 0.05
/* Columns of a node, behind parent, function, line, samples and growth. */
enum { COLUMN_PYTHON = 5, COLUMN_NATIVE, COLUMN_RAN, COLUMN_STOOD, COLUMN_READY, COLUMN_WAITED };

void samples_finish(struct samples *samples)
{
    free(samples->functions);
    free(samples->nodes);
    free(samples->threads);
    *samples = (struct samples){0};
}

/* Of another's JSON, which may be wrong. */
static double seconds_at(const struct json *row, size_t column)
{
    double ns = json_number(json_at(row, column), 0);
    return ns > 0 && ns < 1e18 ? ns / NS : 0;
}

static const char *text_at(const struct json *row, size_t column)
{
    const char *text = json_text(json_at(row, column), NULL);
    return text ? text : "";
}

static int read_functions(struct samples *samples, const struct json *rows, const struct json *sources)
{
    size_t count = json_count(rows);
    samples->functions = calloc(count ? count : 1, sizeof *samples->functions);
    if (!samples->functions)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct json *row = json_at(rows, i);
        long long code = json_integer(json_at(row, 3), CODE_OF_LIBRARY);
        struct sampled_function *function = &samples->functions[i];
        function->name = text_at(row, 0);
        function->file = text_at(row, 1);
        function->line = json_integer(json_at(row, 2), 0);
        function->code = code >= 0 && code <= CODE_OF_CELL ? (enum code_of)code : CODE_OF_LIBRARY;
        const struct json *source = json_get(sources, function->file);
        function->cell = json_text(json_get(source, "cell"), NULL);
        function->source = json_text(json_get(source, "text"), NULL);
    }
    samples->function_count = (uint32_t)count;
    return 0;
}

/* IPython compiles each statement of a cell by itself, and code that is made again is another object: what
 * has one file, name and line is one function to the user, and all of a cell's own code is. */
static int by_identity(const void *left, const void *right, void *of)
{
    const struct sampled_function *functions = of;
    const struct sampled_function *a = &functions[*(const uint32_t *)left];
    const struct sampled_function *b = &functions[*(const uint32_t *)right];
    int order = strcmp(a->file, b->file);
    if (order == 0)
        order = (int)b->code - (int)a->code;
    if (order != 0 || a->code == CODE_OF_CELL)
        return order;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int find_same(struct samples *samples, uint32_t *same)
{
    uint32_t count = samples->function_count;
    uint32_t *order = malloc((count + 1) * sizeof *order);
    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, by_identity, samples->functions);
    for (uint32_t i = 0; i < count; i++) {
        int is_same = i > 0 && by_identity(&order[i - 1], &order[i], samples->functions) == 0;
        same[order[i]] = is_same ? same[order[i - 1]] : order[i];
    }
    free(order);
    return 0;
}

static void read_times(struct sampled_node *node, const struct json *row)
{
    double python = seconds_at(row, COLUMN_PYTHON), native = seconds_at(row, COLUMN_NATIVE);
    double ran = seconds_at(row, COLUMN_RAN), stood = seconds_at(row, COLUMN_STOOD);
    node->ready_s = seconds_at(row, COLUMN_READY);
    double known = python + native, either = ran + stood + node->ready_s;
    double share = known > KNOWN * either ? native / known : stood > ran ? 1 : 0; /* of native code */
    node->own_s[ON_PYTHON] = python + either * (1 - share);
    node->own_s[ON_NATIVE] = native + either * share;
    for (int i = 0; i < WAITED_KINDS; i++) {
        node->waited_s[i] = seconds_at(row, (size_t)COLUMN_WAITED + (size_t)i);
        node->own_s[i == FOR_GIL ? ON_GIL : ON_WAITING] += node->waited_s[i];
    }
    node->grown = json_number(json_at(row, 4), 0);
}

typedef void read_node(struct sampled_node *node, const struct json *row);

/* 0, -ENOMEM, or -EPROTO: a number leads nowhere. */
static int read_nodes(struct samples *samples, const struct json *rows, read_node *read, uint32_t depth_max)
{
    size_t count = json_count(rows);
    samples->nodes = calloc(count ? count : 1, sizeof *samples->nodes);
    if (!samples->nodes)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct json *row = json_at(rows, i);
        long long parent = json_integer(json_at(row, 0), -2), function = json_integer(json_at(row, 1), -2);
        long long line = json_integer(json_at(row, 2), -1);
        int is_thread = parent == -1 && function == -1 && line < (long long)samples->thread_count;
        int is_call = parent >= 0 && parent < (long long)i && function >= 0 &&
                      function < (long long)samples->function_count;
        if ((!is_thread && !is_call) || line < 0 || line > INT32_MAX)
            return -EPROTO;
        struct sampled_node *node = &samples->nodes[i];
        node->parent = (int32_t)parent;
        node->function = (int32_t)function;
        node->line = (int32_t)line;
        node->depth = is_call ? samples->nodes[parent].depth + 1 : 0;
        if (node->depth > depth_max)
            return -EPROTO;
        read(node, row);
    }
    samples->node_count = (uint32_t)count;
    return 0;
}

static int unite_functions(struct samples *samples)
{
    uint32_t *same = malloc((samples->function_count + 1) * sizeof *same);
    int result = same ? find_same(samples, same) : -ENOMEM;
    for (uint32_t i = 0; i < samples->node_count && result == 0; i++)
        if (samples->nodes[i].function >= 0)
            samples->nodes[i].function = (int32_t)same[samples->nodes[i].function];
    free(same);
    return result;
}

static int read_threads(struct samples *samples, const struct json *rows)
{
    size_t count = json_count(rows);
    samples->threads = calloc(count ? count : 1, sizeof *samples->threads);
    if (!samples->threads)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct json *row = json_at(rows, i);
        samples->threads[i] = (struct sampled_thread){json_boolean(json_at(row, 1), 0),
                                                      seconds_at(row, 2),
                                                      seconds_at(row, 3),
                                                      json_at(row, 4),
                                                      seconds_at(row, 5),
                                                      json_integer(json_at(row, 6), -1),
                                                      NULL};
    }
    samples->thread_count = (uint32_t)count;
    return 0;
}

static double bytes_at(const struct json *row, size_t column)
{
    double bytes = json_number(json_at(row, column), 0);
    return bytes > 0 && bytes < 1e18 ? bytes : 0;
}

int samples_is_users(const struct sampled_function *function)
{
    return function->code == CODE_OF_USER || function->code == CODE_OF_CELL;
}

int samples_is_displayhook(const struct sampled_function *function)
{
    static const char file[] = "displayhook.py";
    size_t len = strlen(function->file);
    return function->code == CODE_OF_KERNEL && len >= sizeof file - 1 &&
           strcmp(function->file + len - (sizeof file - 1), file) == 0;
}

/* What a node is below. */
enum { BELOW_CELL = 1, BELOW_DISPLAYHOOK = 2 };

static uint8_t what_is_above(const struct samples *samples, const struct sampled_node *node,
                             const uint8_t *below)
{
    if (node->parent < 0)
        return samples->threads[node->line].is_master ? BELOW_CELL : 0;
    int shows = samples_is_displayhook(&samples->functions[node->function]);
    return below[node->parent] | (shows ? BELOW_DISPLAYHOOK : 0);
}

static int sum_up_cell(struct samples *samples)
{
    uint8_t *below = calloc(samples->node_count + 1, 1);
    if (!below)
        return -ENOMEM;
    for (uint32_t i = 0; i < samples->node_count; i++) {
        const struct sampled_node *node = &samples->nodes[i];
        below[i] = what_is_above(samples, node, below);
        int is_shown = below[i] == (BELOW_CELL | BELOW_DISPLAYHOOK), is_cells = below[i] == BELOW_CELL;
        for (int kind = 0; kind < SPENT_KINDS; kind++) {
            samples->shown_s += is_shown ? node->own_s[kind] : 0;
            samples->of_cell_s[kind] += is_cells ? node->own_s[kind] : 0;
        }
        samples->ready_s += is_cells ? node->ready_s : 0;
    }
    free(below);
    return 0;
}

static int read_all(struct samples *samples, const struct json *sampling)
{
    const struct json *memory = json_get(sampling, "memory");
    samples->count = (uint64_t)json_integer(json_get(sampling, "samples"), 0);
    samples->seconds = json_number(json_get(sampling, "seconds"), 0);
    samples->cost_s = json_number(json_get(sampling, "cost"), 0);
    samples->memory_first = bytes_at(memory, 0);
    samples->memory_last = bytes_at(memory, 1);
    samples->memory_peak = bytes_at(memory, 2);
    int result = read_threads(samples, json_get(sampling, "threads"));
    if (result == 0)
        result = read_functions(samples, json_get(sampling, "functions"), json_get(sampling, "sources"));
    if (result == 0)
        result = read_nodes(samples, json_get(sampling, "nodes"), read_times, SAMPLES_DEPTH_MAX);
    if (result == 0)
        result = unite_functions(samples);
    if (result == 0)
        result = sum_up_cell(samples);
    return result;
}

static int is_too_much(const struct json *found)
{
    return json_count(json_get(found, "functions")) > SAMPLES_FUNCTIONS_MAX ||
           json_count(json_get(found, "nodes")) > SAMPLES_NODES_MAX ||
           json_count(json_get(found, "threads")) > SAMPLES_THREADS_MAX;
}

/* What cannot be read is not there. */
static int checked(struct samples *samples, int result)
{
    if (result != 0 || !(samples->seconds > 0) || !(samples->seconds < 1e9))
        samples_finish(samples);
    return result == -ENOMEM ? result : 0;
}

int samples_read(struct samples *samples, const struct json *measured)
{
    const struct json *sampling = json_get(measured, "sampling");
    *samples = (struct samples){0};
    return is_too_much(sampling) ? 0 : checked(samples, read_all(samples, sampling));
}

/* --- call paths ------------------------------------------------------------------------------------------
 */

/* Columns of a row, behind parent, function and line. */
enum { COLUMN_VISITS = 3, COLUMN_EXCLUSIVE };

static void read_recorded(struct sampled_node *node, const struct json *row)
{
    node->visits = json_integer(json_at(row, COLUMN_VISITS), 0);
    node->own_s[ON_ANYTHING] = seconds_at(row, COLUMN_EXCLUSIVE);
}

static void read_locations(struct samples *samples, const struct json *rows)
{
    for (uint32_t i = 0; i < samples->thread_count; i++)
        samples->threads[i] = (struct sampled_thread){.name = text_at(json_at(rows, i), 0),
                                                      .rank = json_integer(json_at(json_at(rows, i), 1), -1)};
}

int samples_read_call_paths(struct samples *samples, const struct json *measured)
{
    const struct json *paths = json_get(measured, "call_paths");
    *samples = (struct samples){0};
    if (is_too_much(paths))
        return 0;
    int result = read_threads(samples, json_get(paths, "threads"));
    if (result == 0)
        result = read_functions(samples, json_get(paths, "functions"), json_get(paths, "sources"));
    if (result == 0)
        result = read_nodes(samples, json_get(paths, "nodes"), read_recorded, SAMPLES_NODES_MAX);
    if (result == 0) {
        read_locations(samples, json_get(paths, "threads"));
        for (uint32_t i = 0; i < samples->node_count; i++)
            samples->seconds += samples->nodes[i].own_s[ON_ANYTHING];
    }
    return checked(samples, result);
}
