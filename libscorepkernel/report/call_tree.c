/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call_tree.c - the call tree of a measured cell, folded. Pure.
 */
#include "report/call_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_OUT (-2)

struct folding {
    struct call_tree *tree;
    const struct samples *samples;
    enum call_tree_apart apart;
    int32_t *places; /* by sampled node: the entry that it is part of, or LEFT_OUT */
    uint8_t *leads;  /* by sampled node: whether it calls the user's code, at whatever distance */
};

void call_tree_finish(struct call_tree *tree)
{
    free(tree->calls);
    *tree = (struct call_tree){0};
}

double call_total(const struct call *call)
{
    double total = 0;
    for (int i = 0; i < SPENT_KINDS; i++)
        total += call->spent_s[i];
    return total;
}

/* A comprehension or a generator expression is a part of the line that it stands in. */
static int is_part_of_line(const struct sampled_function *function)
{
    static const char *const parts[] = {"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"};
    const char *dot = strrchr(function->name, '.');
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(dot ? dot + 1 : function->name, parts[i]) == 0)
            return 1;
    return 0;
}

/* --- finding the entry of a node -------------------------------------------------------------------------
 */

/* An entry calls no more different ones: further ones count as its own time. */
#define CALLEES_MAX 4096

/* What an entry calls; made if it is not there. There is room: a node has two entries at most. */
static int32_t child(struct folding *folding, int32_t parent, enum call_kind kind, int32_t function,
                     int32_t line)
{
    struct call *calls = folding->tree->calls;
    if (calls[parent].depth == CALL_TREE_DEPTH_MAX)
        return parent;
    int count = 0;
    for (int32_t at = calls[parent].first; at >= 0; at = calls[at].next, count++)
        if (calls[at].kind == kind && calls[at].function == function && calls[at].line == line)
            return at;
    if (count >= CALLEES_MAX)
        return parent;
    struct call call = {.parent = parent,
                        .first = -1,
                        .next = calls[parent].first,
                        .kind = kind,
                        .function = function,
                        .line = line,
                        .depth = calls[parent].depth + 1};
    int32_t made = (int32_t)folding->tree->count++;
    calls[made] = call;
    calls[parent].first = made;
    return made;
}

/* The root, and what it is divided into. */
static int is_top(const struct folding *folding, int32_t at)
{
    return folding->tree->calls[at].kind <= CALL_RANK;
}

/* The entry above all that a thread did. */
static int32_t place_of_thread(struct folding *folding, int32_t number)
{
    if (folding->apart == CALL_TREE_TOGETHER)
        return 0;
    if (folding->apart == CALL_TREE_THREADS)
        return child(folding, 0, CALL_THREAD, -1, number);
    long long rank = folding->samples->threads[number].rank;
    return child(folding, 0, CALL_RANK, -1, rank > 0 && rank < INT32_MAX ? (int32_t)rank : 0);
}

/* The function of that number among an entry and its callers; -1: it is not there. */
static int32_t caller(const struct folding *folding, int32_t at, int32_t function)
{
    const struct call *calls = folding->tree->calls;
    while (at >= 0 && !(calls[at].kind == CALL_FUNCTION && calls[at].function == function))
        at = calls[at].parent;
    return at;
}

static int32_t enter_users(struct folding *folding, int32_t at, const struct sampled_node *node)
{
    const struct sampled_function *function = &folding->samples->functions[node->function];
    if (!is_part_of_line(function) || is_top(folding, at)) {
        int32_t again = caller(folding, at, node->function);
        if (again >= 0)
            folding->tree->calls[again].is_recursive = 1;
        at = again >= 0 ? again : child(folding, at, CALL_FUNCTION, node->function, 0);
    } else if (folding->tree->calls[at].kind == CALL_LINE) {
        return at; /* it is in the line of what made it, or in one of its own */
    }
    return node->line == 0 ? at : child(folding, at, CALL_LINE, node->function, node->line);
}

/* The entry that a node is part of, or LEFT_OUT. at: that of its caller. */
static int32_t place(struct folding *folding, int32_t at, uint32_t number)
{
    const struct sampled_node *node = &folding->samples->nodes[number];
    if (at == LEFT_OUT || samples_is_displayhook(&folding->samples->functions[node->function]))
        return LEFT_OUT;
    const struct sampled_function *function = &folding->samples->functions[node->function];
    const struct call *here = &folding->tree->calls[at];
    if (samples_is_users(function))
        return enter_users(folding, at, node);
    if (function->code == CODE_OF_WRAPPER || here->kind == CALL_KERNEL)
        return at;
    if (is_top(folding, at) && (folding->leads[number] || function->code == CODE_OF_KERNEL))
        return at; /* what runs the cell, or a thread of it */
    if (function->code == CODE_OF_KERNEL)
        return child(folding, at, CALL_KERNEL, -1, 0);
    if (here->kind == CALL_FUNCTION && !samples_is_users(&folding->samples->functions[here->function]))
        return at; /* a library's own calls */
    return child(folding, at, CALL_FUNCTION, node->function, 0);
}

