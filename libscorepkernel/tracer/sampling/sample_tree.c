/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sample_tree: see sample_tree.h. */
#include "tracer/sampling/sample_tree.h"

#include <stdlib.h>
#include <string.h>

void sample_tree_init(struct sample_tree *tree)
{
    *tree = (struct sample_tree){0};
}

void sample_tree_finish(struct sample_tree *tree)
{
    free(tree->nodes);
    free(tree->slots);
    sample_tree_init(tree);
}

static uint32_t hash(uint32_t parent, uint32_t function, int32_t line)
{
    uint64_t key = ((uint64_t)parent << 32 | function) * 0x9E3779B97F4A7C15u;
    return (uint32_t)((key ^ (uint64_t)(uint32_t)line * 0xC2B2AE3D27D4EB4Fu) >> 29);
}

static void put(struct sample_tree *tree, uint32_t number)
{
    const struct sample_node *node = &tree->nodes[number];
    uint32_t at = hash(node->parent, node->function, node->line) & (tree->slot_count - 1);
    while (tree->slots[at] != SAMPLE_NODE_NONE)
        at = (at + 1) & (tree->slot_count - 1);
    tree->slots[at] = number;
}

static bool grow(struct sample_tree *tree)
{
    uint32_t capacity = tree->capacity ? tree->capacity * 2 : 1024;
    struct sample_node *nodes = realloc(tree->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return false;
    tree->nodes = nodes;
    size_t len = 2 * (size_t)capacity * sizeof(uint32_t);
    uint32_t *slots = malloc(len);
    if (!slots)
        return false;
    memset(slots, 0xFF, len); /* SAMPLE_NODE_NONE */
    free(tree->slots);
    tree->slots = slots;
    tree->slot_count = 2 * capacity;
    tree->capacity = capacity;
    for (uint32_t i = 0; i < tree->count; i++)
        put(tree, i);
    return true;
}

uint32_t sample_tree_child(struct sample_tree *tree, uint32_t parent, uint32_t function, int32_t line)
{
    if (tree->slot_count) {
        uint32_t at = hash(parent, function, line) & (tree->slot_count - 1);
        for (; tree->slots[at] != SAMPLE_NODE_NONE; at = (at + 1) & (tree->slot_count - 1)) {
            const struct sample_node *node = &tree->nodes[tree->slots[at]];
            if (node->parent == parent && node->function == function && node->line == line)
                return tree->slots[at];
        }
    }
    if (tree->count == SAMPLE_TREE_MAX || (tree->count == tree->capacity && !grow(tree))) {
        tree->is_full = true;
        return parent;
    }
    tree->nodes[tree->count] = (struct sample_node){.parent = parent, .function = function, .line = line};
    put(tree, tree->count);
    return tree->count++;
}
