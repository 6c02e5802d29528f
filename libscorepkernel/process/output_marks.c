/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_marks.c - tells text from marks in what came out of a worker's pipe. Pure: it borrows from the
 * buffer and consumes nothing. A user's program may write any bytes, NULs included: only the token makes a
 * mark.
 */
#include "process/output_marks.h"

#include "base/utf8.h"

#include <string.h>

static int hex_value(unsigned char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 1: a mark begins at bytes; 0: none does; -1: one may, but it is cut short. */
static int mark_at(const unsigned char *bytes, size_t len, const char *token, struct output_item *item)
{
    size_t have = len - 1 < MARK_TOKEN_LEN ? len - 1 : MARK_TOKEN_LEN;
    if (memcmp(bytes + 1, token, have) != 0)
        return 0;
    if (len < MARK_LEN)
        return -1;
    item->mark = (char)bytes[1 + MARK_TOKEN_LEN];
    item->number = 0;
    for (size_t i = 0; i < MARK_NUMBER_LEN; i++) {
        int digit = hex_value(bytes[2 + MARK_TOKEN_LEN + i]);
        if (digit < 0)
            return 0;
        item->number = item->number << 4 | (unsigned)digit;
    }
    item->kind = OUTPUT_ITEM_MARK;
    item->len = MARK_LEN;
    return 1;
}

/* Where the first mark, or what may become one, begins; len: nowhere. *found as of mark_at. */
static size_t find_mark(const unsigned char *bytes, size_t len, const char *token, int final, int *found,
                        struct output_item *item)
{
    size_t at = 0;
    for (const unsigned char *nul; at < len && (nul = memchr(bytes + at, 0, len - at)); at++) {
        at = (size_t)(nul - bytes);
        *found = mark_at(nul, len - at, token, item);
        if (*found == 1 || (*found == -1 && !final))
            return at;
    }
    *found = 0;
    return len;
}

struct output_item output_marks_first(const struct buffer *buffer, const char *token, int final)
{
    struct output_item item = {.kind = OUTPUT_ITEM_NOTHING};
    if (!buffer->len)
        return item;
    int found;
    const unsigned char *bytes = buffer_bytes(buffer);
    size_t at = find_mark(bytes, buffer->len, token, final, &found, &item);
    if (at == 0 && found == 1)
        return item;
    if (at == 0)
        return (struct output_item){.kind = OUTPUT_ITEM_NOTHING};
    return (struct output_item){.kind = OUTPUT_ITEM_TEXT, .text = {(const char *)bytes, at}, .len = at};
}

int output_marks_text(struct buffer *out, const void *bytes, size_t len, const char *token)
{
    struct buffer rest = {0}, text = {0};
    int result = buffer_append(&rest, bytes, len);
    for (struct output_item item; result == 0 && rest.len; buffer_consume(&rest, item.len)) {
        item = output_marks_first(&rest, token, 1);
        for (size_t i = 0; item.kind == OUTPUT_ITEM_TEXT && i < item.len && result == 0; i++)
            if (item.text.data[i])
                result = buffer_append(&text, item.text.data + i, 1);
        if (item.kind == OUTPUT_ITEM_NOTHING)
            break;
    }
    if (result == 0 && text.len)
        result = utf8_append(out, buffer_bytes(&text), text.len); /* >0: it ends within a character */
    buffer_finish(&rest);
    buffer_finish(&text);
    return result < 0 ? result : 0;
}
