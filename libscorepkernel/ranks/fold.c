/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fold.c - the output of many ranks as one. Each rank has a queue of what it said, in its order; what stands
 * first in several queues is handed on once, with the ranks' numbers before it: "[0-2,5] ".
 */
#include "fold.h"

#include "buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a list of ranks is cut to. */
#define LABEL_LEN ((size_t)120)

struct item {
    struct item *next;
    uint16_t type; /* SPK_STDOUT, SPK_STDERR; or of a frame, whose numbers are other ones */
    size_t len;
    char bytes[];
};

struct voice {
    struct item *first, *last;
    struct buffer unfinished[2]; /* a line of each stream whose end has not come */
};

struct fold {
    const struct fold_calls *calls;
    void *owner;
    uint32_t ranks, waiting; /* waiting: so many have said something */
    size_t held;             /* bytes, with what each item takes besides */
    uint32_t open;           /* the stream whose last line has no end; 0: none */
    struct voice voices[];
};

struct fold *fold_new(uint32_t ranks, const struct fold_calls *calls, void *owner)
{
    struct fold *fold = calloc(1, sizeof *fold + ranks * sizeof *fold->voices);
    if (fold) {
        fold->calls = calls;
        fold->owner = owner;
        fold->ranks = ranks;
    }
    return fold;
}

int fold_holds(const struct fold *fold)
{
    return fold->waiting > 0;
}

static int is_text(const struct item *item)
{
    return item->type == SPK_STDOUT || item->type == SPK_STDERR;
}

static int is_same(const struct item *one, const struct item *other)
{
    return one && other && one->type == other->type && one->len == other->len &&
           memcmp(one->bytes, other->bytes, one->len) == 0;
}

static int append(struct fold *fold, uint32_t rank, uint16_t type, const void *data, size_t len)
{
    struct voice *voice = &fold->voices[rank];
    struct item *item = malloc(sizeof *item + len);
    if (!item)
        return -ENOMEM;
    *item = (struct item){.type = type, .len = len};
    if (len)
        memcpy(item->bytes, data, len);
    if (voice->last)
        voice->last->next = item;
    else
        voice->first = item;
    fold->waiting += !voice->last;
    voice->last = item;
    fold->held += sizeof *item + len;
    return 0;
}

static void drop_first(struct fold *fold, uint32_t rank)
{
    struct voice *voice = &fold->voices[rank];
    struct item *item = voice->first;
    fold->held -= sizeof *item + item->len;
    voice->first = item->next;
    if (!voice->first) {
        voice->last = NULL;
        fold->waiting--;
    }
    free(item);
}

/* Add "from-to" to the label. */
static void add_range(char label[LABEL_LEN + 24], size_t *len, uint32_t from, uint32_t to)
{
    if (label[*len - 1] == '.')
        return; /* cut already */
    const char *comma = *len > 1 ? "," : "";
    int added = from == to ? snprintf(label + *len, LABEL_LEN + 24 - *len, "%s%u", comma, from)
                           : snprintf(label + *len, LABEL_LEN + 24 - *len, "%s%u-%u", comma, from, to);
    if (*len + (size_t)added >= LABEL_LEN) /* a part of a number would be another rank's */
        added = snprintf(label + *len, LABEL_LEN + 24 - *len, "%s...", comma);
    *len += (size_t)added;
}

/* Whose first item is like this one. The number of them; label: "[0-2] ". */
static uint32_t find_speakers(const struct fold *fold, const struct item *item, char label[LABEL_LEN + 24])
{
    uint32_t count = 0, from = UINT32_MAX;
    size_t len = 1;
    label[0] = '[';
    for (uint32_t rank = 0; rank <= fold->ranks; rank++) {
        int speaks = rank < fold->ranks && is_same(fold->voices[rank].first, item);
        count += speaks != 0;
        if (speaks && from == UINT32_MAX)
            from = rank;
        if (!speaks && from != UINT32_MAX) {
            add_range(label, &len, from, rank - 1);
            from = UINT32_MAX;
        }
    }
    snprintf(label + len, LABEL_LEN + 24 - len, "] ");
    return count;
}

static void close_line(struct fold *fold)
{
    uint32_t which = fold->open;
    fold->open = 0;
    if (which)
        fold->calls->text(fold->owner, which, (struct spk_text){"\n", 1});
}

/* Whose what follows is. */
static void announce(struct fold *fold, const char *label)
{
    char line[LABEL_LEN + 32];
    int len = snprintf(line, sizeof line, "%.*s:\n", (int)strlen(label) - 1, label);
    fold->calls->text(fold->owner, SPK_STDOUT, (struct spk_text){line, (size_t)len});
}

