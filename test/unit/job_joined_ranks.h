/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_joined_ranks.h - the relays' part as well: a job whose launcher starts nothing, and the connections of ranks
 * that are the test itself.
 */
#ifndef JOB_JOINED_H
#define JOB_JOINED_H

#include "ranks/rendezvous.h"
#include "wire/rank_protocol.h"

#include "unit/job_events.h"

/* With a launcher of its own, which says "meeting" and "pid". */
static inline struct job start_script(char *script, const char *variables)
{
    static const char *const names[] = {"meeting", "pid"};
    char shell[] = "sh", flag[] = "-c", path[128], *launcher[] = {shell, flag, script, directory, NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    struct job job = start(launcher);
    give_cell(&job, "x", variables);
    return job;
}

/* With a launcher that says where the job listens and who it is, starts nothing, and stays: we are the
 * relays. */
static inline struct job start_waiting(char meeting[RENDEZVOUS_TEXT_LEN], const char *variables)
{
    char waits[] = "echo \"$SCOREPKERNEL_RENDEZVOUS\" > \"$0/meeting\"; echo $$ > \"$0/pid\"; sleep 1000";
    struct job job = start_script(waits, variables);
    read_file("meeting", meeting, RENDEZVOUS_TEXT_LEN);
    return job;
}

static inline struct channel connect_to(const char *meeting)
{
    struct channel relay;
    struct spk_text token;
    int fd = rendezvous_join(meeting, &token);
    CHECK(fd >= 0 && set_nonblocking(fd) == 0);
    channel_init(&relay, fd);
    return relay;
}

static inline struct channel join_as(const char *meeting, uint32_t rank, uint32_t count)
{
    struct channel relay = connect_to(meeting);
    struct spk_text parts[] = {{meeting, RENDEZVOUS_TOKEN_LEN}, number_of(rank), number_of(count)};
    CHECK(channel_send(&relay, RANK_HELLO, 0, parts, 3, NULL, 0) == 0);
    return relay;
}

static inline void is_welcome(struct channel *relay)
{
    struct frame frame;
    CHECK(next(relay, &frame) && frame.type == RANK_WELCOME);
    struct spk_text setup = part_of(&frame);
    CHECK(memmem(setup.data, setup.len, "\"rank\":", 7) != NULL);
}

/* All ranks of a job, whose workers are ready for the cell. */
static inline void join_ready(const char *meeting, struct channel *relays, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        relays[i] = join_as(meeting, i, count);
        is_welcome(&relays[i]);
        tell(&relays[i], WORKER_READY, NULL, NULL);
    }
}

/* The same, which then have the cell. */
static inline void join_running(const char *meeting, struct channel *relays, uint32_t count)
{
    struct frame frame;
    join_ready(meeting, relays, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(next(&relays[i], &frame) && frame.type == RANK_STATE);
        tell(&relays[i], RANK_HAS_STATE, NULL, NULL);
    }
    for (uint32_t i = 0; i < count; i++)
        CHECK(next(&relays[i], &frame) && frame.type == WORKER_EXECUTE);
}

static inline int is_refused(struct channel *relay)
{
    struct frame frame;
    int said = next(relay, &frame);
    channel_finish(relay);
    return !said;
}

/* And of its launcher nothing is left. */
static inline void end_with_launcher(struct job *job)
{
    char pid[32];
    read_file("pid", pid, sizeof pid);
    end(job);
    test_until_reaped(atoi(pid));
}

/* Interrupted before the ranks, of which these have joined, are all there. */
static inline void end_interrupted(struct job *job, struct channel *relays, uint32_t count)
{
    tell(&job->library, WORKER_INTERRUPT, "1234", NULL);
    CHECK(answer(job, "before all its ranks", NULL) == SPK_REPLY_ERROR);
    for (uint32_t i = 0; i < count; i++)
        channel_finish(&relays[i]);
    end_with_launcher(job);
}

/* As end_with_launcher(), of a launcher that ends when its ranks have, which ours does not. */
static inline void end_after_launcher(struct job *job)
{
    char pid[32];
    read_file("pid", pid, sizeof pid);
    (void)kill(-atoi(pid), SIGTERM); /* or the job has ended it */
    end_with_launcher(job);
}

#endif
