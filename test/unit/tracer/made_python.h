/* SPDX-License-Identifier: BSD-3-Clause
 *
 * made_python.h - thread states, frames, code objects and strings as CPython 3.11 lays them out, made by hand:
 * what the sampling reads, without Python.
 */
#ifndef TEST_MADE_PYTHON_H
#define TEST_MADE_PYTHON_H

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define MADE_VERSION 0x030b0000u
#define MADE_CODE_TYPE 0xC0DEu

static inline uint64_t made_address(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static inline void made_put(uint8_t *object, size_t offset, uint64_t value)
{
    memcpy(object + offset, &value, sizeof value);
}

struct made_text {
    uint8_t bytes[48 + 64];
};

static inline void made_text(struct made_text *text, const char *characters)
{
    memset(text->bytes, 0, sizeof text->bytes);
    made_put(text->bytes, 16, strlen(characters));
    text->bytes[32] = 1 << 2 | 32 | 64; /* a byte for each character, compact, ASCII */
    memcpy(text->bytes + 48, characters, strlen(characters));
}

struct made_code {
    struct made_text file, name;
    uint8_t lines[32 + 8], object[256];
};

/* A function of eight instructions, in that line and, from the fifth on, the next one. */
static inline void made_code(struct made_code *code, const char *file, const char *name, uint8_t line)
{
    static const uint8_t table[] = {0x80 | 13 << 3 | 3, 0, 0x80 | 13 << 3 | 3, 2};
    made_text(&code->file, file);
    made_text(&code->name, name);
    memset(code->lines, 0, sizeof code->lines);
    made_put(code->lines, 16, sizeof table);
    memcpy(code->lines + 32, table, sizeof table);
    memset(code->object, 0, sizeof code->object);
    made_put(code->object, 8, MADE_CODE_TYPE);
    code->object[72] = line;
    made_put(code->object, 112, made_address(&code->file));
    made_put(code->object, 120, made_address(&code->name));
    made_put(code->object, 128, made_address(&code->name));
    made_put(code->object, 136, made_address(code->lines));
}

struct made_frame {
    uint8_t bytes[80];
};

/* At one of the function's instructions, 0 to 7. */
static inline void made_frame(struct made_frame *frame, const struct made_code *code, int instruction,
                              const struct made_frame *previous)
{
    memset(frame->bytes, 0, sizeof frame->bytes);
    made_put(frame->bytes, 32, made_address(code->object));
    made_put(frame->bytes, 48, previous ? made_address(previous) : 0);
    made_put(frame->bytes, 56, made_address(code->object) + 184 + 2 * (uint64_t)instruction);
}

struct made_thread {
    uint8_t state[256], holder[16];
};

static inline void made_thread(struct made_thread *thread, const struct made_frame *innermost)
{
    memset(thread, 0, sizeof *thread);
    made_put(thread->state, 56, made_address(thread->holder));
    made_put(thread->holder, 8, innermost ? made_address(innermost) : 0);
    made_put(thread->state, 160, (uint64_t)gettid());
}

#endif
