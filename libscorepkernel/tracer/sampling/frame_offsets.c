/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame_offsets: see frame_offsets.h. */
#include "tracer/sampling/frame_offsets.h"

#include <string.h>

#define MINOR_OF(version) ((version) >> 16)

static const struct frame_offsets offsets_3_9 = {
    .thread = {.previous = 0, .next = 8, .pthread = 176, .frame = 24},
    .frame = {.previous = 24, .code = 32, .instruction = 104, .len = 108},
    .instruction_unit = 1,
    .code = {.file = 104, .name = 112, .first_line = 40, .lines = 120, .instructions = 48},
    .ascii_header = 48,
    .unicode_header = 72,
    .line_format = LINE_FORMAT_LNOTAB,
};

static const struct frame_offsets offsets_3_10 = {
    .thread = {.previous = 0, .next = 8, .pthread = 176, .frame = 24},
    .frame = {.previous = 24, .code = 32, .instruction = 96, .len = 100},
    .instruction_unit = 2,
    .code = {.file = 104, .name = 112, .first_line = 40, .lines = 120, .instructions = 48},
    .ascii_header = 48,
    .unicode_header = 72,
    .line_format = LINE_FORMAT_RANGES,
};

static const struct frame_offsets offsets_3_11 = {
    .thread = {.previous = 0, .next = 8, .native_id = 160, .pthread = 152, .frame = 56},
    .frame_is_held = true,
    .holder_frame = 8,
    .frame = {.previous = 48, .code = 32, .instruction = 56, .owner = 69, .len = 72},
    .code = {.file = 112, .name = 120, .qualified = 128, .first_line = 72, .lines = 136, .instructions = 184},
    .ascii_header = 48,
    .unicode_header = 72,
    .line_format = LINE_FORMAT_LOCATIONS,
};

static const struct frame_offsets offsets_3_12 = {
    .thread = {.previous = 0, .next = 8, .native_id = 144, .pthread = 136, .frame = 56},
    .frame_is_held = true,
    .holder_frame = 0,
    .frame = {.previous = 8, .code = 0, .instruction = 56, .owner = 70, .len = 72},
    .code = {.file = 112, .name = 120, .qualified = 128, .first_line = 68, .lines = 136, .instructions = 192},
    .ascii_header = 40,
    .unicode_header = 56,
    .line_format = LINE_FORMAT_LOCATIONS,
};

/* The beginning of _Py_DebugOffsets: what is before the structures that are the same in each version, each
 * structure's size first. 3.14 has more members in some of them. */
struct debug_layout {
    uint32_t thread, thread_previous; /* as numbers of eight bytes from the beginning */
    uint32_t frame, code;
};

static const struct debug_layout layout_3_13 = {.thread = 19, .thread_previous = 20, .frame = 28, .code = 34};
static const struct debug_layout layout_3_14 = {.thread = 22, .thread_previous = 23, .frame = 31, .code = 39};

/* Numbers of eight bytes of _Py_DebugOffsets that are read. */
#define DEBUG_NUMBERS 64u

static void from_runtime(struct frame_offsets *offsets, const uint64_t *numbers,
                         const struct debug_layout *at)
{
    const uint64_t *thread = numbers + at->thread_previous;
    const uint64_t *frame = numbers + at->frame;
    const uint64_t *code = numbers + at->code;
    *offsets = (struct frame_offsets){
        .thread = {.previous = (uint16_t)thread[0],
                   .next = (uint16_t)thread[1],
                   .frame = (uint16_t)thread[3],
                   .pthread = (uint16_t)thread[4],
                   .native_id = (uint16_t)thread[5]},
        .frame = {.previous = (uint16_t)frame[1],
                  .code = (uint16_t)frame[2],
                  .instruction = (uint16_t)frame[3],
                  .owner = (uint16_t)frame[5],
                  .len = (uint16_t)(frame[5] + 1)},
        .code = {.file = (uint16_t)code[1],
                 .name = (uint16_t)code[2],
                 .qualified = (uint16_t)code[3],
                 .lines = (uint16_t)code[4],
                 .first_line = (uint16_t)code[5],
                 .instructions = (uint16_t)code[9]},
        .ascii_header = offsets_3_12.ascii_header,
        .unicode_header = offsets_3_12.unicode_header,
        .line_format = LINE_FORMAT_LOCATIONS,
    };
}

/* Whatever is found later is tried before it is used, but a nonsensical number is refused at once. */
static bool is_sensible(const struct frame_offsets *offsets)
{
    static const unsigned most = 4096;
    return offsets->thread.frame && offsets->thread.frame < most && offsets->thread.native_id < most &&
           offsets->thread.next < most && offsets->frame.len <= FRAME_PART_MAX && offsets->code.file < most &&
           offsets->frame.previous + 8u <= offsets->frame.len &&
           offsets->frame.code + 8u <= offsets->frame.len &&
           offsets->frame.instruction + 8u <= offsets->frame.len && offsets->code.name < most &&
           offsets->code.qualified < most && offsets->code.lines < most && offsets->code.instructions < most;
}

static bool ask_runtime(struct frame_offsets *offsets, uint32_t version, const void *runtime)
{
    static const char cookie[] = "xdebugpy";
    uint64_t numbers[DEBUG_NUMBERS];
    if (!runtime || memcmp(runtime, cookie, sizeof cookie - 1) != 0)
        return false;
    memcpy(numbers, runtime, sizeof numbers);
    if (MINOR_OF(numbers[1]) != MINOR_OF(version) || numbers[2] != 0) /* of another, or without a GIL */
        return false;
    from_runtime(offsets, numbers, MINOR_OF(version) == 0x030d ? &layout_3_13 : &layout_3_14);
    return is_sensible(offsets);
}

bool frame_offsets_find(struct frame_offsets *offsets, uint32_t version, const void *runtime)
{
    switch (MINOR_OF(version)) {
    case 0x0309:
        *offsets = offsets_3_9;
        return true;
    case 0x030a:
        *offsets = offsets_3_10;
        return true;
    case 0x030b:
        *offsets = offsets_3_11;
        return true;
    case 0x030c:
        *offsets = offsets_3_12;
        return true;
    case 0x030d:
    case 0x030e:
        return ask_runtime(offsets, version, runtime);
    default:
        return false;
    }
}
