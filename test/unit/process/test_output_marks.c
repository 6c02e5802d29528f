/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_output_marks.c - telling marks from text.
 */
#include "process/output_marks.h"

#include "test.h"

#define TOKEN "abcdefghijklmnopqrstuv"

static struct output_item first(const char *bytes, size_t len, int final)
{
    static struct buffer buffer;
    buffer_finish(&buffer);
    CHECK(buffer_append(&buffer, bytes, len) == 0);
    struct output_item item = output_marks_first(&buffer, TOKEN, final);
    CHECK(buffer.len == len && item.len <= len);
    if (item.kind == OUTPUT_ITEM_TEXT)
        CHECK(item.text.data == (const char *)buffer_bytes(&buffer) && item.text.len == item.len &&
              item.len > 0);
    return item;
}

#define FIRST(literal, final) first(literal, sizeof(literal) - 1, final)
#define MARK(kind, number) "\0" TOKEN kind number

static void nothing(void)
{
    CHECK(first("", 0, 0).kind == OUTPUT_ITEM_NOTHING && first("", 0, 1).kind == OUTPUT_ITEM_NOTHING);
}

static void text(void)
{
    struct output_item item = FIRST("hello", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 5);
    item = FIRST("hel" MARK("B", "0000000000000001"), 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 3);
    item = FIRST("nul \0 and \0\0 more", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 17);
}

static void marks(void)
{
    struct output_item item = FIRST(MARK("B", "0123456789abcdef") "text", 0);
    CHECK(item.kind == OUTPUT_ITEM_MARK && item.mark == MARK_BARRIER && item.len == MARK_LEN);
    CHECK(item.number == UINT64_C(0x0123456789abcdef));
    item = FIRST(MARK("S", "ffffffffffffffff"), 1);
    CHECK(item.kind == OUTPUT_ITEM_MARK && item.mark == MARK_SWITCH && item.number == UINT64_MAX);
    item = FIRST(MARK("P", "0000000000000000"), 0);
    CHECK(item.kind == OUTPUT_ITEM_MARK && item.mark == MARK_PARENT && item.number == 0);
}

/* Only the whole thing is a mark: somebody else's token or digits are text. */
static void near_misses(void)
{
    struct output_item item = FIRST("\0abcdefghijklmnopqrstuXB0000000000000001", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == MARK_LEN);
    item = FIRST("\0" TOKEN "B000000000000000G", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == MARK_LEN);
    item = FIRST("\0" TOKEN "B000000000000000A", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == MARK_LEN);
    item = FIRST(TOKEN "B0000000000000001", 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == MARK_LEN - 1);
    /* A NUL directly before a mark does not hide it. */
    item = FIRST("\0" MARK("B", "0000000000000001"), 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 1);
    /* The beginning of a mark, broken off by a whole one. */
    item = FIRST("\0abc" MARK("B", "0000000000000001"), 0);
    CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 4);
}

/* What may become a mark waits; at the end of everything it is text. */
static void torn(void)
{
    static const char bytes[] = "xy" MARK("B", "0000000000000007");
    for (size_t len = 3; len < sizeof bytes - 1; len++) {
        struct output_item item = first(bytes, len, 0);
        CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == 2);
        CHECK(first(bytes + 2, len - 2, 0).kind == OUTPUT_ITEM_NOTHING);
        item = first(bytes + 2, len - 2, 1);
        CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == len - 2);
        item = first(bytes, len, 1);
        CHECK(item.kind == OUTPUT_ITEM_TEXT && item.len == len);
    }
}

/* Marks and NULs hide nothing of what stands behind them, and half a character harms nobody. */
static void only_text(void)
{
    static const char bytes[] =
        MARK("B", "0000000000000001") "why\0 it " MARK("S", "0000000000000002") "ended\xC3";
    struct buffer out = {0};
    CHECK(output_marks_text(&out, bytes, sizeof bytes - 1, TOKEN) == 0);
    CHECK(out.len == 12 && memcmp(buffer_bytes(&out), "why it ended", 12) == 0);
    CHECK(output_marks_text(&out, "", 0, TOKEN) == 0 && out.len == 12);
    CHECK(output_marks_text(&out, bytes, MARK_LEN - 1, TOKEN) == 0 && out.len == 12 + MARK_LEN - 2);
    buffer_finish(&out);
}

int main(void)
{
    test_limit(60);
    only_text();
    nothing();
    text();
    marks();
    near_misses();
    torn();
    struct output_item item = first("", 0, 0); /* releases the buffer */
    CHECK(item.kind == OUTPUT_ITEM_NOTHING);
    return 0;
}
