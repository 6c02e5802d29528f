/* SPDX-License-Identifier: BSD-3-Clause
 *
 * hottest_line: see hottest_line.h. */
#include "tracer/sampling/hottest_line.h"

#include <stdlib.h>
#include <string.h>

void hottest_line_finish(struct hottest_line *work)
{
    free(work->whole_ns);
    *work = (struct hottest_line){0};
}

static uint64_t own_ns(const struct sample_node *node)
{
    uint64_t sum = 0;
    for (int i = 0; i < DOING_KINDS; i++)
        sum += node->ns[i];
    return sum;
}

/* false: there is no memory for it. */
static bool add_up(struct hottest_line *work, const struct sample_tree *tree)
{
    if (tree->count > work->capacity) {
        uint64_t *more = realloc(work->whole_ns, tree->capacity * sizeof *more);
        if (!more)
            return false;
        work->whole_ns = more;
        work->capacity = tree->capacity;
    }
    for (uint32_t i = 0; i < tree->count; i++)
        work->whole_ns[i] = own_ns(&tree->nodes[i]);
    for (uint32_t i = tree->count; i-- > 0;) /* a node stands behind the one that called it */
        if (tree->nodes[i].parent != SAMPLE_NODE_NONE)
            work->whole_ns[tree->nodes[i].parent] += work->whole_ns[i];
    return true;
}

static bool is_line_of_cell(const struct sample_node *node, const struct functions *functions,
                            const char *cell)
{
    if (node->function == FUNCTION_NONE || node->line <= 0)
        return false;
    const struct function *function = &functions->items[node->function];
    return functions_is_module_level(function) && strcmp(function->file, cell) == 0;
}

void hottest_line_find(struct hottest_line *work, const struct sample_tree *tree,
                       const struct functions *functions, const char *cell, struct progress_found *found)
{
    if (tree->count == 0 || !add_up(work, tree))
        return;
    found->whole_ns = work->whole_ns[0];
    for (uint32_t i = 0; i < tree->count; i++)
        if (work->whole_ns[i] > found->line_ns && is_line_of_cell(&tree->nodes[i], functions, cell)) {
            found->line = (uint32_t)tree->nodes[i].line;
            found->line_ns = work->whole_ns[i];
        }
}
