/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_protocol.h - what the library and its keeper say to each other, in frames (frame.h). A process is
 * known by the id that the library gave it, in the frame's request.
 */
#ifndef WIRE_KEEPER_PROTOCOL_H
#define WIRE_KEEPER_PROTOCOL_H

/* The descriptor on which the keeper finds its socket. */
#define KEEPER_FD 3

/* What each is and holds is in frames.def. */
enum keeper_frame {
#define KEEPER_FRAME(name, number, parts, meaning) KEEPER_##name = (number),
#include "wire/frames.def"
};

#endif
