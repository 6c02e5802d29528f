/* SPDX-License-Identifier: BSD-3-Clause
 *
 * worker_protocol.h - what the library and a Python worker say to each other: frames (frame.h) on descriptor
 * WORKER_FD, and marks in the worker's standard output and error. worker/base/connection.py is the other
 * side.
 *
 * Text that Python, C code or child processes write goes through the two pipes, where it has its natural
 * order. What is not text comes as frames. Marks keep the two in step: before it sends a frame, the worker
 * writes a barrier mark with a new number into both pipes and puts that number into the frame; when Python's
 * own output changes from one stream to the other, it writes a switch mark into both; when output comes
 * from a thread of an earlier cell, it is put between two parent marks. A mark is MARK_LEN bytes, written at
 * once, so never torn (PIPE_BUF): a NUL, the session's random token, a kind, and a number in hexadecimal.
 */
#ifndef WIRE_WORKER_PROTOCOL_H
#define WIRE_WORKER_PROTOCOL_H

#define WORKER_FD 3

#define MARK_TOKEN_LEN 22
#define MARK_NUMBER_LEN 16
#define MARK_LEN (1 + MARK_TOKEN_LEN + 1 + MARK_NUMBER_LEN)
#define MARK_BARRIER 'B' /* the frame with this barrier belongs here */
#define MARK_SWITCH 'S'  /* the other stream's mark of this number was written at the same time */
#define MARK_PARENT 'P'  /* what follows on this stream was caused by this request */

/* Up to 63 to the worker: requests have their number in the frame, and each is answered by one WORKER_REPLY.
 * From 64 on from it. What each is and holds is in frames.def. */
enum worker_frame {
#define WORKER_FRAME(name, number, parts, meaning) WORKER_##name = (number),
#include "wire/frames.def"
};

/* What became of a runner, in WORKER_RETURN. */
enum worker_ending {
#define WORKER_ENDING(name, number, meaning) WORKER_##name = (number),
#include "wire/frames.def"
};

#endif
