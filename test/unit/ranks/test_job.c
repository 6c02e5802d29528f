/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_job.c - the job of a cell that runs as ranks, as the library on one side and the relays on the other
 * see it: strangers stay outside, what does not fit together fails the cell, and nothing outlives it.
 */
#include "unit/job_joined_ranks.h"

/* From the first word to the last, with the variables in pieces for one, and what comes back of both. */
static void good(void)
{
    static const char variables[] = "the variables";
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, variables);
    struct channel relays[2];
    struct frame frame;
    join_ready(meeting, relays, 2);
    for (uint32_t i = 0; i < 2; i++)
        CHECK(next(&relays[i], &frame) && frame.type == RANK_STATE && frame.request == REQUEST);
    tell(&relays[1], RANK_WANTS_STATE, NULL, NULL);
    CHECK(next(&relays[1], &frame) && frame.type == RANK_STATE_PIECE);
    struct spk_text piece = part_of(&frame);
    CHECK(test_same(piece.data, piece.len, variables));
    for (uint32_t i = 0; i < 2; i++)
        tell(&relays[i], RANK_HAS_STATE, NULL, NULL);
    for (uint32_t i = 0; i < 2; i++) {
        char content[64], back[32];
        unsigned char length[8];
        CHECK(next(&relays[i], &frame) && frame.type == WORKER_EXECUTE);
        struct spk_text said[] = {number_of(SPK_STDOUT), text_of("alike\n")};
        CHECK(channel_send(&relays[i], RANK_TEXT, REQUEST, said, 2, NULL, 0) == 0);
        snprintf(back, sizeof back, "of rank %u", i);
        frame_put_u64(length, strlen(back));
        struct spk_text file[] = {text_of("{}"), {(const char *)length, sizeof length}};
        CHECK(channel_send(&relays[i], RANK_FILE, REQUEST, file, 2, NULL, 0) == 0);
        tell(&relays[i], RANK_FILE_PIECE, back, NULL);
        snprintf(content, sizeof content, "{\"status\":\"ok\",\"of\":%u}", i);
        struct spk_text reply[] = {number_of(SPK_REPLY_OK), text_of(content), text_of("{\"m\":1}")};
        CHECK(channel_send(&relays[i], WORKER_REPLY, REQUEST, reply, 3, NULL, 0) == 0);
    }
    int back = -1;
    CHECK(answer(&job, "[0-1] ", &back) == SPK_REPLY_OK && back >= 0);
    char text[32] = "";
    CHECK(pread(back, text, 9, 0) == 9 && pread(back, text + 10, 9, 4096) == 9);
    CHECK(!memcmp(text, "of rank ", 8) && !memcmp(text + 10, "of rank ", 8) && text[8] != text[18]);
    close(back);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(next(&relays[i], &frame) && frame.type == WORKER_SHUTDOWN);
        channel_finish(&relays[i]);
    }
    end_with_launcher(&job);
}

static void strangers(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN], wrong[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel silent[200], relay = connect_to(meeting);
    for (size_t i = 0; i < 200; i++)
        silent[i] = connect_to(meeting);
    memcpy(wrong, meeting, sizeof wrong);
    wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
    struct spk_text parts[] = {{wrong, RENDEZVOUS_TOKEN_LEN}, number_of(0), number_of(1)};
    CHECK(channel_send(&relay, RANK_HELLO, 0, parts, 3, NULL, 0) == 0 && is_refused(&relay));
    relay = connect_to(meeting);
    tell(&relay, WORKER_READY, "let me in", NULL);
    CHECK(is_refused(&relay));
    relay = connect_to(meeting); /* the beginning of a frame that would be the largest that there may be */
    char flood[4096] = {0};
    unsigned char header[4];
    frame_put_u32(header, (uint32_t)FRAME_MAX_LEN);
    memcpy(flood, header, 4);
    CHECK(send(relay.fd, flood, sizeof flood, MSG_NOSIGNAL) > 0 && is_refused(&relay));
    relay = join_as(meeting, 0, 1);
    is_welcome(&relay);
    for (size_t i = 0; i < 200; i++)
        channel_finish(&silent[i]);
    channel_finish(&relay);
    CHECK(answer(&job, "Rank 0 has gone without a word", NULL) == SPK_REPLY_ERROR);
    end_after_launcher(&job);
}

/* Ranks that cannot be: the cell fails, and says what to look at. */
static void misfits(uint32_t rank, uint32_t count, int again)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel relays[2] = {CHANNEL_CLOSED, CHANNEL_CLOSED};
    if (again) {
        relays[0] = join_as(meeting, 0, 2);
        is_welcome(&relays[0]);
    }
    relays[1] = join_as(meeting, rank, count);
    CHECK(is_refused(&relays[1]));
    channel_finish(&relays[0]);
    CHECK(answer(&job, "do not fit together", NULL) == SPK_REPLY_ERROR);
    end_after_launcher(&job);
}

static void bad_launchers(void)
{
    char none[] = "/nowhere/launcher", shell[] = "sh", flag[] = "-c", script[] = "echo no nodes >&2; exit 3";
    char *absent[] = {none, NULL}, *fails[] = {shell, flag, script, NULL};
    struct job job = start(absent);
    give_cell(&job, "x", "");
    CHECK(answer(&job, "/nowhere/launcher", NULL) == SPK_REPLY_ERROR);
    end(&job);
    job = start(fails);
    give_cell(&job, "x", "");
    CHECK(answer(&job, "no nodes", NULL) == SPK_REPLY_ERROR);
    end(&job);
}

