/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_cubex.c - a profile from anybody: it is read or refused, and what is read is consistent. The input is
 * taken as a file, as a file whose checksums are right, and as the anchor alone.
 */
#include "profile/cubex.h"
#include "profile/cubex_anchor.h"
#include "profile/cubex_xml.h"

#include "fuzz.h"

#include <errno.h>
#include <math.h>

#define BLOCK ((size_t)512)

static int is_known(int result)
{
    return result == 0 || result == -EPROTO || result == -ENOTSUP || result == -E2BIG;
}

static void read_file(const uint8_t *data, size_t size)
{
    struct cubex_profile profile, before;
    memset(&profile, 0x55, sizeof profile);
    memset(&before, 0x55, sizeof before);
    int result = cubex_read(data, size, &profile);
    MUST(is_known(result));
    if (result != 0) {
        MUST(memcmp(&profile, &before, sizeof profile) == 0);
        return;
    }
    size_t texts = 0;
    MUST(profile.location_count > 0);
    for (size_t i = 0; i < profile.region_count; i++) {
        const struct cubex_region *region = &profile.regions[i];
        texts +=
            strlen(region->name) + strlen(region->file) + strlen(region->paradigm) + strlen(region->role);
        MUST(region->visits > 0 && isfinite(region->inclusive_s) && isfinite(region->exclusive_s));
        MUST(region->line >= -1);
    }
    MUST(texts <= size);
    for (size_t i = 0; i < profile.path_count; i++) {
        const struct cubex_path *path = &profile.paths[i];
        MUST(path->parent == CUBEX_NO_PARENT || path->parent < i);
        MUST(path->region < profile.region_count && path->visits > 0);
        MUST(isfinite(path->inclusive_s) && isfinite(path->exclusive_s));
    }
    cubex_finish(&profile);
    cubex_finish(&profile);
}

/* Give the headers that can be found the checksum that they should have: it would not be found by chance. */
static void sign(uint8_t *file, size_t size)
{
    for (size_t at = 0; size - at >= BLOCK && file[at];) {
        char len[13] = {0}, text[16];
        unsigned sum = 0;
        memset(file + at + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += file[at + i];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(file + at + 148, text, 7);
        memcpy(len, file + at + 124, 12);
        unsigned long long member = strtoull(len, NULL, 8);
        if (member > size - at - BLOCK)
            return;
        at += BLOCK + ((size_t)member + BLOCK - 1) / BLOCK * BLOCK;
        if (at > size)
            return;
    }
}

static void check_text(struct spk_text raw, const uint8_t *data, size_t size)
{
    if (!raw.len)
        return;
    MUST((const uint8_t *)raw.data >= data && raw.len <= (size_t)(data + size - (const uint8_t *)raw.data));
    char *text = malloc(raw.len);
    MUST(text != NULL);
    size_t len = cubex_xml_resolve(raw, text);
    MUST(len <= raw.len && len == cubex_xml_resolve(raw, NULL));
    MUST(!memchr(text, 0, len));
    free(text);
}

static void read_anchor(const uint8_t *data, size_t size)
{
    struct cubex_anchor anchor;
    int result = cubex_anchor_read((struct spk_text){(const char *)data, size}, &anchor);
    MUST(is_known(result));
    if (result != 0)
        return;
    for (size_t i = 0; i < anchor.region_count; i++) {
        check_text(anchor.regions[i].name, data, size);
        check_text(anchor.regions[i].file, data, size);
        check_text(anchor.regions[i].paradigm, data, size);
        check_text(anchor.regions[i].role, data, size);
    }
    for (size_t i = 0; i < anchor.node_count; i++) {
        uint32_t parent = anchor.nodes[i].parent;
        MUST(anchor.nodes[i].region < anchor.region_count && (parent == CUBEX_NONE || parent < i));
        /* In preorder: the parent is the call path before, or one that it is in. */
        for (uint32_t up = (uint32_t)i - 1; i && up != parent; up = anchor.nodes[up].parent)
            MUST(up != CUBEX_NONE);
    }
    (void)cubex_anchor_metric(&anchor, "visits");
    cubex_anchor_finish(&anchor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_file(data, size);
    read_anchor(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    MUST(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    sign(copy, size);
    read_file(copy, size);
    free(copy);
    return 0;
}