/* Where the line ends, or is to be overwritten, as by a progress bar. NULL: not here. */
static const char *line_end(struct spk_text text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len < text.len ? text.data + len : NULL;
}

static void say(struct fold *fold, uint32_t which, const char *label, const struct item *item)
{
    close_line(fold);
    if (fold->ranks > 1)
        fold->calls->text(fold->owner, which, (struct spk_text){label, strlen(label)});
    fold->calls->text(fold->owner, which, (struct spk_text){item->bytes, item->len});
    if (!item->len || !line_end((struct spk_text){item->bytes + item->len - 1, 1}))
        fold->open = which;
}

/* Hand on what stands first in the rank's queue, for all ranks that have the same there. */
static void hand_on(struct fold *fold, uint32_t rank)
{
    char label[LABEL_LEN + 24];
    struct item *item = fold->voices[rank].first;
    uint32_t count = find_speakers(fold, item, label);
    int all = count == fold->ranks, first = is_same(fold->voices[0].first, item);
    if (is_text(item)) {
        say(fold, item->type, label, item);
    } else {
        close_line(fold);
        if (!all)
            announce(fold, label);
        fold->calls->frame(fold->owner, item->type, (struct spk_text){item->bytes, item->len}, all, first);
    }
    for (uint32_t other = 0; other < fold->ranks; other++)
        if (other != rank && is_same(fold->voices[other].first, item))
            drop_first(fold, other);
    drop_first(fold, rank); /* last, as it is what the others were compared with */
}

static int are_alike(const struct fold *fold)
{
    uint32_t rank = fold->waiting == fold->ranks ? 1 : fold->ranks + 1;
    while (rank < fold->ranks && is_same(fold->voices[rank].first, fold->voices[0].first))
        rank++;
    return rank == fold->ranks;
}

/* What all say need not wait. */
static void pump(struct fold *fold)
{
    while (are_alike(fold))
        hand_on(fold, 0);
    if (fold->held > FOLD_MAX_HELD)
        fold_flush(fold, 0);
}

static int finish_line(struct fold *fold, uint32_t rank, uint32_t which)
{
    struct buffer *line = &fold->voices[rank].unfinished[which - SPK_STDOUT];
    int result = line->len ? append(fold, rank, (uint16_t)which, buffer_bytes(line), line->len) : 0;
    if (result == 0)
        buffer_consume(line, line->len);
    return result;
}

int fold_text(struct fold *fold, uint32_t rank, uint32_t which, struct spk_text text)
{
    struct buffer *line = &fold->voices[rank].unfinished[which - SPK_STDOUT];
    int result = 0;
    while (text.len && result == 0) {
        const char *end = line_end(text);
        size_t len = end ? (size_t)(end - text.data) + 1 : text.len;
        result = buffer_append(line, text.data, len);
        if (result == 0 && (end || line->len > FOLD_MAX_HELD))
            result = finish_line(fold, rank, which);
        text = (struct spk_text){text.data + len, text.len - len};
    }
    pump(fold);
    return result;
}

int fold_frame(struct fold *fold, uint32_t rank, uint16_t type, struct spk_text payload)
{
    int result = finish_line(fold, rank, SPK_STDOUT);
    if (result == 0)
        result = finish_line(fold, rank, SPK_STDERR);
    if (result == 0)
        result = append(fold, rank, type, payload.data, payload.len);
    pump(fold);
    return result;
}

void fold_flush(struct fold *fold, int final)
{
    for (uint32_t rank = 0; rank < fold->ranks && final; rank++) {
        (void)finish_line(fold, rank, SPK_STDOUT); /* without memory it is lost with the fold */
        (void)finish_line(fold, rank, SPK_STDERR);
    }
    /* One of each in turn: what they say alike stands at about the same place. */
    while (fold->waiting)
        for (uint32_t rank = 0; rank < fold->ranks; rank++)
            if (fold->voices[rank].first)
                hand_on(fold, rank);
    if (final)
        close_line(fold);
}

void fold_free(struct fold *fold)
{
    if (!fold)
        return;
    for (uint32_t rank = 0; rank < fold->ranks; rank++) {
        while (fold->voices[rank].first)
            drop_first(fold, rank);
        for (int i = 0; i < 2; i++)
            buffer_finish(&fold->voices[rank].unfinished[i]);
    }
    free(fold);
}
