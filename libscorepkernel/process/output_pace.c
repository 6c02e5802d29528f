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

static void hand_on(struct output_pace *pace)
{
    while (pace->pending.len) {
        const char *text = (const char *)buffer_bytes(&pace->pending);
        size_t len = utf8_cut(text, pace->pending.len, OUTPUT_PACE_MAX_LEN);
        pace->write(pace->owner, pace->request, pace->which, (struct spk_text){text, len});
        buffer_consume(&pace->pending, len);
    }
    pace->written_ns = loop_now_ns();
}

/* The stream ends within a character: show the replacement character. */
static void give_up_tail(struct output_pace *pace, uint32_t which)
{
    static const unsigned char replacement[3] = {0xEF, 0xBF, 0xBD};
    if (!pace->tails[which].len)
        return;
    pace->tails[which].len = 0;
    if (pace->pending.len && (pace->which != which || pace->request != pace->tails[which].request))
        hand_on(pace);
    pace->which = which;
    pace->request = pace->tails[which].request;
    /* Without memory for three bytes, a sign that something was lost is lost. */
    (void)buffer_append(&pace->pending, replacement, sizeof replacement);
}

/* Complete the character whose beginning is kept, a byte at a time, until it is complete or found to be
 * invalid. 0 or -ENOMEM. */
static int complete_tail(struct output_pace *pace, uint32_t which, const unsigned char **bytes, size_t *len)
{
    unsigned char *tail = pace->tails[which].bytes;
    size_t *tail_len = &pace->tails[which].len;
    while (*tail_len && *len) {
        tail[(*tail_len)++] = *(*bytes)++;
        (*len)--;
        int left = utf8_append(&pace->pending, tail, *tail_len);
        if (left < 0)
            return left;
        memmove(tail, tail + *tail_len - (size_t)left, (size_t)left);
        *tail_len = (size_t)left;
    }
    return 0;
}

int output_pace_add(struct output_pace *pace, uint64_t request, uint32_t which, struct spk_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t len = text.len;
    if (pace->tails[which].len && pace->tails[which].request != request)
        give_up_tail(pace, which);
    if (pace->pending.len && (pace->request != request || pace->which != which))
        hand_on(pace);
    pace->request = request;
    pace->which = which;
    if (!pace->pending.len)
        pace->began_ns = loop_now_ns();
    size_t pending = pace->pending.len;
    struct tail tail = pace->tails[which];
    int left = complete_tail(pace, which, &bytes, &len);
    if (left >= 0 && pace->tails[which].len)
        return 0;
    if (left < 0 || (left = utf8_append(&pace->pending, bytes, len)) < 0) {
        /* Take nothing: the caller will come again with the same text. */
        pace->pending.len = pending;
        pace->tails[which] = tail;
        return left;
    }
    memcpy(pace->tails[which].bytes, bytes + len - (size_t)left, (size_t)left);
    pace->tails[which].len = (size_t)left;
    pace->tails[which].request = request;
    if (pace->pending.len >= OUTPUT_PACE_MAX_LEN)
        hand_on(pace);
    return 0;
}

int64_t output_pace_due(struct output_pace *pace, int64_t now_ns)
{
    if (!pace->pending.len)
        return -1;
    int64_t later = pace->written_ns + OUTPUT_PACE_GATHER_NS, soon = pace->began_ns + OUTPUT_PACE_FIRST_NS;
    int64_t due = (later > soon ? later : soon) - now_ns;
    if (due > 0)
        return due;
    hand_on(pace);
    return -1;
}

void output_pace_flush(struct output_pace *pace, int final)
{
    if (final) {
        give_up_tail(pace, SPK_STDOUT);
        give_up_tail(pace, SPK_STDERR);
    }
    if (pace->pending.len)
        hand_on(pace);
}

void output_pace_finish(struct output_pace *pace)
{
    buffer_finish(&pace->pending);
}
