/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_output_order.c - two pipes and the frames, back in order by their marks.
 *
 * A story is what a worker wrote, step by step; the two pipes are then fed in every order and in pieces of
 * every size, and what comes out must be the story.
 */
#include "process/output_order.h"

#include "test.h"

#define TOKEN "abcdefghijklmnopqrstuv"
#define LOST "\xEF\xBF\xBD"

static struct buffer told;

static void tell(const char *text, size_t len)
{
    CHECK(buffer_append(&told, text, len) == 0);
}

/* Neighbouring writes of one kind are one: the stream may gather as it likes. */
static void on_write(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    static char last[32];
    char head[32];
    (void)owner;
    if (!told.len)
        *last = 0;
    snprintf(head, sizeof head, "|%d%c:", (int)request, which == SPK_STDOUT ? 'o' : 'e');
    if (strcmp(head, last) != 0)
        tell(head, strlen(head));
    strcpy(last, head);
    tell(text.data, text.len);
}

static void was_told(const char *wanted)
{
    if (!test_same(told.len ? buffer_bytes(&told) : NULL, told.len, wanted)) {
        fprintf(stderr, "told \"%.*s\", not \"%s\"\n", (int)told.len, (const char *)told.data, wanted);
        exit(1);
    }
}

static struct output_order fresh(void)
{
    struct output_order output = {.stream = {.write = on_write}};
    memcpy(output.token, TOKEN, MARK_TOKEN_LEN);
    buffer_finish(&told);
    return output;
}

static size_t mark(char *at, char kind, uint64_t number)
{
    at[0] = 0;
    return 1 + (size_t)sprintf(at + 1, TOKEN "%c%016llx", kind, (unsigned long long)number);
}

static void feed_mark(struct output_order *output, uint32_t which, char kind, uint64_t number)
{
    char bytes[MARK_LEN + 1];
    CHECK(mark(bytes, kind, number) == MARK_LEN);
    CHECK(buffer_append(output_order_unread(output, which), bytes, MARK_LEN) == 0);
}

static void feed(struct output_order *output, uint32_t which, const char *text)
{
    CHECK(buffer_append(output_order_unread(output, which), text, strlen(text)) == 0);
}

static void pump(struct output_order *output, int final)
{
    CHECK(output_order_pump(output, final) == 0);
    output_pace_flush(&output->stream, final);
}

/* --- stories --------------------------------------------------------------------------------------- */

/* One step: text on a stream ('o', 'e'), a change of stream (S), a frame (B), a parent of what follows on
 * stdout or stderr (p, q), each with its number. */
struct step {
    char kind;
    const char *text;
    uint64_t number;
};

static const struct step story[] = {
    {'p', NULL, 4},   {'q', NULL, 4},    {'o', "to out ", 0},     {'S', NULL, 1},     {'e', "to err ", 0},
    {'S', NULL, 2},   {'o', "out2 ", 0}, {'B', NULL, 3},          {'o', "after ", 0}, {'S', NULL, 4},
    {'e', "err2", 0}, {'S', NULL, 5},    {'o', "gr\xC3\xBC ", 0}, {'p', NULL, 2},     {'o', "thread ", 0},
    {'p', NULL, 4},   {'o', "main ", 0}, {'B', NULL, 6},          {'B', NULL, 7},     {'S', NULL, 8},
    {'e', "end", 0},
};
static const char story_told[] = "|4o:to out |4e:to err |4o:out2 [frame 3]after |4e:err2|4o:gr\xC3\xBC "
                                 "|2o:thread |4o:main [frame 6][frame 7]"
                                 "|4e:end";

/* The pipes and the frames of the story. */
struct written {
    char bytes[2][4096];
    size_t len[2];
    uint64_t frames[8];
    size_t frame_count;
};

static void write_one(struct written *written, int pipe, char kind, uint64_t number)
{
    written->len[pipe] += mark(written->bytes[pipe] + written->len[pipe], kind, number);
}

