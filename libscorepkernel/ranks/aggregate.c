/* SPDX-License-Identifier: BSD-3-Clause
 *
 * aggregate.c - the output of many ranks as one. Each rank has a queue of what it said, in its order; what
 * stands first in several queues is handed on once, with the ranks' numbers before it: "[0-2,5] ".
 *
 * There may be tens of thousands of ranks, so nothing walks all of them for a line: those whose queues begin
 * alike are a group, which is found by a hash of what it says.
 */
#include "ranks/aggregate.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A list of ranks is cut to this many bytes. */
#define LABEL_LEN ((size_t)120)

/* Ends a list of ranks. */
#define NOBODY UINT32_MAX
#define WORD_BITS 64u

struct item {
    struct item *next;
    uint64_t hash;
    uint16_t type; /* SPK_STDOUT, SPK_STDERR; or of a frame, whose numbers are other ones */
    size_t len;
    /* Of the item that stands for a group; other items do not use them. */
    struct item *next_group; /* in the same place of the table */
    uint32_t members;        /* the first of a list that goes on in voice.next_member, in no order */
    uint32_t member_count;
    char bytes[];
};

struct voice {
    struct item *first, *last;
    struct item *group;          /* the item that stands for all that are like the first one */
    uint32_t next_member;        /* of the group */
    struct buffer unfinished[2]; /* the incomplete line of each stream */
};

struct aggregate {
    const struct aggregate_calls *calls;
    void *owner;
    uint32_t ranks, waiting; /* waiting: how many ranks have items in their queues */
    size_t held;             /* bytes, with what each item takes besides */
    uint32_t open;           /* the stream whose last line has no end; 0: none */
    uint64_t *waits;         /* a bit for each rank that has said something */
    uint32_t *speakers;      /* room for the members of one group, in their order */
    struct item **groups;    /* by hash; group_places of them, a power of two */
    size_t group_places;
    struct voice voices[];
};

struct aggregate *aggregate_new(uint32_t ranks, const struct aggregate_calls *calls, void *owner)
{
    struct aggregate *aggregate = calloc(1, sizeof *aggregate + ranks * sizeof *aggregate->voices);
    if (!aggregate)
        return NULL;
    aggregate->calls = calls;
    aggregate->owner = owner;
    aggregate->ranks = ranks;
    aggregate->group_places = 1;
    while (aggregate->group_places < ranks)
        aggregate->group_places *= 2;
    aggregate->waits = calloc(ranks / WORD_BITS + 1, sizeof *aggregate->waits);
    aggregate->speakers = calloc((size_t)ranks + 1, sizeof *aggregate->speakers);
    aggregate->groups = calloc(aggregate->group_places, sizeof(struct item *));
    if (aggregate->waits && aggregate->speakers && aggregate->groups)
        return aggregate;
    aggregate_free(aggregate);
    return NULL;
}

int aggregate_holds(const struct aggregate *aggregate)
{
    return aggregate->waiting > 0;
}

static int is_text(const struct item *item)
{
    return item->type == SPK_STDOUT || item->type == SPK_STDERR;
}

static int is_same(const struct item *one, const struct item *other)
{
    return one->hash == other->hash && one->type == other->type && one->len == other->len &&
           memcmp(one->bytes, other->bytes, one->len) == 0;
}

