/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_pace.c - text on its way to the host. The first text after a pause goes out at once (print writes a
 * line in two pieces: it waits for the second); what follows within OUTPUT_PACE_GATHER_NS goes together, so
 * that a hundred thousand lines are neither a hundred thousand messages nor one that nobody can show. Owns
 * the text that waits; knows no clock but what it is told.
 */
#include "process/output_pace.h"

#include "base/loop.h"

#include <string.h>

static void hand_on(struct output_pace *stream)
{
    while (stream->pending.len) {
        const char *text = (const char *)buffer_bytes(&stream->pending);
        size_t len = utf8_cut(text, stream->pending.len, OUTPUT_PACE_MAX_LEN);
        stream->write(stream->owner, stream->request, stream->which, (struct spk_text){text, len});
        buffer_consume(&stream->pending, len);
    }
    stream->written_ns = loop_now_ns();
}

/* The stream ends within a character: show the replacement character. */
static void give_up_tail(struct output_pace *stream, uint32_t which)
{
    static const unsigned char replacement[3] = {0xEF, 0xBF, 0xBD};
    if (!stream->tails[which].len)
        return;
    stream->tails[which].len = 0;
    if (stream->pending.len && (stream->which != which || stream->request != stream->tails[which].request))
        hand_on(stream);
    stream->which = which;
    stream->request = stream->tails[which].request;
    /* Without memory for three bytes, a sign that something was lost is lost. */
    (void)buffer_append(&stream->pending, replacement, sizeof replacement);
}

/* Complete the character whose beginning is kept, a byte at a time, until it is complete or found to be
 * invalid. 0 or -ENOMEM. */
static int complete_tail(struct output_pace *stream, uint32_t which, const unsigned char **bytes, size_t *len)
{
    unsigned char *tail = stream->tails[which].bytes;
    size_t *tail_len = &stream->tails[which].len;
    while (*tail_len && *len) {
        tail[(*tail_len)++] = *(*bytes)++;
        (*len)--;
        int left = utf8_append(&stream->pending, tail, *tail_len);
        if (left < 0)
            return left;
        memmove(tail, tail + *tail_len - (size_t)left, (size_t)left);
        *tail_len = (size_t)left;
    }
    return 0;
}

int output_pace_add(struct output_pace *stream, uint64_t request, uint32_t which, struct spk_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t len = text.len;
    if (stream->tails[which].len && stream->tails[which].request != request)
        give_up_tail(stream, which);
    if (stream->pending.len && (stream->request != request || stream->which != which))
        hand_on(stream);
    stream->request = request;
    stream->which = which;
    if (!stream->pending.len)
        stream->began_ns = loop_now_ns();
    size_t pending = stream->pending.len;
    struct tail tail = stream->tails[which];
    int left = complete_tail(stream, which, &bytes, &len);
    if (left >= 0 && stream->tails[which].len)
        return 0;
    if (left < 0 || (left = utf8_append(&stream->pending, bytes, len)) < 0) {
        /* Take nothing: the caller will come again with the same text. */
        stream->pending.len = pending;
        stream->tails[which] = tail;
        return left;
    }
    memcpy(stream->tails[which].bytes, bytes + len - (size_t)left, (size_t)left);
    stream->tails[which].len = (size_t)left;
    stream->tails[which].request = request;
    if (stream->pending.len >= OUTPUT_PACE_MAX_LEN)
        hand_on(stream);
    return 0;
}

int64_t output_pace_pace(struct output_pace *stream, int64_t now_ns)
{
    if (!stream->pending.len)
        return -1;
    int64_t later = stream->written_ns + OUTPUT_PACE_GATHER_NS,
            soon = stream->began_ns + OUTPUT_PACE_FIRST_NS;
    int64_t due = (later > soon ? later : soon) - now_ns;
    if (due > 0)
        return due;
    hand_on(stream);
    return -1;
}

void output_pace_flush(struct output_pace *stream, int final)
{
    if (final) {
        give_up_tail(stream, SPK_STDOUT);
        give_up_tail(stream, SPK_STDERR);
    }
    if (stream->pending.len)
        hand_on(stream);
}

void output_pace_finish(struct output_pace *stream)
{
    buffer_finish(&stream->pending);
}
