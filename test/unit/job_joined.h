/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_joined.h - the relays' part as well: a job whose launcher starts nothing, and the connections of ranks
 * that are the test itself.
 */
#ifndef JOB_JOINED_H
#define JOB_JOINED_H

#include "ranks/meeting.h"
#include "ranks/rank_wire.h"

#include "job_told.h"

/* Says where the job listens, and who it is, and stays. */
static const char waits[] =
    "echo \"$SCOREPKERNEL_MEETING\" > \"$0/meeting\"; echo $$ > \"$0/pid\"; sleep 1000";

/* A job with a launcher that starts nothing: we are the relays. */
static inline struct job start_waiting(char meeting[MEETING_TEXT_LEN], const char *variables)
{
    char shell[] = "sh", flag[] = "-c", script[sizeof waits], path[128];
    memcpy(script, waits, sizeof waits);
    char *launcher[] = {shell, flag, script, directory, NULL};
    snprintf(path, sizeof path, "%s/meeting", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/pid", directory);
    unlink(path);
    struct job job = start(launcher);
    give_cell(&job, "x", variables);
    read_file("meeting", meeting, MEETING_TEXT_LEN);
    return job;
}

static inline struct channel connect_to(const char *meeting)
{
    struct channel relay;
    struct spk_text token;
    int fd = meeting_join(meeting, &token);
    CHECK(fd >= 0 && set_nonblocking(fd) == 0);
    channel_init(&relay, fd);
    return relay;
}

static inline struct channel join_as(const char *meeting, uint32_t rank, uint32_t count)
{
    struct channel relay = connect_to(meeting);
    struct spk_text parts[] = {{meeting, MEETING_TOKEN_LEN}, number_of(rank), number_of(count)};
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

/* The same, of a launcher that ends when its ranks have, which ours does not. */
static inline void end_after_launcher(struct job *job)
{
    char pid[32];
    read_file("pid", pid, sizeof pid);
    (void)kill(-atoi(pid), SIGTERM); /* or the job has ended it */
    end_with_launcher(job);
}

#endif