/* FNV-1a. */
static uint64_t hash_of(uint16_t type, const char *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ type;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static struct item **group_place(const struct aggregate *aggregate, const struct item *item)
{
    return &aggregate->groups[item->hash & (aggregate->group_places - 1)];
}

/* The rank has a new first item: put it into the group of ranks whose first items are the same. */
static void join_group(struct aggregate *aggregate, uint32_t rank)
{
    struct voice *voice = &aggregate->voices[rank];
    struct item **place = group_place(aggregate, voice->first), *group = *place;
    while (group && !is_same(group, voice->first))
        group = group->next_group;
    if (!group) {
        group = voice->first;
        group->next_group = *place;
        group->members = NOBODY;
        *place = group;
    }
    voice->group = group;
    voice->next_member = group->members;
    group->members = rank;
    group->member_count++;
}

static int compare_ranks(const void *one, const void *other)
{
    uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
    return (left > right) - (left < right);
}

/* End the group, and list its members in aggregate->speakers, in order. Returns how many they are. */
static uint32_t take_group(struct aggregate *aggregate, struct item *group)
{
    uint32_t count = 0;
    struct item **place = group_place(aggregate, group);
    while (*place != group)
        place = &(*place)->next_group;
    *place = group->next_group;
    for (uint32_t rank = group->members; rank != NOBODY; rank = aggregate->voices[rank].next_member)
        aggregate->speakers[count++] = rank;
    qsort(aggregate->speakers, count, sizeof *aggregate->speakers, compare_ranks);
    return count;
}

static int append(struct aggregate *aggregate, uint32_t rank, uint16_t type, const void *data, size_t len)
{
    struct voice *voice = &aggregate->voices[rank];
    struct item *item = malloc(sizeof *item + len);
    if (!item)
        return -ENOMEM;
    *item = (struct item){.type = type, .len = len};
    if (len)
        memcpy(item->bytes, data, len);
    item->hash = hash_of(type, item->bytes, len);
    aggregate->held += sizeof *item + len;
    if (voice->last) {
        voice->last->next = item;
        voice->last = item;
        return 0;
    }
    voice->first = voice->last = item;
    aggregate->waiting++;
    aggregate->waits[rank / WORD_BITS] |= UINT64_C(1) << rank % WORD_BITS;
    join_group(aggregate, rank);
    return 0;
}

/* Remove the rank's first item, after its group was taken. */
static void drop_first(struct aggregate *aggregate, uint32_t rank)
{
    struct voice *voice = &aggregate->voices[rank];
    struct item *item = voice->first;
    aggregate->held -= sizeof *item + item->len;
    voice->first = item->next;
    free(item);
    if (voice->first) {
        join_group(aggregate, rank);
        return;
    }
    voice->last = voice->group = NULL;
    aggregate->waiting--;
    aggregate->waits[rank / WORD_BITS] &= ~(UINT64_C(1) << rank % WORD_BITS);
}

/* The first rank, beginning with this one, whose queue is not empty; aggregate->ranks: there is none. */
static uint32_t next_waiting(const struct aggregate *aggregate, uint32_t rank)
{
    while (rank < aggregate->ranks) {
        uint64_t word = aggregate->waits[rank / WORD_BITS] >> rank % WORD_BITS;
        if (word)
            return rank + (uint32_t)__builtin_ctzll(word);
        rank = (rank / WORD_BITS + 1) * WORD_BITS;
    }
    return aggregate->ranks;
}

/* Add "from-to" to the label. */
static void add_range(char label[LABEL_LEN + 24], size_t *len, uint32_t from, uint32_t to)
{
    if (label[*len - 1] == '.')
        return; /* cut already */
    const char *comma = *len > 1 ? "," : "";
    int added = from == to ? snprintf(label + *len, LABEL_LEN + 24 - *len, "%s%u", comma, from)
                           : snprintf(label + *len, LABEL_LEN + 24 - *len, "%s%u-%u", comma, from, to);
    if (*len + (size_t)added >= LABEL_LEN) /* a number that is cut would name another rank */
        added = snprintf(label + *len, LABEL_LEN + 24 - *len, "%s...", comma);
    *len += (size_t)added;
}

/* Write the label of the first count ranks in aggregate->speakers, such as "[0-2] ". */
static void write_label(const struct aggregate *aggregate, uint32_t count, char label[LABEL_LEN + 24])
{
    size_t len = 1;
    label[0] = '[';
    for (uint32_t i = 0, from = 0; i < count; i++) {
        if (i + 1 < count && aggregate->speakers[i + 1] == aggregate->speakers[i] + 1)
            continue;
        add_range(label, &len, aggregate->speakers[from], aggregate->speakers[i]);
        from = i + 1;
    }
    snprintf(label + len, LABEL_LEN + 24 - len, "] ");
}

static void close_line(struct aggregate *aggregate)
{
    uint32_t which = aggregate->open;
    aggregate->open = 0;
    if (which)
        aggregate->calls->text(aggregate->owner, which, (struct spk_text){"\n", 1});
}

/* Say which ranks the following text is from. */
static void announce(struct aggregate *aggregate, const char *label)
{
    char line[LABEL_LEN + 32];
    int len = snprintf(line, sizeof line, "%.*s:\n", (int)strlen(label) - 1, label);
    aggregate->calls->text(aggregate->owner, SPK_STDOUT, (struct spk_text){line, (size_t)len});
}

/* Where the line ends, or a carriage return has it overwritten, as a progress bar does. NULL: it does not end
 * here. */
static const char *line_end(struct spk_text text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len < text.len ? text.data + len : NULL;
}

static void say(struct aggregate *aggregate, uint32_t which, const char *label, const struct item *item)
{
    close_line(aggregate);
    if (aggregate->ranks > 1)
        aggregate->calls->text(aggregate->owner, which, (struct spk_text){label, strlen(label)});
    aggregate->calls->text(aggregate->owner, which, (struct spk_text){item->bytes, item->len});
    if (!item->len || !line_end((struct spk_text){item->bytes + item->len - 1, 1}))
        aggregate->open = which;
}

/* Show the first item of the rank's queue, once for all ranks that have the same first item. */
static void hand_on(struct aggregate *aggregate, uint32_t rank)
{
    char label[LABEL_LEN + 24];
    struct item *item = aggregate->voices[rank].group;
    uint32_t count = take_group(aggregate, item);
    int all = count == aggregate->ranks, first = aggregate->speakers[0] == 0;
    write_label(aggregate, count, label);
    if (is_text(item)) {
        say(aggregate, item->type, label, item);
    } else {
        close_line(aggregate);
        if (!all)
            announce(aggregate, label);
        aggregate->calls->frame(aggregate->owner, item->type, (struct spk_text){item->bytes, item->len}, all,
                                first);
    }
    for (uint32_t i = 0; i < count; i++)
        drop_first(aggregate, aggregate->speakers[i]);
}

static int are_alike(const struct aggregate *aggregate)
{
    const struct item *group = aggregate->ranks ? aggregate->voices[0].group : NULL;
    return group && group->member_count == aggregate->ranks;
}

/* Show what all ranks say without waiting. */
static void pump(struct aggregate *aggregate)
{
    while (are_alike(aggregate))
        hand_on(aggregate, 0);
    if (aggregate->held > AGGREGATE_MAX_HELD)
        aggregate_flush(aggregate, 0);
}

static int finish_line(struct aggregate *aggregate, uint32_t rank, uint32_t which)
{
    struct buffer *line = &aggregate->voices[rank].unfinished[which - SPK_STDOUT];
    int result = line->len ? append(aggregate, rank, (uint16_t)which, buffer_bytes(line), line->len) : 0;
    if (result == 0)
        buffer_consume(line, line->len);
    return result;
}

int aggregate_text(struct aggregate *aggregate, uint32_t rank, uint32_t which, struct spk_text text)
{
    struct buffer *line = &aggregate->voices[rank].unfinished[which - SPK_STDOUT];
    int result = 0;
    while (text.len && result == 0) {
        const char *end = line_end(text);
        size_t len = end ? (size_t)(end - text.data) + 1 : text.len;
        result = buffer_append(line, text.data, len);
        if (result == 0 && (end || line->len > AGGREGATE_MAX_HELD))
            result = finish_line(aggregate, rank, which);
        text = (struct spk_text){text.data + len, text.len - len};
    }
    pump(aggregate);
    return result;
}

int aggregate_frame(struct aggregate *aggregate, uint32_t rank, uint16_t type, struct spk_text payload)
{
    int result = finish_line(aggregate, rank, SPK_STDOUT);
    if (result == 0)
        result = finish_line(aggregate, rank, SPK_STDERR);
    if (result == 0)
        result = append(aggregate, rank, type, payload.data, payload.len);
    pump(aggregate);
    return result;
}

void aggregate_flush(struct aggregate *aggregate, int final)
{
    for (uint32_t rank = 0; rank < aggregate->ranks && final; rank++) {
        (void)finish_line(aggregate, rank, SPK_STDOUT); /* without memory it is lost with the aggregate */
        (void)finish_line(aggregate, rank, SPK_STDERR);
    }
    /* One item of each rank in turn, because equal items stand at about the same place of their queues. */
    while (aggregate->waiting)
        for (uint32_t rank = 0; (rank = next_waiting(aggregate, rank)) < aggregate->ranks; rank++)
            hand_on(aggregate, rank);
    if (final)
        close_line(aggregate);
}

void aggregate_free(struct aggregate *aggregate)
{
    if (!aggregate)
        return;
    for (uint32_t rank = 0; rank < aggregate->ranks; rank++) {
        for (struct item *item = aggregate->voices[rank].first, *next; item; item = next) {
            next = item->next;
            free(item);
        }
        for (int i = 0; i < 2; i++)
            buffer_finish(&aggregate->voices[rank].unfinished[i]);
    }
    free(aggregate->waits);
    free(aggregate->speakers);
    free(aggregate->groups);
    free(aggregate);
}