static void write_story(struct written *written)
{
    memset(written, 0, sizeof *written);
    for (const struct step *step = story; step < story + sizeof story / sizeof *story; step++) {
        int pipe = step->kind == 'e' || step->kind == 'q';
        if (step->text) {
            memcpy(written->bytes[pipe] + written->len[pipe], step->text, strlen(step->text));
            written->len[pipe] += strlen(step->text);
        } else if (step->kind == 'p' || step->kind == 'q') {
            write_one(written, pipe, MARK_PARENT, step->number);
        } else {
            write_one(written, 0, step->kind, step->number);
            write_one(written, 1, step->kind, step->number);
        }
        if (step->kind == 'B')
            written->frames[written->frame_count++] = step->number;
    }
}

/* Read some of a pipe; 0: it is empty. */
static int read_some(struct output_order *output, const struct written *written, size_t at[2], int pipe,
                     size_t piece)
{
    size_t left = written->len[pipe] - at[pipe], len = piece < left ? piece : left;
    struct buffer *unread = output_order_unread(output, SPK_STDOUT + (unsigned)pipe);
    CHECK(buffer_append(unread, written->bytes[pipe] + at[pipe], len) == 0);
    at[pipe] += len;
    return len > 0;
}

/* As python_process.c does it, with a clock that now and then shows what has been gathered. */
static void on_frame(struct output_order *output, const struct written *written, size_t at[2], uint64_t barrier,
                     size_t piece)
{
    for (;;) {
        CHECK(output_order_pump(output, 0) == 0);
        if (output_order_reached(output, barrier))
            break;
        int got = read_some(output, written, at, 0, piece);
        CHECK(read_some(output, written, at, 1, piece) || got);
    }
    output_pace_flush(&output->stream, 0);
    output_order_frame_done(output, barrier);
    char text[32];
    tell(text, (size_t)snprintf(text, sizeof text, "[frame %d]", (int)barrier));
    CHECK(output_order_pump(output, 0) == 0);
}

static void run_story(const struct written *written, size_t piece, unsigned order)
{
    struct output_order output = fresh();
    size_t at[2] = {0}, frame = 0;
    unsigned seed = order;
    while (at[0] < written->len[0] || at[1] < written->len[1] || frame < written->frame_count) {
        seed = seed * 1103515245u + 12345u;
        unsigned next = seed >> 16 & 3;
        if (next == 3 && frame < written->frame_count)
            on_frame(&output, written, at, written->frames[frame++], piece);
        else if (next < 2)
            (void)read_some(&output, written, at, (int)next, piece);
        pump(&output, 0);
    }
    pump(&output, 1);
    if (!test_same(buffer_bytes(&told), told.len, story_told)) {
        fprintf(stderr, "pieces of %zu, order %u: ", piece, order);
        was_told(story_told);
    }
    CHECK(!output.pipes[0].bytes.len && !output.pipes[1].bytes.len);
    output_order_finish(&output);
}

static void stories(void)
{
    struct written written;
    write_story(&written);
    for (size_t piece = 1; piece < 400; piece += piece < 100 ? 1 : 37)
        for (unsigned order = 1; order < 40; order++)
            run_story(&written, piece, order);
}

/* --- one thing at a time --------------------------------------------------------------------------- */

static void plain(void)
{
    struct output_order output = fresh();
    feed(&output, SPK_STDOUT, "a");
    feed(&output, SPK_STDERR, "b");
    pump(&output, 0);
    was_told("|0o:a|0e:b");
    output_order_finish(&output);
}

/* Nothing that was written after the frame is shown before it. */
static void frame_first(void)
{
    struct output_order output = fresh();
    feed(&output, SPK_STDOUT, "before");
    CHECK(!output_order_reached(&output, 1));
    feed_mark(&output, SPK_STDOUT, MARK_BARRIER, 1);
    feed(&output, SPK_STDOUT, "after");
    pump(&output, 0);
    CHECK(!output_order_reached(&output, 1));
    feed_mark(&output, SPK_STDERR, MARK_BARRIER, 1);
    feed(&output, SPK_STDERR, "err");
    pump(&output, 0);
    CHECK(output_order_reached(&output, 1) && !output_order_reached(&output, 2));
    was_told("|0o:before");
    output_order_frame_done(&output, 1);
    pump(&output, 0);
    was_told("|0o:beforeafter|0e:err");
    output_order_finish(&output);
}

