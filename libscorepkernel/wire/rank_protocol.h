/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_protocol.h - what the two ends of scorepkernel-ranks say to each other: the one beside the session
 * (job.c) and those beside the ranks (relay.c). Frames (frame.h) over TCP, so no descriptors; those of
 * worker_protocol.h pass as they are, and these are with them. The first one must be RANK_HELLO with the
 * token.
 */
#ifndef WIRE_RANK_PROTOCOL_H
#define WIRE_RANK_PROTOCOL_H

/* Where a relay finds its job, and the token that lets it in; in the environment, which only the user reads.
 */
#define RANK_RENDEZVOUS "SCOREPKERNEL_RENDEZVOUS"

#define RANK_PIECE_LEN ((size_t)1 << 20)

/* What each is and holds is in frames.def. */
enum rank_frame {
#define RANK_FRAME(name, number, parts, meaning) RANK_##name = (number),
#include "wire/frames.def"
};

#endif
