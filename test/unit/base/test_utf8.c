/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_utf8.c - what is valid stays, what is not becomes U+FFFD, however the bytes are cut.
 */
#include "base/utf8.h"

#include "test.h"

#define LOST "\xEF\xBF\xBD"

static const struct {
    const char *in, *out;
    int left;
} cases[] = {
    {"", "", 0},
    {"plain text of more than eight bytes", "plain text of more than eight bytes", 0},
    {"gr\xC3\xBC\xC3\x9F"
     "e",
     "gr\xC3\xBC\xC3\x9F"
     "e",
     0},
    {"\xE2\x82\xAC \xF0\x9F\x98\x80", "\xE2\x82\xAC \xF0\x9F\x98\x80", 0},
    /* The first and the last of each length, and the borders around the surrogates. */
    {"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF", "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF", 0},
    {"\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
     "\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 0},
    /* Overlong, surrogate, above U+10FFFF, never used, alone. */
    {"\xC0\x80", LOST LOST, 0},
    {"\xC1\xBF", LOST LOST, 0},
    {"\xE0\x9F\xBF", LOST LOST LOST, 0},
    {"\xED\xA0\x80", LOST LOST LOST, 0},
    {"\xF0\x8F\xBF\xBF", LOST LOST LOST LOST, 0},
    {"\xF4\x90\x80\x80", LOST LOST LOST LOST, 0},
    {"\xF5\x80\xFE\xFF", LOST LOST LOST LOST, 0},
    {"a\x80z", "a" LOST "z", 0},
    {"12345678\xFF"
     "12345678",
     "12345678" LOST "12345678", 0},
    /* Broken off by something else, and cut short by the end. */
    {"\xE2\x82"
     "A",
     LOST LOST "A", 0},
    {"\xF0\x9F\xC3\xBC", LOST LOST "\xC3\xBC", 0},
    {"ab\xC3", "ab", 1},
    {"ab\xE2", "ab", 1},
    {"ab\xE2\x82", "ab", 2},
    {"ab\xF0\x9F\x98", "ab", 3},
    {"\xFF\xF4\x8F", LOST, 2},
    {"\xE0\x9F", LOST LOST, 0},
};

static void table(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        CHECK(buffer_append(&out, "before ", 7) == 0);
        int left = utf8_append(&out, (const unsigned char *)cases[i].in, strlen(cases[i].in));
        if (left != cases[i].left || !test_same(buffer_bytes(&out) + 7, out.len - 7, cases[i].out)) {
            fprintf(stderr, "case %zu: %d left of \"%s\": \"%.*s\"\n", i, left, cases[i].in, (int)out.len,
                    (const char *)buffer_bytes(&out));
            exit(1);
        }
        buffer_finish(&out);
    }
}

/* In two pieces, the tail of the first put before the second, the result is that of one piece. */
static void cut_anywhere(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned char *in = (const unsigned char *)cases[i].in;
        size_t len = strlen(cases[i].in);
        for (size_t cut = 0; cut <= len; cut++) {
            struct buffer out = {0};
            int left = utf8_append(&out, in, cut);
            CHECK(left >= 0 && left <= UTF8_MAX_TAIL && (size_t)left <= cut);
            left = utf8_append(&out, in + cut - left, len - cut + (size_t)left);
            CHECK(left == cases[i].left);
            CHECK(out.len == strlen(cases[i].out) && (!out.len || !memcmp(out.data, cases[i].out, out.len)));
            buffer_finish(&out);
        }
    }
}

static void cutting(void)
{
    static const char text[] = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof ends / sizeof *ends; max++)
        CHECK(utf8_cut(text, sizeof text - 1, max) == ends[max]);
    CHECK(utf8_cut("", 0, 10) == 0);
    /* What is no UTF-8 is cut, too, and not to nothing. */
    CHECK(utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6) >= 2);
}

/* A text that does not fit into its room ends between characters. */
static void formats(void)
{
    static const char text[] = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t size = 1; size < sizeof ends / sizeof *ends; size++) {
        char room[16];
        memset(room, 'x', sizeof room);
        CHECK(utf8_format(room, size, "%s", text) == ends[size - 1] && room[size] == 'x');
        CHECK(strlen(room) == ends[size - 1] && memcmp(room, text, ends[size - 1]) == 0);
        CHECK(utf8_whole(text, size - 1) == ends[size - 1]);
    }
    CHECK(utf8_whole("\x80\x80\x80\x80\x80", 5) == 5 && utf8_whole("\xFF", 1) == 0 && utf8_whole("", 0) == 0);
}

int main(void)
{
    test_limit(60);
    table();
    cut_anywhere();
    cutting();
    formats();
    return 0;
}
