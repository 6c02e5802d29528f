/* SPDX-License-Identifier: BSD-3-Clause
 *
 * regions: see regions.h. */
#include "tracer/record/regions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8_cut.h"

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

size_t regions_kept(const char *text)
{
    return utf8_cut(text, strnlen(text, REGION_TEXT_MAX + 1), REGION_TEXT_MAX);
}

static bool is_kept_as(const char *kept, const char *text)
{
    size_t len = regions_kept(text);
    return strncmp(kept, text, len) == 0 && kept[len] == '\0';
}

/* FNV-1a: short strings, no enemy that gains from collisions. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
    size_t len = regions_kept(text);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static uint32_t hash_region(const char *name, const char *file, uint32_t line)
{
    return hash_text(hash_text(2166136261u ^ line, name), file) * 2654435769u;
}

static bool is_same(const struct region *region, const char *name, const char *file, uint32_t line)
{
    return region->line == line && is_kept_as(region->name, name) && is_kept_as(region->file, file);
}

/* The place in the index where this region is, or would be. index_len is a power of two, never full. */
static uint32_t place_of(const struct regions *regions, const char *name, const char *file, uint32_t line)
{
    uint32_t place = hash_region(name, file, line) & (regions->index_len - 1);
    while (regions->index[place] != REGION_NONE &&
           !is_same(&regions->items[regions->index[place]], name, file, line))
        place = (place + 1) & (regions->index_len - 1);
    return place;
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
        index[place_of(regions, items[i].name, items[i].file, items[i].line)] = i;
    return true;
}

uint32_t regions_number(struct regions *regions, const char *name, const char *file, uint32_t line)
{
    if (regions->count == regions->capacity && regions->count < REGIONS_MAX && !grow(regions))
        return REGION_NONE;
    uint32_t place = place_of(regions, name, file, line);
    if (regions->index[place] != REGION_NONE || regions->count == REGIONS_MAX)
        return regions->index[place];
    struct region region = {
        .name = strndup(name, regions_kept(name)),
        .file = strndup(file, regions_kept(file)),
        .line = line,
    };
    if (!region.name || !region.file) {
        free(region.name);
        free(region.file);
        return REGION_NONE;
    }
    regions->items[regions->count] = region;
    regions->index[place] = regions->count;
    return regions->count++;
}
