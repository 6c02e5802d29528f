/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_job_ends.c - a job at its limits: very many ranks, variables longer than a queue; and cells and
 * launchers that end otherwise than they should.
 */
#include "unit/job_joined_ranks.h"

#include <sys/prctl.h>

static void reply_as(struct channel *relay, uint32_t how, const char *content)
{
    struct spk_text reply[] = {number_of(how), text_of(content), text_of("{}")};
    CHECK(channel_send(relay, WORKER_REPLY, REQUEST, reply, 3, NULL, 0) == 0);
}

/* It has begun to send, and waits: it sends all that it can before it does. */
static void until_it_waits(const struct job *job, const struct channel *relay)
{
    char path[64], state = 'R';
    struct pollfd begun = {.fd = relay->fd, .events = POLLIN};
    CHECK(poll(&begun, 1, -1) == 1);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)job->pid);
    for (; state != 'S'; poll(NULL, 0, 1)) {
        FILE *file = fopen(path, "re");
        CHECK(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
        fclose(file);
    }
}

/* More than waits in a queue, for one that begins to read late. */
static void pieces(void)
{
    const size_t len = ((size_t)24 << 20) + 17;
    char meeting[RENDEZVOUS_TEXT_LEN], *variables = malloc(len + 1);
    struct frame frame;
    size_t got = 0;
    CHECK(variables != NULL);
    for (size_t i = 0; i < len; i++)
        variables[i] = (char)('a' + i % 23);
    variables[len] = 0;
    struct job job = start_waiting(meeting, variables);
    struct channel relay = join_as(meeting, 0, 1);
    /* The kernel must not take all of it. */
    CHECK(setsockopt(relay.fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 16}, sizeof(int)) == 0);
    is_welcome(&relay);
    tell(&relay, WORKER_READY, NULL, NULL);
    CHECK(next(&relay, &frame) && frame.type == RANK_STATE);
    tell(&relay, RANK_WANTS_STATE, NULL, NULL);
    until_it_waits(&job, &relay);
    while (got < len) {
        CHECK(next(&relay, &frame) && frame.type == RANK_STATE_PIECE && frame.request == REQUEST);
        struct spk_text piece = part_of(&frame);
        CHECK(piece.len && piece.len <= RANK_PIECE_LEN && piece.len <= len - got);
        CHECK(memcmp(piece.data, variables + got, piece.len) == 0);
        got += piece.len;
    }
    tell(&relay, RANK_HAS_STATE, NULL, NULL);
    CHECK(next(&relay, &frame) && frame.type == WORKER_EXECUTE);
    reply_as(&relay, SPK_REPLY_OK, "{\"status\":\"ok\"}");
    CHECK(answer(&job, NULL, NULL) == SPK_REPLY_OK);
    free(variables);
    channel_finish(&relay);
    end_after_launcher(&job);
}

/* The cell's error is that of the one that failed, and what it does to the other is no news. */
static void one_fails(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel relays[2];
    struct frame frame;
    join_running(meeting, relays, 2);
    reply_as(&relays[1], SPK_REPLY_ERROR, "{\"ename\":\"Cause\"}");
    CHECK(next(&relays[0], &frame) && frame.type == WORKER_INTERRUPT);
    tell(&relays[0], WORKER_ERROR_OUTPUT, "{\"ename\":\"Consequence\"}", NULL);
    reply_as(&relays[0], SPK_REPLY_ERROR, "{\"ename\":\"Consequence\"}");
    do {
        CHECK(next(&job.library, &frame));
        CHECK(memmem(frame.payload, frame.len, "Consequence", 11) == NULL);
    } while (frame.type != WORKER_REPLY);
    CHECK(frame_u32(part_of(&frame), 99) == SPK_REPLY_ERROR);
    struct spk_text content = part_of(&frame);
    CHECK(test_same(content.data, content.len, "{\"ename\":\"Cause\"}"));
    channel_finish(&relays[0]);
    channel_finish(&relays[1]);
    end_after_launcher(&job);
}

/* Interrupted before it has the cell, it starts nothing for it. */
static void interrupt_first(void)
{
    char touch[] = "touch", path[128];
    snprintf(path, sizeof path, "%s/started", directory);
    char *launcher[] = {touch, path, NULL};
    struct job job = start(launcher);
    tell(&job.library, WORKER_INTERRUPT, "1234", NULL);
    give_cell(&job, "x", "");
    CHECK(answer(&job, "interrupted before", NULL) == SPK_REPLY_ERROR);
    end(&job);
    CHECK(access(path, F_OK) != 0);
}

/* All of a large job's ranks at the same moment: none is taken for one stranger too many. */
static void all_at_once(void)
{
    enum { COUNT = 1025 }; /* as many as wait to be accepted */
    static struct channel relays[COUNT];
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    CHECK(kill(job.pid, SIGSTOP) == 0);
    for (uint32_t i = 0; i < COUNT; i++)
        relays[i] = join_as(meeting, i, COUNT);
    CHECK(kill(job.pid, SIGCONT) == 0);
    for (uint32_t i = 0; i < COUNT; i++)
        is_welcome(&relays[i]);
    end_interrupted(&job, relays, COUNT);
}

/* More ranks than a process may have files open, unless it asks for more: which its launcher has not from us.
 */
static void few_files(void)
{
    enum { COUNT = 100 };
    struct channel relays[COUNT];
    struct rlimit before, few;
    char meeting[RENDEZVOUS_TEXT_LEN], allowed[32],
        script[] = "ulimit -Sn > \"$0/files\"; "
                   "echo \"$SCOREPKERNEL_RENDEZVOUS\" > \"$0/meeting\"; echo $$ > \"$0/pid\"; sleep 1000";
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0 && before.rlim_cur > 4 * COUNT);
    few = (struct rlimit){64, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    struct job job = start_script(script, "");
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    read_file("files", allowed, sizeof allowed);
    CHECK(strcmp(allowed, "64") == 0);
    read_file("meeting", meeting, sizeof meeting);
    for (uint32_t i = 0; i < COUNT; i++)
        relays[i] = join_as(meeting, i, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        is_welcome(&relays[i]);
    end_interrupted(&job, relays, COUNT);
}

/* A launcher that does not end when it is asked to, and has a child: that comes to us when it has ended. */
static void stubborn(void)
{
    char script[] = "trap '' TERM; sleep 1000 & echo \"$SCOREPKERNEL_RENDEZVOUS\" > \"$0/meeting\"; "
                    "echo $$ > \"$0/pid\"; wait",
         meeting[RENDEZVOUS_TEXT_LEN];
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    struct job job = start_script(script, "");
    read_file("meeting", meeting, sizeof meeting);
    end_with_launcher(&job);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    CHECK(errno == ECHILD);
}

int main(void)
{
    test_limit(120);
    CHECK(mkdtemp(directory) != NULL);
    struct rlimit most;
    CHECK(getrlimit(RLIMIT_NOFILE, &most) == 0);
    most.rlim_cur = most.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &most) == 0);
    if (most.rlim_cur < 1200)
        test_skip("fewer than 1200 files may be open: not enough for a thousand ranks");
    int descriptors = test_descriptors();
    pieces();
    one_fails();
    interrupt_first();
    all_at_once();
    few_files();
    stubborn();
    CHECK(test_descriptors() == descriptors);
    char path[128];
    snprintf(path, sizeof path, "rm -r %s", directory);
    CHECK(system(path) == 0); // NOLINT(cert-env33-c): of a directory of ours
    return 0;
}
