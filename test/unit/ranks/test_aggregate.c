/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_aggregate.c - the output of many ranks as one: whose it is, and once what several say.
 */
#include "ranks/aggregate.h"

#include "base/buffer.h"
#include "test.h"

/* What was handed on: text as it is, frames as "<type payload all first>". */
static struct buffer told;

static void on_text(void *owner, uint32_t which, struct spk_text text)
{
    CHECK(owner == &told);
    if (which == SPK_STDERR)
        CHECK(buffer_append(&told, "!", 1) == 0);
    CHECK(buffer_append(&told, text.data, text.len) == 0);
}

static void on_frame(void *owner, uint16_t type, struct spk_text payload, int all, int first)
{
    char text[128];
    CHECK(owner == &told);
    int len = snprintf(text, sizeof text, "<%d %.*s %d %d>", type, (int)payload.len, payload.data, all != 0,
                       first != 0);
    CHECK(buffer_append(&told, text, (size_t)len) == 0);
}

static const struct aggregate_calls calls = {on_text, on_frame};

static struct aggregate *fresh(uint32_t ranks)
{
    buffer_finish(&told);
    struct aggregate *fold = aggregate_new(ranks, &calls, &told);
    CHECK(fold != NULL);
    return fold;
}

static void says(struct aggregate *fold, uint32_t rank, const char *text)
{
    CHECK(aggregate_text(fold, rank, SPK_STDOUT, (struct spk_text){text, strlen(text)}) == 0);
}

static void sends(struct aggregate *fold, uint32_t rank, uint16_t type, const char *payload)
{
    CHECK(aggregate_frame(fold, rank, type, (struct spk_text){payload, strlen(payload)}) == 0);
}

static void was_told(const char *wanted)
{
    if (!test_same(told.len ? buffer_bytes(&told) : NULL, told.len, wanted)) {
        fprintf(stderr, "told \"%.*s\", not \"%s\"\n", (int)told.len, (const char *)told.data, wanted);
        exit(1);
    }
}

/* The end of all: what there is, and nothing of it twice. */
static void ends(struct aggregate *fold, const char *wanted)
{
    aggregate_flush(fold, 1);
    was_told(wanted);
    CHECK(!aggregate_holds(fold));
    aggregate_flush(fold, 1);
    was_told(wanted);
    aggregate_free(fold);
}

static void alike(void)
{
    struct aggregate *fold = fresh(3);
    says(fold, 0, "a\nb\n");
    says(fold, 2, "a\n");
    was_told("");
    CHECK(aggregate_holds(fold));
    says(fold, 1, "a\n");
    was_told("[0-2] a\n"); /* at once */
    CHECK(aggregate_holds(fold));
    ends(fold, "[0-2] a\n[0] b\n");
}

static void in_part(void)
{
    struct aggregate *fold = fresh(6);
    for (uint32_t rank = 0; rank < 6; rank++)
        says(fold, rank, rank == 3 ? "other\nsame\n" : rank == 4 ? "" : "same\n");
    ends(fold, "[0-2,5] same\n[3] other\n[3] same\n");
}

/* A rank of a higher number begins later in the same words: it is the same line. */
static void in_rounds(void)
{
    struct aggregate *fold = fresh(2);
    says(fold, 0, "I am 0\nend\n");
    says(fold, 1, "I am 1\nend\n");
    ends(fold, "[0] I am 0\n[1] I am 1\n[0-1] end\n");
    fold = fresh(3);
    says(fold, 0, "x\nend\n");
    says(fold, 1, "end\n");
    says(fold, 2, "end\n");
    ends(fold, "[0] x\n[0-2] end\n");
}

