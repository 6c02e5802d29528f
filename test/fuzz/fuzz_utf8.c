/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_utf8.c - what comes out is valid UTF-8, nothing else than it should be, the same again when it goes
 * in, and the same in two pieces as in one.
 */
#include "base/utf8.h"

#include "fuzz.h"

static void same(const struct buffer *out, const unsigned char *text, size_t len)
{
    MUST(out->len == len && (!len || memcmp(buffer_bytes(out), text, len) == 0));
}

static void in_pieces(const unsigned char *text, size_t len, size_t cut, const struct buffer *whole, int left)
{
    struct buffer out = {0};
    int first = utf8_append(&out, text, cut);
    MUST(first >= 0 && first <= UTF8_MAX_TAIL && (size_t)first <= cut);
    size_t from = cut - (size_t)first;
    MUST(utf8_append(&out, text + from, len - from) == left);
    same(&out, buffer_bytes(whole), whole->len);
    buffer_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    size_t cut = input_byte(&input) << 8 | input_byte(&input);
    const unsigned char *text = input.data;
    size_t len = input.size;
    struct buffer out = {0}, again = {0};
    unsigned char *wanted = malloc(3 * len + 1);
    MUST(wanted != NULL);

    int left = utf8_append(&out, text, len);
    MUST(left >= 0 && left <= UTF8_MAX_TAIL && (size_t)left <= len);
    MUST(fuzz_valid_utf8(buffer_bytes(&out), out.len));
    same(&out, wanted, fuzz_cleaned(text, len, wanted, 1));
    MUST(!left || fuzz_beginning(text + len - left, (size_t)left));
    MUST(utf8_append(&again, buffer_bytes(&out), out.len) == 0);
    same(&again, buffer_bytes(&out), out.len);
    in_pieces(text, len, cut % (len + 1), &out, left);

    size_t most = cut, end = utf8_cut((const char *)buffer_bytes(&out), out.len, most);
    MUST(end <= out.len && (end <= most || most >= out.len) && end + 3 >= (most < out.len ? most : out.len));
    MUST(fuzz_valid_utf8(buffer_bytes(&out), end));

    free(wanted);
    buffer_finish(&out);
    buffer_finish(&again);
    return 0;
}
