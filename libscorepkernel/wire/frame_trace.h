/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame_trace.h - a frame in words, for whoever debugs: SCOREPKERNEL_LOG=frames. Pure.
 */
#ifndef WIRE_FRAME_TRACE_H
#define WIRE_FRAME_TRACE_H

#include <stddef.h>

#include "wire/frame.h"

/* Whose frames.def rows name a frame. */
enum frame_protocol { FRAME_OF_WORKER, FRAME_OF_KEEPER, FRAME_OF_RANK };

/** The name of a kind of frame: "EXECUTE". "?": there is none of that number. Static. */
const char *frame_trace_name(enum frame_protocol protocol, uint16_t type);

/** "-> worker EXECUTE (2), request 3, bytes in parts: 312, 2, 41": whose is whom the frame goes to (sent) or
 * comes from. The frame stays as it is. Cut to size bytes, with its NUL. */
void frame_trace_text(enum frame_protocol protocol, const char *whose, int sent, const struct frame *frame,
                      char *text, size_t size);

#endif
