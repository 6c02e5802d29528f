/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What recorder.c and recorder_user.c share, and nobody else. */
#ifndef TRACER_RECORD_RECORDER_PRIVATE_H
#define TRACER_RECORD_RECORDER_PRIVATE_H

#include "tracer/record/clock.h"
#include "tracer/record/recorder.h"

static inline uint64_t recorder_now_ns(const struct recorder *recorder)
{
    return recorder->sink->takes_time ? 0 : clock_now_ns();
}

/* The thread's location, made at the first call; NULL: there can be no more. */
struct location *recorder_locate(struct recorder *recorder, struct thread *thread);

/* Puts a frame that is not recorded on the stack; NULL without memory. */
struct frame *recorder_push(struct thread *thread, const void *key);

/* Records the enter of a frame that is on the stack already. */
void recorder_open(struct recorder *recorder, struct thread *thread, struct frame *frame, uint32_t region);

/* Puts a region that is no function on the stack, and records its enter. false: it is not there. */
bool recorder_open_region(struct recorder *recorder, struct thread *thread, uint32_t region);

/* Leaves the user's regions that are due: nothing recorded lies above them any more. */
void recorder_settle(struct recorder *recorder, struct thread *thread);

/* recorder_mute at a given time, without a look at what is in force. */
void recorder_switch(struct recorder *recorder, struct thread *thread, uint64_t now_ns, bool muted);

/* Notes that a region is left below the number of those that were open when a rewind was begun. */
void recorder_cross_rewinds(struct thread *thread);

#endif
