/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_output_pace.c - text to the host: at once, then gathered, in order, whole characters only.
 */
#include "process/output_pace.h"

#include "base/loop.h"
#include "test.h"

#define LOST "\xEF\xBF\xBD"

/* What the host was told, as "request which text|" runs. */
static struct buffer told;
static size_t calls, longest;

static void on_write(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    char head[32];
    CHECK(owner == &told && text.len > 0);
    int len = snprintf(head, sizeof head, "%d%c", (int)request, which == SPK_STDOUT ? 'o' : 'e');
    CHECK(buffer_append(&told, head, (size_t)len) == 0 && buffer_append(&told, text.data, text.len) == 0);
    CHECK(buffer_append(&told, "|", 1) == 0);
    calls++;
    longest = text.len > longest ? text.len : longest;
}

static struct output_pace fresh(void)
{
    buffer_finish(&told);
    calls = longest = 0;
    return (struct output_pace){.write = on_write, .owner = &told};
}

static void add(struct output_pace *stream, uint64_t request, uint32_t which, const char *text)
{
    CHECK(output_pace_add(stream, request, which, (struct spk_text){text, strlen(text)}) == 0);
}

static void was_told(const char *wanted)
{
    if (!test_same(told.len ? buffer_bytes(&told) : NULL, told.len, wanted)) {
        fprintf(stderr, "told \"%.*s\", not \"%s\"\n", (int)told.len, (const char *)told.data, wanted);
        exit(1);
    }
}

static void pace(void)
{
    struct output_pace stream = fresh();
    CHECK(output_pace_due(&stream, loop_now_ns()) == -1);
    add(&stream, 1, SPK_STDOUT, "first ");
    was_told("");
    /* The first text waits for the rest of its line alone. */
    CHECK(output_pace_due(&stream, stream.began_ns) == OUTPUT_PACE_FIRST_NS);
    CHECK(output_pace_due(&stream, stream.began_ns + OUTPUT_PACE_FIRST_NS - 1) == 1);
    was_told("");
    CHECK(output_pace_due(&stream, stream.began_ns + OUTPUT_PACE_FIRST_NS) == -1);
    was_told("1ofirst |");
    int64_t then = stream.written_ns;
    add(&stream, 1, SPK_STDOUT, "second ");
    CHECK(output_pace_due(&stream, then) == OUTPUT_PACE_GATHER_NS);
    add(&stream, 1, SPK_STDOUT, "third");
    CHECK(output_pace_due(&stream, then + OUTPUT_PACE_GATHER_NS - 1) == 1);
    was_told("1ofirst |");
    CHECK(output_pace_due(&stream, then + OUTPUT_PACE_GATHER_NS) == -1);
    was_told("1ofirst |1osecond third|");
    add(&stream, 1, SPK_STDOUT, "now");
    output_pace_flush(&stream, 0);
    was_told("1ofirst |1osecond third|1onow|");
    output_pace_flush(&stream, 0);
    CHECK(calls == 3);
    output_pace_finish(&stream);
}

/* A change of the stream or of the request closes what was gathered. */
static void changes(void)
{
    struct output_pace stream = fresh();
    add(&stream, 1, SPK_STDOUT, "a");
    add(&stream, 1, SPK_STDERR, "b");
    add(&stream, 2, SPK_STDERR, "c");
    add(&stream, 2, SPK_STDERR, "d");
    add(&stream, 1, SPK_STDOUT, "e");
    was_told("1oa|1eb|2ecd|");
    output_pace_flush(&stream, 1);
    was_told("1oa|1eb|2ecd|1oe|");
    output_pace_finish(&stream);
}

static void characters(void)
{
    struct output_pace stream = fresh();
    add(&stream, 1, SPK_STDOUT, "\xE2");
    add(&stream, 1, SPK_STDOUT, "\x82");
    add(&stream, 1, SPK_STDERR, "x\xF0\x9F");
    add(&stream, 1, SPK_STDOUT, "\xAC.");
    add(&stream, 1, SPK_STDERR, "\x98\x80y");
    output_pace_flush(&stream, 0);
    was_told("1ex|1o\xE2\x82\xAC.|1e\xF0\x9F\x98\x80y|");
    output_pace_finish(&stream);
}

/* Half a character that is not completed, because another request goes on, other bytes come, or all ends. */
static void half_characters(void)
{
    struct output_pace stream = fresh();
    add(&stream, 1, SPK_STDOUT, "a\xE2\x82");
    add(&stream, 2, SPK_STDOUT, "\xAC");
    output_pace_flush(&stream, 0);
    was_told("1oa" LOST "|2o" LOST "|");
    output_pace_finish(&stream);

    stream = fresh();
    add(&stream, 1, SPK_STDOUT, "\xF0\x9F");
    add(&stream, 1, SPK_STDOUT, "\xF0\x9F\x98\x80");
    output_pace_flush(&stream, 0);
    was_told("1o" LOST LOST "\xF0\x9F\x98\x80|");
    output_pace_finish(&stream);

    stream = fresh();
    add(&stream, 1, SPK_STDOUT, "a\xC3");
    add(&stream, 3, SPK_STDERR, "b\xC3");
    output_pace_flush(&stream, 0);
    was_told("1oa|3eb|");
    output_pace_flush(&stream, 1);
    was_told("1oa|3eb|1o" LOST "|3e" LOST "|");
    output_pace_flush(&stream, 1);
    CHECK(calls == 4);
    output_pace_finish(&stream);
}

/* A large text goes in parts that are not too large and do not cut characters. */
static void large(void)
{
    struct output_pace stream = fresh();
    size_t len = 3 * (OUTPUT_PACE_MAX_LEN + 100);
    char *text = malloc(len);
    CHECK(text != NULL);
    for (size_t i = 0; i < len; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    CHECK(output_pace_add(&stream, 1, SPK_STDOUT, (struct spk_text){text, len}) == 0);
    CHECK(longest <= OUTPUT_PACE_MAX_LEN && longest > OUTPUT_PACE_MAX_LEN - 4 && calls >= 3);
    output_pace_flush(&stream, 1);
    const unsigned char *at = buffer_bytes(&told);
    size_t shown = 0;
    for (size_t i = 0; i < calls; i++) {
        CHECK(at[0] == '1' && at[1] == 'o');
        for (at += 2; *at != '|'; at += 3, shown += 3)
            CHECK(memcmp(at, "\xE2\x82\xAC", 3) == 0);
        at++;
    }
    CHECK(shown == len);
    free(text);
    output_pace_finish(&stream);
}

int main(void)
{
    test_limit(60);
    pace();
    changes();
    characters();
    half_characters();
    large();
    buffer_finish(&told);
    return 0;
}
