/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_tar.c - the members of the tar archive that a CUBE4 file is. Pure. It knows plain names and octal
 * sizes, which is what Score-P writes: long names (their extra headers are passed over) and files beyond
 * 8 GiB are left to others.
 */
#include "profile/cubex_tar.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_LEN ((size_t)512)
#define NAME_LEN ((size_t)100)
#define SIZE_AT ((size_t)124)
#define SIZE_LEN ((size_t)12)
#define CHECKSUM_AT ((size_t)148)
#define CHECKSUM_LEN ((size_t)8)
#define TYPE_AT ((size_t)156)
#define PREFIX_AT ((size_t)345)

/* An octal number in a field: blanks, digits, then blanks or NULs. At most 12 digits, so nothing overflows.
 */
static int read_octal(const char *field, size_t len, uint64_t *number)
{
    size_t at = 0;
    uint64_t value = 0;
    while (at < len && field[at] == ' ')
        at++;
    size_t begin = at;
    for (; at < len && field[at] >= '0' && field[at] <= '7'; at++)
        value = value << 3 | (uint64_t)(field[at] - '0');
    int good = at > begin;
    for (; at < len; at++)
        good = good && (field[at] == ' ' || field[at] == 0);
    if (good)
        *number = value;
    return good ? 0 : -EPROTO;
}

static int is_zero(const char *block)
{
    for (size_t i = 0; i < BLOCK_LEN; i++)
        if (block[i])
            return 0;
    return 1;
}

/* The sum of the header's bytes, its own field taken as blanks. */
static uint64_t checksum(const char *header)
{
    uint64_t sum = CHECKSUM_LEN * ' ';
    for (size_t i = 0; i < BLOCK_LEN; i++)
        if (i < CHECKSUM_AT || i >= CHECKSUM_AT + CHECKSUM_LEN)
            sum += (unsigned char)header[i];
    return sum;
}

static int is_named(const char *header, const char *name)
{
    size_t len = strlen(name);
    return (header[TYPE_AT] == '0' || header[TYPE_AT] == 0) && !header[PREFIX_AT] && len < NAME_LEN &&
           memcmp(header, name, len + 1) == 0;
}

/* Take the next member off the archive. 1, 0: its end was here, or an error. */
static int next_member(struct spk_text *archive, const char **header, struct spk_text *content)
{
    uint64_t sum, size;
    if (archive->len < BLOCK_LEN)
        return -EPROTO;
    *header = archive->data;
    if (is_zero(*header))
        return archive->len >= 2 * BLOCK_LEN && is_zero(*header + BLOCK_LEN) ? 0 : -EPROTO;
    if (read_octal(*header + CHECKSUM_AT, CHECKSUM_LEN, &sum) != 0 || sum != checksum(*header))
        return -EPROTO;
    if ((unsigned char)(*header)[SIZE_AT] & 0x80)
        return -ENOTSUP;
    if (read_octal(*header + SIZE_AT, SIZE_LEN, &size) != 0 || size > archive->len - BLOCK_LEN)
        return -EPROTO;
    *content = (struct spk_text){*header + BLOCK_LEN, (size_t)size};
    size_t padded = content->len + (BLOCK_LEN - content->len % BLOCK_LEN) % BLOCK_LEN;
    if (padded > archive->len - BLOCK_LEN)
        return -EPROTO;
    *archive = (struct spk_text){content->data + padded, archive->len - BLOCK_LEN - padded};
    return 1;
}

int cubex_tar_find(struct spk_text archive, const char *name, struct spk_text *member)
{
    const char *header;
    struct spk_text content, found = {0};
    int result, count = 0;
    while ((result = next_member(&archive, &header, &content)) == 1) {
        if (!is_named(header, name))
            continue;
        if (count++)
            return -EPROTO;
        found = content;
    }
    if (result == 0 && count)
        *member = found;
    return result < 0 ? result : count;
}
