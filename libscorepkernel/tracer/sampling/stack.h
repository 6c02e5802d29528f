/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stack: what a Python thread is executing, read from outside while it goes on. A stack that changes while it
 * is read may come out torn; each of its frames is a function that was there. */
#ifndef TRACER_SAMPLING_STACK_H
#define TRACER_SAMPLING_STACK_H

#include <stdbool.h>

#include "tracer/sampling/functions.h"

#define STACK_DEPTH_MAX 1024u
#define STACK_OUTERMOST 256u /* of them are kept of a deeper stack, and the rest are its innermost */
#define STACK_BASE_MAX 64u

struct stack_frame {
    uint64_t address, code, instruction;
    uint32_t function;
    int32_t line; /* 0: none */
};

struct stack {
    struct stack_frame frames[STACK_DEPTH_MAX]; /* innermost first */
    uint32_t count;
    bool is_cut;  /* it is deeper: frames in its middle are missing */
    bool is_torn; /* a generator was suspended while it was read, or it is deeper than anything sensible: the
                     outermost frames are missing */
};

/* Frames below what is sampled: a stack is read down to the first of them, which is not part of it. */
struct stack_base {
    struct {
        uint64_t address, code;
    } frames[STACK_BASE_MAX];
    uint32_t count;
};

struct stack_reader {
    struct functions *functions;
    uint64_t code_type; /* the address of PyCode_Type */
};

/* Reads the stack of a thread state (its address). base may be NULL. false: nothing could be read. */
bool stack_read(const struct stack_reader *reader, uint64_t thread, const struct stack_base *base,
                struct stack *stack);

/* Adds the frame at an address as the outermost one, if it is that of a coroutine which is not among the
 * frames: it is suspended then, and what the frames do it waits for. Where one of them is a module's or a
 * cell's own code, that does not wait for it. */
void stack_add_suspended(const struct stack_reader *reader, uint64_t address, struct stack *stack);

/* The operation of the instruction that a frame is at; -1: it cannot be read. */
int stack_operation(const struct frame_offsets *offsets, const struct stack_frame *frame);

/* Where a thread is now: its innermost frame and instruction. false: it cannot be read. */
bool stack_position(const struct frame_offsets *offsets, uint64_t thread, uint64_t *frame,
                    uint64_t *instruction);

#endif
