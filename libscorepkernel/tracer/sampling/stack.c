/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stack: see stack.h. */
#include "tracer/sampling/stack.h"

#include <string.h>

#include "tracer/sampling/own_memory.h"

/* From 3.11 on the frames of a thread lie one behind the other: many are read at once. */
#define WINDOW_LEN 4096u
/* A code object's type, or the addresses of its names: what is read of each. */
#define PIECE_LEN 24u
#define TYPE_OFFSET 8u
#define BYTES_HEADER 32u /* of a bytes object, before its bytes */
#define FRAMES_AT_A_TIME (OWN_MEMORY_PIECES_MAX / 2)
/* From 3.14 on the lowest bits of a reference are flags. */
#define REFERENCE_MASK (~UINT64_C(7))

struct window {
    uint8_t bytes[WINDOW_LEN];
    uint64_t begin;
    uint32_t len;
};

static uint64_t number_at(const uint8_t *bytes, uint16_t offset)
{
    uint64_t number;
    memcpy(&number, bytes + offset, sizeof number);
    return number;
}

static const uint8_t *frame_bytes(struct window *window, const struct frame_offsets *offsets,
                                  uint64_t address)
{
    uint32_t len = offsets->frame.len;
    if (address >= window->begin && address - window->begin + len <= window->len)
        return window->bytes + (address - window->begin);
    uint32_t wanted = offsets->frame.owner ? WINDOW_LEN : len; /* those called before lie below */
    window->begin = address + len - wanted;
    window->len = wanted;
    if (!own_memory_read(window->bytes, window->begin, wanted)) {
        window->begin = address;
        window->len = len;
        if (!own_memory_read(window->bytes, address, len)) {
            window->len = 0;
            return NULL;
        }
    }
    return window->bytes + (address - window->begin);
}

static uint64_t innermost(const struct frame_offsets *offsets, uint64_t thread)
{
    uint64_t frame;
    if (!own_memory_read(&frame, thread + offsets->thread.frame, sizeof frame))
        return 0;
    if (offsets->frame_is_held && !own_memory_read(&frame, frame + offsets->holder_frame, sizeof frame))
        return 0;
    return frame;
}

static uint64_t instruction_of(const struct frame_offsets *offsets, const uint8_t *frame)
{
    uint32_t number;
    if (!offsets->instruction_unit)
        return number_at(frame, offsets->frame.instruction);
    memcpy(&number, frame + offsets->frame.instruction, sizeof number);
    return number;
}

static bool is_pythons(const struct frame_offsets *offsets, const uint8_t *frame)
{
    uint8_t owner = offsets->frame.owner ? frame[offsets->frame.owner] : 0;
    return owner != FRAME_OWNER_C_STACK && owner != FRAME_OWNER_INTERPRETER;
}

static bool is_base(const struct stack_base *base, uint64_t address, uint64_t code)
{
    for (uint32_t i = 0; base && i < base->count; i++)
        if (base->frames[i].address == address && base->frames[i].code == code)
            return true;
    return false;
}

/* Where the frames end without having come to a base, or with one that belongs to a generator, which somebody
 * has to have called, it was suspended meanwhile. */
static bool is_torn_at(const struct frame_offsets *offsets, const struct stack_base *base,
                       const uint8_t *outermost)
{
    if (base && base->count > 0)
        return true;
    return offsets->frame.owner && outermost && outermost[offsets->frame.owner] == FRAME_OWNER_GENERATOR;
}

static void walk(const struct frame_offsets *offsets, uint64_t address, const struct stack_base *base,
                 struct stack *stack)
{
    struct window window;
    const uint8_t *bytes = NULL;
    window.len = 0;
    window.begin = 0;
    while (address) {
        bytes = frame_bytes(&window, offsets, address);
        if (!bytes)
            break;
        uint64_t code = number_at(bytes, offsets->frame.code) & REFERENCE_MASK;
        if (is_base(base, address, code))
            return;
        if (stack->count == STACK_DEPTH_MAX) {
            stack->is_cut = true;
            return;
        }
        if (is_pythons(offsets, bytes))
            stack->frames[stack->count++] = (struct stack_frame){
                .address = address, .code = code, .instruction = instruction_of(offsets, bytes)};
        address = number_at(bytes, offsets->frame.previous);
    }
    stack->is_torn = is_torn_at(offsets, base, bytes);
}

