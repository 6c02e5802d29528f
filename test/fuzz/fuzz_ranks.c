/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_ranks.c - whatever ranks say, in whatever order: each of their bytes is handed on as theirs, in their
 * order, and none that was not said. And any text as the place of variables.
 */
#include "ranks/aggregate.h"
#include "ranks/shared_file.h"

#include "base/buffer.h"
#include "fuzz.h"

#include <errno.h>

#define RANKS 5u

/* What a rank said, and what was handed on as its own; text by stream, frames with their types. */
enum { OUT, ERR, FRAMES, KINDS };
static struct buffer said[RANKS][KINDS], told[RANKS][KINDS];

/* Where we are in what is handed on. */
static struct {
    unsigned speakers; /* a bit for each rank that the last label names; 0: none waits for what it is about */
    int frame;         /* it is about a frame */
    uint32_t unended;  /* the stream whose last line has no end */
} at;

static void keep(struct buffer *to, const void *bytes, size_t len)
{
    MUST(buffer_append(to, bytes, len) == 0);
}

/* "[0-2,4] " or "[0-2,4]:\n": whose it is. */
static void read_label(struct spk_text label)
{
    unsigned from = 0, to, rank = 0;
    MUST(label.len >= 4 && label.len < 32 && label.data[0] == '[');
    at.speakers = 0;
    for (size_t i = 1; i < label.len; i++) {
        char c = label.data[i];
        if (c >= '0' && c < '0' + (char)RANKS) {
            to = (unsigned)(c - '0');
            from = label.data[i - 1] == '-' ? from : to;
            MUST(to >= from && (!at.speakers || to >= rank));
            for (rank = from; rank <= to; rank++)
                at.speakers |= 1u << rank;
        } else if (c == ']') {
            at.frame = label.len - i == 3 && memcmp(label.data + i, "]:\n", 3) == 0;
            MUST(at.frame || (label.len - i == 2 && label.data[i + 1] == ' '));
            MUST(at.speakers);
            return;
        } else {
            MUST(c == ',' || c == '-');
        }
    }
    MUST(0);
}

static void give(unsigned speakers, int kind, const void *bytes, size_t len)
{
    for (unsigned rank = 0; rank < RANKS; rank++)
        if (speakers >> rank & 1)
            keep(&told[rank][kind], bytes, len);
}

static void on_text(void *owner, uint32_t which, struct spk_text text)
{
    (void)owner;
    MUST((which == SPK_STDOUT || which == SPK_STDERR) && text.len && text.data && !at.frame);
    if (at.speakers) {
        give(at.speakers, which == SPK_STDERR ? ERR : OUT, text.data, text.len);
        at.speakers = 0;
        char last = text.data[text.len - 1];
        at.unended = last == '\n' || last == '\r' ? 0 : which; /* a progress bar's line is overwritten */
    } else if (at.unended) {
        MUST(which == at.unended && text.len == 1 && text.data[0] == '\n');
        at.unended = 0;
    } else {
        read_label(text);
    }
}

static void keep_frame(struct buffer *to, uint16_t type, struct spk_text payload)
{
    keep(to, &type, sizeof type);
    keep(to, &payload.len, sizeof payload.len);
    keep(to, payload.data, payload.len);
}

static void on_frame(void *owner, uint16_t type, struct spk_text payload, int all, int first)
{
    (void)owner;
    MUST(!at.unended && !!all != at.frame);
    unsigned speakers = all ? (1u << RANKS) - 1 : at.speakers;
    MUST(!!first == (int)(speakers & 1) && (all || speakers != (1u << RANKS) - 1));
    for (unsigned rank = 0; rank < RANKS; rank++)
        if (speakers >> rank & 1)
            keep_frame(&told[rank][FRAMES], type, payload);
    at.speakers = 0;
    at.frame = 0;
}

static const struct aggregate_calls calls = {on_text, on_frame};

/* A rank has been told of, in each of its streams, with just what it said. */
static void compare(void)
{
    MUST(!at.speakers && !at.frame && !at.unended);
    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (int kind = 0; kind < KINDS; kind++) {
            const struct buffer *one = &said[rank][kind], *other = &told[rank][kind];
            MUST(one->len == other->len);
            MUST(!one->len || memcmp(buffer_bytes(one), buffer_bytes(other), one->len) == 0);
            buffer_finish(&said[rank][kind]);
            buffer_finish(&told[rank][kind]);
        }
    }
}

/* Each piece: a byte that says who and what, one that is its length, and the bytes. */
static void talk(const uint8_t *data, size_t size)
{
    struct aggregate *fold = aggregate_new(RANKS, &calls, NULL);
    MUST(fold != NULL);
    while (size >= 2) {
        uint32_t rank = data[0] % RANKS, what = data[0] / RANKS % 4;
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        struct spk_text text = {(const char *)data + 2, len};
        if (what == 3) {
            aggregate_flush(fold, 0);
        } else if (what == 2) {
            uint16_t type = (uint16_t)(64 + len % 3);
            MUST(aggregate_frame(fold, rank, type, text) == 0);
            keep_frame(&said[rank][FRAMES], type, text);
        } else {
            MUST(aggregate_text(fold, rank, what ? SPK_STDERR : SPK_STDOUT, text) == 0);
            keep(&said[rank][what ? ERR : OUT], text.data, len);
        }
        data += 2 + len;
        size -= 2 + len;
    }
    aggregate_flush(fold, 1);
    MUST(!aggregate_holds(fold));
    aggregate_free(fold);
    compare();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t length;
    int fd = shared_file_open((struct spk_text){(const char *)data, size}, &length);
    MUST(fd == -EINVAL || fd == -ENOENT);
    talk(data, size);
    return 0;
}