/* A mark that never came holds nothing up once its frame has been dealt with. */
static void missing_barrier(void)
{
    struct output_order output = fresh();
    feed_mark(&output, SPK_STDERR, MARK_BARRIER, 1);
    feed(&output, SPK_STDERR, "err");
    pump(&output, 0);
    CHECK(!output_order_reached(&output, 1));
    was_told("");
    output_order_frame_done(&output, 1);
    pump(&output, 0);
    was_told("|0e:err");
    feed(&output, SPK_STDOUT, "out");
    pump(&output, 0);
    was_told("|0e:err|0o:out");
    /* An old number does not turn the time back. */
    output_order_frame_done(&output, 0);
    feed_mark(&output, SPK_STDOUT, MARK_BARRIER, 1);
    feed(&output, SPK_STDOUT, "!");
    pump(&output, 0);
    was_told("|0e:err|0o:out!");
    output_order_finish(&output);
}

/* The other stream lost its switch mark, but is known to be beyond it. */
static void missing_switch(void)
{
    struct output_order output = fresh();
    feed_mark(&output, SPK_STDOUT, MARK_SWITCH, 1);
    feed(&output, SPK_STDOUT, "out");
    pump(&output, 0);
    was_told("");
    feed(&output, SPK_STDERR, "err");
    feed_mark(&output, SPK_STDERR, MARK_SWITCH, 2);
    pump(&output, 0);
    was_told("|0e:err|0o:out");
    output_order_finish(&output);

    output = fresh();
    feed_mark(&output, SPK_STDOUT, MARK_SWITCH, 1);
    feed(&output, SPK_STDOUT, "out");
    feed_mark(&output, SPK_STDERR, MARK_BARRIER, 2);
    feed(&output, SPK_STDERR, "later");
    pump(&output, 0);
    was_told("|0o:out");
    output_order_frame_done(&output, 2);
    pump(&output, 0);
    was_told("|0o:out|0e:later");
    output_order_finish(&output);
}

static void parents(void)
{
    struct output_order output = fresh();
    feed_mark(&output, SPK_STDOUT, MARK_PARENT, 7);
    feed(&output, SPK_STDOUT, "seven");
    feed(&output, SPK_STDERR, "none");
    feed_mark(&output, SPK_STDOUT, MARK_PARENT, 3);
    feed(&output, SPK_STDOUT, "three");
    pump(&output, 0);
    was_told("|7o:seven|3o:three|0e:none");
    output_order_finish(&output);
}

/* A mark in two reads is a mark, at whatever byte it is cut. */
static void torn(void)
{
    char bytes[MARK_LEN + 1];
    for (size_t cut = 1; cut < MARK_LEN; cut++) {
        struct output_order output = fresh();
        mark(bytes, MARK_PARENT, 5);
        feed(&output, SPK_STDOUT, "a");
        CHECK(buffer_append(output_order_unread(&output, SPK_STDOUT), bytes, cut) == 0);
        pump(&output, 0);
        was_told("|0o:a");
        CHECK(buffer_append(output_order_unread(&output, SPK_STDOUT), bytes + cut, MARK_LEN - cut) == 0);
        feed(&output, SPK_STDOUT, "b");
        pump(&output, 0);
        was_told("|0o:a|5o:b");
        output_order_finish(&output);
    }
}

/* At the end nothing is waited for, and nothing is kept back: torn marks are text, half characters are lost.
 */
static void final(void)
{
    struct output_order output = fresh();
    feed_mark(&output, SPK_STDOUT, MARK_BARRIER, 9);
    feed(&output, SPK_STDOUT, "out");
    feed_mark(&output, SPK_STDERR, MARK_SWITCH, 10);
    feed(&output, SPK_STDERR, "err\xC3");
    CHECK(buffer_append(output_order_unread(&output, SPK_STDOUT), "\0abc", 4) == 0);
    pump(&output, 0);
    was_told("");
    pump(&output, 1);
    CHECK(told.len == strlen("|0o:out.abc|0e:err" LOST) &&
          memcmp(buffer_bytes(&told), "|0o:out\0abc|0e:err" LOST, told.len) == 0);
    CHECK(!output.pipes[0].bytes.len && !output.pipes[1].bytes.len);
    output_order_finish(&output);
}

int main(void)
{
    test_limit(120);
    plain();
    frame_first();
    missing_barrier();
    missing_switch();
    parents();
    torn();
    final();
    stories();
    buffer_finish(&told);
    return 0;
}