/* --- times -----------------------------------------------------------------------------------------------
 */

/* An entry's number is greater than that of its caller. */
static void add_up(struct call_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++)
        memcpy(tree->calls[i].spent_s, tree->calls[i].own_s, sizeof tree->calls[i].spent_s);
    for (uint32_t i = tree->count; i-- > 1;)
        for (int kind = 0; kind < SPENT_KINDS; kind++)
            tree->calls[tree->calls[i].parent].spent_s[kind] += tree->calls[i].spent_s[kind];
}

static int longest_first(const void *left, const void *right, void *of)
{
    const struct call *calls = of;
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    double a_s = call_total(&calls[a]), b_s = call_total(&calls[b]);
    if (a_s != b_s)
        return a_s < b_s ? 1 : -1;
    return a < b ? -1 : 1;
}

/* numbers: room for as many as there are entries. */
static void sort_children(struct call_tree *tree, struct call *parent, int32_t *numbers)
{
    size_t count = 0;
    for (int32_t at = parent->first; at >= 0; at = tree->calls[at].next)
        numbers[count++] = at;
    qsort_r(numbers, count, sizeof *numbers, longest_first, tree->calls);
    parent->first = count ? numbers[0] : -1;
    for (size_t i = 0; i < count; i++)
        tree->calls[numbers[i]].next = i + 1 < count ? numbers[i + 1] : -1;
}

static int sort(struct call_tree *tree)
{
    int32_t *numbers = malloc(tree->count * sizeof *numbers);
    if (!numbers)
        return -ENOMEM;
    for (uint32_t i = 0; i < tree->count; i++)
        sort_children(tree, &tree->calls[i], numbers);
    free(numbers);
    return 0;
}

/* Callers come before what they call. */
static void find_what_leads(struct folding *folding)
{
    const struct samples *samples = folding->samples;
    for (uint32_t i = samples->node_count; i-- > 0;) {
        const struct sampled_node *node = &samples->nodes[i];
        if (node->parent >= 0 && (folding->leads[i] || samples_is_users(&samples->functions[node->function])))
            folding->leads[node->parent] = 1;
    }
}

/* Of another's numbers. */
static void add_visits(struct call *call, long long visits)
{
    if (visits > 0 && call->visits < LLONG_MAX - visits)
        call->visits += visits;
}

static void fold(struct folding *folding)
{
    const struct samples *samples = folding->samples;
    find_what_leads(folding);
    for (uint32_t i = 0; i < samples->node_count; i++) {
        const struct sampled_node *node = &samples->nodes[i];
        int32_t at = node->parent < 0 ? place_of_thread(folding, node->line)
                                      : place(folding, folding->places[node->parent], i);
        folding->places[i] = at;
        if (at == LEFT_OUT)
            continue;
        for (int kind = 0; kind < SPENT_KINDS; kind++)
            folding->tree->calls[at].own_s[kind] += node->own_s[kind];
        add_visits(&folding->tree->calls[at], node->visits);
    }
}

int call_tree_make(struct call_tree *tree, const struct samples *samples, enum call_tree_apart apart)
{
    struct folding folding = {.tree = tree, .samples = samples, .apart = apart};
    *tree = (struct call_tree){.count = 1};
    tree->calls = calloc(2 * (size_t)samples->node_count + samples->thread_count + 1, sizeof *tree->calls);
    folding.places = malloc((samples->node_count + 1) * sizeof *folding.places);
    folding.leads = calloc(samples->node_count + 1, 1);
    int result = tree->calls && folding.places && folding.leads ? 0 : -ENOMEM;
    if (result == 0) {
        tree->calls[0] =
            (struct call){.parent = -1, .first = -1, .next = -1, .kind = CALL_ALL, .function = -1};
        fold(&folding);
        add_up(tree);
        result = sort(tree);
    }
    free(folding.places);
    free(folding.leads);
    if (result != 0)
        call_tree_finish(tree);
    return result;
}
