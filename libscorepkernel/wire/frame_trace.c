/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame_trace.c - a frame in words, for whoever debugs. Says nothing of what is in the parts, as they hold
 * users' code and data. Pure.
 */
#include "wire/frame_trace.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_PARTS 6

static const struct {
    enum frame_protocol protocol;
    uint16_t type;
    const char *name;
} names[] = {
#define WORKER_FRAME(name, number, parts, meaning) {FRAME_OF_WORKER, number, #name},
#define KEEPER_FRAME(name, number, parts, meaning) {FRAME_OF_KEEPER, number, #name},
#define RANK_FRAME(name, number, parts, meaning) {FRAME_OF_RANK, number, #name},
#include "wire/frames.def"
};

const char *frame_trace_name(enum frame_protocol protocol, uint16_t type)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].protocol == protocol && names[i].type == type)
            return names[i].name;
    return "?";
}

struct words {
    char *text;
    size_t size, len;
};

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(words->text + words->len, words->size - words->len, format, arguments);
    va_end(arguments);
    if (len > 0)
        words->len += (size_t)len < words->size - words->len ? (size_t)len : words->size - words->len - 1;
}

void frame_trace_text(enum frame_protocol protocol, const char *whose, int sent, const struct frame *frame,
                      char *text, size_t size)
{
    struct words words = {text, size, 0};
    struct frame parts = *frame;
    struct spk_text part;
    size_t count = 0;
    add(&words, "%s %s %s (%u)", sent ? "->" : "<-", whose, frame_trace_name(protocol, frame->type),
        frame->type);
    if (frame->request)
        add(&words, ", request %llu", (unsigned long long)frame->request);
    if (frame->barrier)
        add(&words, ", barrier %llu", (unsigned long long)frame->barrier);
    if (frame->fds)
        add(&words, ", %u descriptors", frame->fds);
    while (frame_next_part(&parts, &part) == 1)
        if (count++ < SHOWN_PARTS)
            add(&words, "%s%zu", count == 1 ? ", bytes in parts: " : ", ", part.len);
    if (count > SHOWN_PARTS)
        add(&words, " and %zu parts more", count - SHOWN_PARTS);
}
