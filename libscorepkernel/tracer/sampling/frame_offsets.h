/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame_offsets: where CPython keeps what has to be read without it: the frames of a thread, and the names
 * and lines of code objects. In bytes from the beginning of each structure.
 *
 * Sources: up to 3.12, the structures in CPython's Include/, compiled for x86-64 and aarch64, which lay them
 * out alike; from 3.13 on the interpreter says it itself (_Py_DebugOffsets, made for debuggers). */
#ifndef TRACER_SAMPLING_FRAME_OFFSETS_H
#define TRACER_SAMPLING_FRAME_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/sampling/line_map.h"

#define FRAME_PART_MAX 128u /* bytes of a frame that are read */

struct frame_offsets {
    struct {
        uint16_t previous, next; /* thread states of the same interpreter */
        uint16_t native_id;      /* what gettid() gives; 0: it is not kept there */
        uint16_t pthread;
        uint16_t frame; /* the innermost frame, or what holds a pointer to it */
    } thread;
    bool frame_is_held; /* thread.frame points to a structure that has the frame at holder_frame */
    uint16_t holder_frame;
    struct {
        uint16_t previous, code;
        uint16_t instruction; /* a number or, from 3.11 on, an address */
        uint16_t owner;       /* 0: there is none */
        uint16_t len;         /* of the part that has all of these */
    } frame;
    uint16_t instruction_unit; /* 0: an address; else bytes of each number */
    struct {
        uint16_t file, name; /* strings */
        uint16_t qualified;  /* the name with the classes and functions around it; 0: there is none */
        uint16_t first_line;
        uint16_t lines;        /* the table, a bytes object */
        uint16_t instructions; /* where the first one lies; before 3.11, the bytes object that they are in */
    } code;
    uint16_t ascii_header, unicode_header; /* of strings: bytes before the characters */
    enum line_format line_format;
};

/* The owner of a frame that is a coroutine's or generator's, from 3.11 on. */
#define FRAME_OWNER_GENERATOR 1u
/* Owners of frames that are none of Python's: the interpreter's own, between two pieces of C code. */
#define FRAME_OWNER_C_STACK 3u
#define FRAME_OWNER_INTERPRETER 4u

/* What holds for a version, as PY_VERSION_HEX has it. runtime: the address of _PyRuntime; used from 3.13 on.
 * false: the version is not known, or is another than the runtime's. */
bool frame_offsets_find(struct frame_offsets *offsets, uint32_t version, const void *runtime);

#endif
