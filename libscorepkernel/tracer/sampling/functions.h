/* SPDX-License-Identifier: BSD-3-Clause
 *
 * functions: the code objects that samples met, each with a number, its names, and the lines of its
 * instructions, all copied when it is met first.
 *
 * A code object may be gone at any time, and its memory may hold another one: so that a number is found by
 * the address together with the addresses of its names. Statements of a cell come one after another in the
 * very same places, with the same names: whoever runs them says when the next one begins. */
#ifndef TRACER_SAMPLING_FUNCTIONS_H
#define TRACER_SAMPLING_FUNCTIONS_H

#include "tracer/sampling/frame_offsets.h"

#define FUNCTIONS_MAX 16384u
#define FUNCTIONS_TEXT_MAX 1024u /* bytes of a name or file name, with its NUL */
#define FUNCTION_NONE UINT32_MAX

struct function {
    uint64_t code; /* where the code object lies */
    uint64_t file_address, name_address;
    char *file, *name; /* owned; UTF-8, or what was left of it */
    uint32_t first_line;
    struct line_map map;
    uint64_t instructions; /* where they begin, or before 3.11 the address of what they are in */
    uint32_t statement;    /* of a module's or cell's own code: the statement in which it was met; else 0 */
};

struct functions {
    struct frame_offsets offsets;
    struct function *items;
    uint32_t count, capacity;
    uint32_t *slots; /* numbers of functions, by hash; a power of two, at most half full */
    uint32_t slot_count;
    _Atomic uint32_t statement; /* how many have begun */
};

void functions_init(struct functions *functions, const struct frame_offsets *offsets);
void functions_finish(struct functions *functions);

/* Another statement of the cell begins. From any thread. */
void functions_next_statement(struct functions *functions);

/* Of a code object, the addresses of its file's name and of its own name. */
struct function_names {
    uint64_t file, name;
};

/* The number of the function whose code object lies at an address and has these names; FUNCTION_NONE: it is
 * no code object (any more), or there is no room. */
uint32_t functions_find(struct functions *functions, uint64_t code, struct function_names names);

/* Whether it is a module's own code, or a cell's. */
bool functions_is_module_level(const struct function *function);

/* The line of an instruction, as a frame has it; 0: it has none. */
int32_t functions_line(const struct function *function, const struct frame_offsets *offsets,
                       uint64_t instruction);

#endif
