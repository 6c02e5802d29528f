/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stack: see stack.h. */
#include "tracer/sampling/stack.h"

#include <string.h>

#include "tracer/sampling/own_memory.h"

/* From 3.11 on the frames of a thread lie one behind the other: many are read at once. */
#define WINDOW_LEN 8192u
/* A code object's type, or the addresses of its names: what is read of each. */
#define PIECE_LEN 24u
#define TYPE_OFFSET 8u
#define BYTES_HEADER 32u /* of a bytes object, before its bytes */
/* So deep a stack is followed. */
#define WALK_MAX (1u << 16)
/* So often one is read that changes meanwhile. */
#define TRIES 8
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

/* Where the frame goes that is so many frames from the innermost: beyond the innermost ones, over the one
 * that is no more among the outermost. */
static uint32_t place_of(uint32_t depth)
{
    static const uint32_t innermost_kept = STACK_DEPTH_MAX - STACK_OUTERMOST;
    return depth < STACK_DEPTH_MAX ? depth : innermost_kept + (depth - innermost_kept) % STACK_OUTERMOST;
}

static void reverse(struct stack_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct stack_frame frame = frames[i];
        frames[i] = frames[count - 1 - i];
        frames[count - 1 - i] = frame;
    }
}

/* Puts the outermost ones in order again, the oldest of which is where the next would have gone. */
static void straighten(struct stack *stack, uint32_t depth)
{
    stack->count = depth < STACK_DEPTH_MAX ? depth : STACK_DEPTH_MAX;
    stack->is_cut = depth > STACK_DEPTH_MAX;
    if (!stack->is_cut)
        return;
    struct stack_frame *outermost = stack->frames + STACK_DEPTH_MAX - STACK_OUTERMOST;
    uint32_t next = place_of(depth) - (STACK_DEPTH_MAX - STACK_OUTERMOST);
    reverse(outermost, next);
    reverse(outermost + next, STACK_OUTERMOST - next);
    reverse(outermost, STACK_OUTERMOST);
}

static void walk(const struct frame_offsets *offsets, uint64_t address, const struct stack_base *base,
                 struct stack *stack)
{
    struct window window;
    const uint8_t *bytes = NULL;
    uint32_t depth = 0;
    bool has_ended = false;
    window.len = 0;
    window.begin = 0;
    for (; address && depth < WALK_MAX; address = number_at(bytes, offsets->frame.previous)) {
        bytes = frame_bytes(&window, offsets, address);
        if (!bytes)
            break;
        uint64_t code = number_at(bytes, offsets->frame.code) & REFERENCE_MASK;
        has_ended = is_base(base, address, code);
        if (has_ended)
            break;
        if (is_pythons(offsets, bytes))
            stack->frames[place_of(depth++)] = (struct stack_frame){
                .address = address, .code = code, .instruction = instruction_of(offsets, bytes)};
    }
    straighten(stack, depth);
    stack->is_torn = depth == WALK_MAX || (!has_ended && is_torn_at(offsets, base, bytes));
}

/* Whether a frame executes what the one before it does: it need not be found again. */
static bool is_recursion(const struct stack *stack, uint32_t from, uint32_t at)
{
    return at > from && stack->frames[at].code == stack->frames[at - 1].code;
}

/* header, names: what was read of the code object. */
static uint32_t function_of(const struct stack_reader *reader, uint64_t code, const uint8_t *header,
                            const uint8_t *names)
{
    const struct frame_offsets *offsets = &reader->functions->offsets;
    if (number_at(header, TYPE_OFFSET) != reader->code_type)
        return FUNCTION_NONE;
    return functions_find(
        reader->functions, code,
        (struct function_names){number_at(names, 0),
                                number_at(names, (uint16_t)(offsets->code.name - offsets->code.file))});
}

/* Finds the functions of frames[from..to), and drops what is none. Returns how many there are now. */
static uint32_t name_frames(const struct stack_reader *reader, struct stack *stack, uint32_t from,
                            uint32_t to, uint32_t kept)
{
    const struct frame_offsets *offsets = &reader->functions->offsets;
    uint64_t addresses[OWN_MEMORY_PIECES_MAX] = {0};
    uint8_t pieces[OWN_MEMORY_PIECES_MAX][PIECE_LEN];
    uint32_t wanted = 0;
    for (uint32_t i = from; i < to; i++) {
        if (is_recursion(stack, from, i))
            continue;
        addresses[wanted++] = stack->frames[i].code;
        addresses[wanted++] = stack->frames[i].code + offsets->code.file;
    }
    uint32_t got = own_memory_read_pieces(pieces, addresses, wanted, PIECE_LEN), next = 0;
    uint32_t function = FUNCTION_NONE;
    for (uint32_t i = from; i < to; i++) {
        struct stack_frame frame = stack->frames[i];
        if (!is_recursion(stack, from, i)) {
            function = next + 1 < got ? function_of(reader, frame.code, pieces[next], pieces[next + 1])
                                      : FUNCTION_NONE;
            next += 2;
        }
        frame.function = function;
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
    for (int i = 0; i < TRIES; i++) {
        walk(offsets, innermost(offsets, thread), base, stack);
        if (!stack->is_torn || stack->is_cut)
            break;
    }
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
