/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_protocol.h - what the two ends of scorepkernel-ranks say to each other: the one beside the session
 * (job.c) and those beside the ranks (relay.c). Frames (frame.h) over TCP, so no descriptors; those of
 * worker_wire.h pass as they are, and these are with them. The first one must be RANK_HELLO with the token.
 */
#ifndef WIRE_RANK_PROTOCOL_H
#define WIRE_RANK_PROTOCOL_H

/* Where a relay finds its job, and the token that lets it in; in the environment, which only the user reads.
 */
#define RANK_MEETING "SCOREPKERNEL_MEETING"

#define RANK_PIECE_LEN ((size_t)1 << 20)

enum rank_frame {
    /* Relay to job. */
    RANK_HELLO = 128, /* parts: token, rank (u32), number of ranks (u32) */
    RANK_TEXT,        /* parts: SPK_STDOUT or SPK_STDERR (u32), text */
    RANK_WANTS_STATE, /* the variables are out of reach: they have to be sent */
    RANK_HAS_STATE,   /* the process has been given the variables */
    RANK_FILE,        /* parts: JSON of WORKER_STATE, length (u64); that many bytes follow in pieces */
    RANK_FILE_PIECE,  /* parts: bytes */
    RANK_ENDED,       /* parts: text, how the process ended */

    /* Job to relay. */
    RANK_WELCOME = 192, /* parts: JSON for WORKER_SETUP */
    RANK_STATE,         /* parts: JSON for WORKER_TAKE_STATE, where the variables lie (struct shared) */
    RANK_STATE_PIECE,   /* parts: bytes */
};

#endif