/* Finds the functions of frames[from..to), and drops what is none. Returns how many there are now. */
static uint32_t name_frames(const struct stack_reader *reader, struct stack *stack, uint32_t from,
                            uint32_t to, uint32_t kept)
{
    const struct frame_offsets *offsets = &reader->functions->offsets;
    uint64_t addresses[OWN_MEMORY_PIECES_MAX] = {0};
    uint8_t pieces[OWN_MEMORY_PIECES_MAX][PIECE_LEN];
    for (uint32_t i = from; i < to; i++) {
        addresses[2 * (size_t)(i - from)] = stack->frames[i].code;
        addresses[2 * (size_t)(i - from) + 1] = stack->frames[i].code + offsets->code.file;
    }
    uint32_t got = own_memory_read_pieces(pieces, addresses, 2 * (to - from), PIECE_LEN);
    for (uint32_t i = from; i < to && 2 * (i - from) + 1 < got; i++) {
        const uint8_t *names = pieces[2 * (size_t)(i - from) + 1];
        if (number_at(pieces[2 * (size_t)(i - from)], TYPE_OFFSET) != reader->code_type)
            continue;
        struct stack_frame frame = stack->frames[i];
        frame.function = functions_find(
            reader->functions, frame.code,
            (struct function_names){number_at(names, 0),
                                    number_at(names, (uint16_t)(offsets->code.name - offsets->code.file))});
        if (frame.function == FUNCTION_NONE)
            continue;
        frame.line = functions_line(&reader->functions->items[frame.function], offsets, frame.instruction);
        stack->frames[kept++] = frame;
    }
    return kept;
}

bool stack_read(const struct stack_reader *reader, uint64_t thread, const struct stack_base *base,
                struct stack *stack)
{
    const struct frame_offsets *offsets = &reader->functions->offsets;
    stack->count = 0;
    stack->is_cut = stack->is_torn = false;
    walk(offsets, innermost(offsets, thread), base, stack);
    uint32_t kept = 0;
    for (uint32_t from = 0; from < stack->count; from += FRAMES_AT_A_TIME) {
        uint32_t to = stack->count - from < FRAMES_AT_A_TIME ? stack->count : from + FRAMES_AT_A_TIME;
        kept = name_frames(reader, stack, from, to, kept);
    }
    stack->count = kept;
    return kept > 0;
}

static bool may_be_awaited(const struct stack_reader *reader, uint64_t address, const struct stack *stack)
{
    for (uint32_t i = 0; i < stack->count; i++)
        if (stack->frames[i].address == address ||
            functions_is_module_level(&reader->functions->items[stack->frames[i].function]))
            return false;
    return stack->count < STACK_DEPTH_MAX;
}

void stack_add_suspended(const struct stack_reader *reader, uint64_t address, struct stack *stack)
{
    const struct frame_offsets *offsets = &reader->functions->offsets;
    uint8_t bytes[FRAME_PART_MAX];
    if (!may_be_awaited(reader, address, stack) || !own_memory_read(bytes, address, offsets->frame.len) ||
        (offsets->frame.owner && bytes[offsets->frame.owner] != FRAME_OWNER_GENERATOR))
        return;
    stack->frames[stack->count] =
        (struct stack_frame){.address = address,
                             .code = number_at(bytes, offsets->frame.code) & REFERENCE_MASK,
                             .instruction = instruction_of(offsets, bytes)};
    stack->count = name_frames(reader, stack, stack->count, stack->count + 1, stack->count);
}

int stack_operation(const struct frame_offsets *offsets, const struct stack_frame *frame)
{
    uint64_t address = frame->instruction;
    uint8_t operation;
    if (offsets->instruction_unit) {
        uint64_t bytes;
        if (!own_memory_read(&bytes, frame->code + offsets->code.instructions, sizeof bytes))
            return -1;
        address = bytes + BYTES_HEADER + frame->instruction * offsets->instruction_unit;
    }
    return own_memory_read(&operation, address, 1) ? operation : -1;
}

bool stack_position(const struct frame_offsets *offsets, uint64_t thread, uint64_t *frame,
                    uint64_t *instruction)
{
    uint8_t bytes[FRAME_PART_MAX];
    *frame = innermost(offsets, thread);
    if (!*frame || !own_memory_read(bytes, *frame, offsets->frame.len))
        return false;
    *instruction = instruction_of(offsets, bytes);
    return true;
}
