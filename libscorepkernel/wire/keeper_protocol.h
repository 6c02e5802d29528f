/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_protocol.h - what the library and its keeper say to each other, in frames (frame.h). A process is
 * known by the id that the library gave it, in the frame's request.
 */
#ifndef WIRE_KEEPER_PROTOCOL_H
#define WIRE_KEEPER_PROTOCOL_H

/* The descriptor on which the keeper finds its socket. */
#define KEEPER_FD 3

enum keeper_frame {
    /* Library to keeper. */
    KEEPER_SPAWN = 1, /* parts: program, directory, argument count (u32), arguments, environment; the frame's
                         descriptors become the process's 0, 1, 2, 3 ... */
    KEEPER_SIGNAL,    /* parts: signal number (u32); to the process's whole group */
    KEEPER_ADOPT,     /* parts: pid (u32) of a process that the keeper has inherited, to be known by the id */
    KEEPER_END,       /* parts: grace time in ms (u32): give the processes that long, then kill; then end */

    /* Keeper to library. */
    KEEPER_SPAWNED, /* parts: pid (u32) */
    KEEPER_FAILED,  /* parts: errno (u32), what was being done */
    KEEPER_EXITED,  /* parts: wait status (u32), user and system time in us (u64 each), peak RSS in KiB (u64)
                     */
};

#endif