static void unfinished(void)
{
    struct aggregate *fold = fresh(2);
    says(fold, 0, "one ");
    says(fold, 1, "one line\n\n");
    says(fold, 0, "line\n");
    was_told("[0-1] one line\n");
    aggregate_flush(fold, 0);
    was_told("[0-1] one line\n[1] \n");
    says(fold, 0, "no end");
    aggregate_flush(fold, 0);
    was_told("[0-1] one line\n[1] \n");
    says(fold, 1, "later");
    ends(fold, "[0-1] one line\n[1] \n[0] no end\n[1] later\n");
}

/* A progress bar overwrites its line. */
static void overwritten(void)
{
    struct aggregate *fold = fresh(2);
    says(fold, 0, "\r 10%");
    says(fold, 0, "\r 20%");
    says(fold, 1, "\r 10%\r 20%\n");
    was_told("[0-1] \r[0-1]  10%\r");
    says(fold, 0, "\n");
    ends(fold, "[0-1] \r[0-1]  10%\r[0-1]  20%\n");
}

static void streams(void)
{
    struct aggregate *fold = fresh(2);
    struct spk_text text = {"oh\n", 3};
    for (uint32_t rank = 0; rank < 2; rank++)
        CHECK(aggregate_text(fold, rank, SPK_STDERR, text) == 0);
    says(fold, 0, "oh\n");
    CHECK(aggregate_text(fold, 1, SPK_STDERR, text) == 0);
    ends(fold, "![0-1] !oh\n[0] oh\n![1] !oh\n");
}

static void frames(void)
{
    struct aggregate *fold = fresh(3);
    for (uint32_t rank = 0; rank < 3; rank++)
        sends(fold, rank, 70, "same");
    was_told("<70 same 1 1>");
    says(fold, 1, "before ");
    sends(fold, 1, 70, "own");
    sends(fold, 2, 70, "own");
    sends(fold, 0, 71, "own");
    ends(fold, "<70 same 1 1>[0]:\n<71 own 0 1>[1] before \n[1-2]:\n<70 own 0 0>");
}

static void alone(void)
{
    struct aggregate *fold = fresh(1);
    says(fold, 0, "a\n");
    was_told("a\n");
    sends(fold, 0, 70, "p");
    says(fold, 0, "b");
    ends(fold, "a\n<70 p 1 1>b\n");
}

/* A list of ranks is cut, between two of them. */
static void many(void)
{
    struct aggregate *fold = fresh(2000);
    for (uint32_t rank = 1000; rank < 2000; rank += 2)
        says(fold, rank, "even\n");
    ends(fold, "[1000,1002,1004,1006,1008,1010,1012,1014,1016,1018,1020,1022,1024,1026,1028,1030,1032,1034,"
               "1036,1038,1040,1042,1044,...] even\n");
    /* What is cut stays so, if what comes next is short enough to go behind it. */
    fold = fresh(2000);
    for (uint32_t rank = 1000; rank <= 1042; rank += 2)
        says(fold, rank, "x\n");
    for (uint32_t rank = 1044; rank <= 1046; rank++)
        says(fold, rank, "x\n");
    says(fold, 9, "x\n");
    says(fold, 1050, "x\n");
    ends(fold, "[9,1000,1002,1004,1006,1008,1010,1012,1014,1016,1018,1020,1022,1024,1026,1028,1030,1032,1034,"
               "1036,1038,1040,1042,...] x\n");
}

static void any_bytes(void)
{
    static const char bytes[] = "a\0b\xff\n";
    struct aggregate *fold = fresh(2);
    for (uint32_t rank = 0; rank < 2; rank++)
        CHECK(aggregate_text(fold, rank, SPK_STDOUT, (struct spk_text){bytes, sizeof bytes - 1}) == 0);
    CHECK(told.len == 6 + 5 && memcmp(buffer_bytes(&told) + 6, bytes, 5) == 0);
    aggregate_free(fold);
}

