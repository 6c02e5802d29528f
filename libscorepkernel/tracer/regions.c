/* SPDX-License-Identifier: BSD-3-Clause
 *
 * regions: see regions.h. */
#include "regions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void regions_init(struct regions *regions)
{
    *regions = (struct regions){0};
}

void regions_finish(struct regions *regions)
{
    for (uint32_t i = 0; i < regions->count; i++) {
        free(regions->items[i].name);
        free(regions->items[i].file);
    }
    free(regions->items);
    free(regions->index);
    regions_init(regions);
}

/* FNV-1a: short strings, no enemy that gains from collisions. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
    for (size_t i = 0; text[i] != '\0' && i < REGION_TEXT_MAX; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static uint32_t hash_region(const char *name, const char *file, uint32_t line)
{
    return hash_text(hash_text(2166136261u ^ line, name), file) * 2654435769u;
}

/* The place in the index where this region is, or would be. index_len is a power of two, never full. */
static uint32_t place_of(const struct regions *regions, const struct region *sought)
{
    uint32_t place = sought->hash & (regions->index_len - 1);
    for (;; place = (place + 1) & (regions->index_len - 1)) {
        uint32_t number = regions->index[place];
        if (number == REGION_NONE)
            return place;
        const struct region *have = &regions->items[number];
        if (have->hash == sought->hash && have->line == sought->line &&
            strncmp(have->name, sought->name, REGION_TEXT_MAX) == 0 &&
            strncmp(have->file, sought->file, REGION_TEXT_MAX) == 0)
            return place;
    }
}

static bool grow(struct regions *regions)
{
    uint32_t capacity = regions->capacity ? regions->capacity * 2 : 64;
    struct region *items = realloc(regions->items, capacity * sizeof *items);
    if (!items)
        return false;
    regions->items = items;
    uint32_t index_len = capacity * 2;
    uint32_t *index = malloc(index_len * sizeof *index);
    if (!index)
        return false;
    memset(index, 0xff, index_len * sizeof *index);
    free(regions->index);
    regions->index = index;
    regions->index_len = index_len;
    regions->capacity = capacity;
    for (uint32_t i = 0; i < regions->count; i++)
        index[place_of(regions, &items[i])] = i;
    return true;
}

/* A region to search with. Its texts are the caller's and are not written to. */
static struct region key_of(const char *name, const char *file, uint32_t line)
{
    struct region key = {.line = line, .hash = hash_region(name, file, line)};
    memcpy(&key.name, &name, sizeof name);
    memcpy(&key.file, &file, sizeof file);
    return key;
}

uint32_t regions_number(struct regions *regions, const char *name, const char *file, uint32_t line)
{
    struct region key = key_of(name, file, line);
    if (regions->count == regions->capacity && regions->count < REGIONS_MAX && !grow(regions))
        return REGION_NONE;
    uint32_t place = place_of(regions, &key);
    if (regions->index[place] != REGION_NONE || regions->count == REGIONS_MAX)
        return regions->index[place];
    key.name = strndup(name, REGION_TEXT_MAX);
    key.file = strndup(file, REGION_TEXT_MAX);
    if (!key.name || !key.file) {
        free(key.name);
        free(key.file);
        return REGION_NONE;
    }
    regions->items[regions->count] = key;
    regions->index[place] = regions->count;
    return regions->count++;
}