/* What a launcher says need not be text. */
static void launcher_says_bytes(void)
{
    char shell[] = "sh", flag[] = "-c";
    char script[] = "printf '%03000d' 7; printf '\\303\\251%.0s' $(seq 1100) >&2; printf '\\303'; exit 3";
    char *launcher[] = {shell, flag, script, NULL};
    struct job job = start(launcher);
    give_cell(&job, "x", "");
    CHECK(answer(&job, "ended with exit code 3 and said", NULL) == SPK_REPLY_ERROR);
    end(&job);
}

/* Until the job lets go of it; the cell has not come. */
static void is_not_given_the_cell(struct channel *relay)
{
    struct frame frame;
    while (next(relay, &frame))
        CHECK(frame.type != WORKER_EXECUTE);
    channel_finish(relay);
}

static void until_state(struct channel *relay)
{
    struct frame frame;
    do
        CHECK(next(relay, &frame));
    while (frame.type != RANK_STATE);
}

/* A cell that was not run was not run, whatever ranks there are. */
static void misfit_among_others(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "v");
    struct channel relays[2], stranger;
    relays[0] = join_as(meeting, 0, 2);
    is_welcome(&relays[0]);
    stranger = join_as(meeting, 2, 2);
    CHECK(is_refused(&stranger));
    relays[1] = join_as(meeting, 1, 2);
    is_welcome(&relays[1]);
    for (int i = 0; i < 2; i++)
        tell(&relays[i], WORKER_READY, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        until_state(&relays[i]);
        tell(&relays[i], RANK_HAS_STATE, NULL, NULL);
    }
    for (int i = 0; i < 2; i++)
        is_not_given_the_cell(&relays[i]);
    CHECK(answer(&job, "do not fit together", NULL) == SPK_REPLY_ERROR);
    end_after_launcher(&job);
}

/* One goes when it has the variables, before another has them. */
static void goes_before_the_cell(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "v");
    struct channel relays[2];
    struct frame frame;
    join_ready(meeting, relays, 2);
    for (int i = 0; i < 2; i++)
        until_state(&relays[i]);
    tell(&relays[0], RANK_HAS_STATE, NULL, NULL);
    tell(&relays[0], RANK_ENDED, "was ended", NULL);
    do
        CHECK(next(&job.library, &frame));
    while (frame.type != WORKER_ERROR_OUTPUT);
    CHECK(memmem(frame.payload, frame.len, "Rank 0 was ended.", 17) != NULL);
    tell(&relays[1], RANK_HAS_STATE, NULL, NULL);
    is_not_given_the_cell(&relays[1]);
    channel_finish(&relays[0]);
    CHECK(answer(&job, "Rank 0 was ended.", NULL) == SPK_REPLY_ERROR);
    end_after_launcher(&job);
}

/* More of those that say nothing than there is room for, or descriptors: who says who it is gets in. */
static void many_strangers(rlim_t descriptors, int count)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    static struct channel silent[1100];
    struct rlimit before;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    if (before.rlim_cur < (rlim_t)count + 50)
        return; /* we may not have so many ourselves */
    allowed_files = (rlim_t)descriptors;
    struct job job = start_waiting(meeting, "");
    allowed_files = 0;
    for (int i = 0; i < count; i++)
        silent[i] = connect_to(meeting);
    struct channel relay = join_as(meeting, 0, 1);
    is_welcome(&relay);
    for (int i = 0; i < count; i++)
        channel_finish(&silent[i]);
    channel_finish(&relay);
    CHECK(answer(&job, "Rank 0 has gone without a word", NULL) == SPK_REPLY_ERROR);
    end_after_launcher(&job);
}

/* And more ranks than descriptors: it says so. */
static void too_many_ranks(void)
{
    enum { COUNT = 40 };
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct channel relays[COUNT];
    allowed_files = 30;
    struct job job = start_waiting(meeting, "");
    allowed_files = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        relays[i] = join_as(meeting, i, COUNT);
    CHECK(answer(&job, "ulimit -n", NULL) == SPK_REPLY_ERROR);
    for (int i = 0; i < COUNT; i++)
        channel_finish(&relays[i]);
    end_after_launcher(&job);
}

static void interrupt_before(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    end_interrupted(&job, NULL, 0);
}

static void interrupt_running(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel relay;
    struct frame frame;
    join_running(meeting, &relay, 1);
    tell(&job.library, WORKER_INTERRUPT, "1234", NULL);
    CHECK(next(&relay, &frame) && frame.type == WORKER_INTERRUPT && frame.request == REQUEST);
    CHECK(answer(&job, "did not end when interrupted", NULL) == SPK_REPLY_ERROR);
    channel_finish(&relay);
    end_with_launcher(&job);
}

/* The library has gone: so has all else. */
static void forsaken(void)
{
    char meeting[RENDEZVOUS_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel relay = join_as(meeting, 0, 1);
    is_welcome(&relay);
    end_with_launcher(&job);
    CHECK(is_refused(&relay));
}

int main(void)
{
    test_limit(120);
    CHECK(mkdtemp(directory) != NULL);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int descriptors = test_descriptors();
    good();
    strangers();
    misfits(0, 2, 1);
    misfits(1, 3, 1);
    misfits(2, 2, 0);
    misfits(0, 0, 0);
    misfits(0, UINT32_MAX, 0);
    bad_launchers();
    launcher_says_bytes();
    misfit_among_others();
    goes_before_the_cell();
    many_strangers(1300, 1100);
    const char *sanitizers = getenv("SPK_SANITIZE");
    if (!sanitizers || !*sanitizers) { /* those need a descriptor to see whether an address is one */
        many_strangers(100, 250);
        too_many_ranks();
    }
    interrupt_before();
    interrupt_running();
    forsaken();
    CHECK(test_descriptors() == descriptors);
    char path[128];
    snprintf(path, sizeof path, "rm -r %s", directory);
    CHECK(system(path) == 0); // NOLINT(cert-env33-c): of a directory of ours
    return 0;
}