/* One that says very much is not held back for others, and nor is a line without an end. */
static void very_much(void)
{
    struct aggregate *fold = fresh(2);
    static char line[1 << 16];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (size_t sent = 0; sent <= AGGREGATE_MAX_HELD; sent += sizeof line)
        CHECK(aggregate_text(fold, 0, SPK_STDOUT, (struct spk_text){line, sizeof line}) == 0);
    CHECK(told.len > AGGREGATE_MAX_HELD);
    for (size_t sent = 0; sent <= 2 * AGGREGATE_MAX_HELD; sent += sizeof line - 1)
        CHECK(aggregate_text(fold, 1, SPK_STDOUT, (struct spk_text){line, sizeof line - 1}) == 0);
    CHECK(told.len > 2 * AGGREGATE_MAX_HELD);
    says(fold, 0, "left");
    sends(fold, 1, 70, "left");
    aggregate_free(fold);
    /* Nor are many that say nothing: each takes memory. */
    fold = fresh(2);
    size_t sent = 0;
    for (; sent < AGGREGATE_MAX_HELD && !told.len; sent++)
        says(fold, 0, "\n");
    CHECK(sent < AGGREGATE_MAX_HELD / 8);
    aggregate_free(fold);
}

/* As many ranks as a large machine has: the effort grows with what they say, and not with the square of their
 * number, which would take far longer than this test may. */
static void very_many(void)
{
    enum { RANKS = 65536, LINES = 10000, OWN = 20 };
    char line[64];
    struct aggregate *fold = fresh(RANKS);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        says(fold, 40000, line);
    }
    aggregate_flush(fold, 0);
    snprintf(line, sizeof line, "[40000] line %d\n", LINES - 1);
    CHECK(memcmp(buffer_bytes(&told) + told.len - strlen(line), line, strlen(line)) == 0);
    for (int i = 0; i < OWN; i++)
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            snprintf(line, sizeof line, "%u says %d\n", rank, i);
            says(fold, rank, line);
        }
    aggregate_flush(fold, 0);
    for (uint32_t rank = RANKS; rank-- > 0;)
        says(fold, rank, "end\n");
    static const char last[] = "[65535] 65535 says 19\n[0-65535] end\n";
    CHECK(memcmp(buffer_bytes(&told) + told.len - (sizeof last - 1), last, sizeof last - 1) == 0);
    CHECK(!aggregate_holds(fold));
    for (int i = 0; i < 30; i++)
        for (uint32_t rank = 0; rank < RANKS; rank++)
            says(fold, rank, "all the same\n");
    CHECK(!aggregate_holds(fold));
    aggregate_free(fold);
}

/* A rank that has nothing to say, and one that says nothing. */
static void nothing(void)
{
    struct aggregate *fold = fresh(2);
    says(fold, 0, "");
    CHECK(!aggregate_holds(fold));
    sends(fold, 0, 70, "");
    sends(fold, 1, 70, "");
    ends(fold, "<70  1 1>");
    fold = fresh(2);
    ends(fold, "");
}

/* Text on one stream that has no end, before text on the other or a frame: it ends there. */
static void interrupted_lines(void)
{
    struct aggregate *fold = fresh(1);
    struct spk_text oh = {"oh", 2};
    says(fold, 0, "half");
    CHECK(aggregate_text(fold, 0, SPK_STDERR, oh) == 0);
    sends(fold, 0, 70, "f");
    was_told("half\n!oh!\n<70 f 1 1>");
    ends(fold, "half\n!oh!\n<70 f 1 1>");
    fold = fresh(2); /* text and a frame of the same bytes are not the same */
    says(fold, 0, "x\n");
    sends(fold, 1, 70, "x\n");
    ends(fold, "[0] x\n[1]:\n<70 x\n 0 0>");
}

int main(void)
{
    test_limit(60);
    alike();
    in_part();
    in_rounds();
    unfinished();
    overwritten();
    streams();
    frames();
    alone();
    many();
    any_bytes();
    very_much();
    very_many();
    nothing();
    interrupted_lines();
    buffer_finish(&told);
    aggregate_free(NULL);
    return 0;
}
