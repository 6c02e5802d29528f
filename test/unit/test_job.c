/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_job.c - the job of a cell that runs as ranks, as the library on one side and the relays on the other
 * see it: strangers stay outside, what does not fit together fails the cell, and nothing outlives it.
 */
#include "ranks/meeting.h"
#include "ranks/rank_wire.h"

#include "spoken.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* Says where the job listens, and who it is, and stays. */
static const char waits[] =
    "echo \"$SCOREPKERNEL_MEETING\" > \"$0/meeting\"; echo $$ > \"$0/pid\"; sleep 1000";

static char directory[] = "/tmp/spk-job-XXXXXX";

struct job {
    pid_t pid;
    struct channel library;
};

static struct job start(char *const *launcher)
{
    char program[4096];
    struct job job = {0};
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && set_nonblocking(pair[0]) == 0);
    snprintf(program, sizeof program, "%s/lib/scorepkernel/scorepkernel-ranks", test_tree());
    char mode[] = "job", reach[] = "loopback", where[] = "memory";
    char *command[16] = {program, mode, reach, where};
    for (int i = 0; launcher[i]; i++)
        command[4 + i] = launcher[i];
    if ((job.pid = fork()) == 0) {
        if (pair[1] == WORKER_FD ? fcntl(pair[1], F_SETFD, 0) == 0 : dup2(pair[1], WORKER_FD) >= 0)
            execv(program, command);
        _exit(99);
    }
    close(pair[1]);
    channel_init(&job.library, pair[0]);
    struct frame frame;
    CHECK(next(&job.library, &frame) && frame.type == WORKER_READY);
    tell(&job.library, WORKER_SETUP, "{\"token\":\"t\"}", NULL);
    return job;
}

static void give_cell(struct job *job, const char *variables)
{
    struct spk_text options = text_of("{\"launched\":{}}"),
                    cell[] = {text_of("{\"code\":\"x\"}"), text_of("{}"), options};
    int fd = memfd_create("variables", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, variables, strlen(variables)) == (ssize_t)strlen(variables));
    CHECK(channel_send(&job->library, WORKER_TAKE_STATE, REQUEST, &options, 1, &fd, 1) == 0);
    CHECK(channel_send(&job->library, WORKER_EXECUTE, REQUEST, cell, 3, NULL, 0) == 0);
    close(fd);
}

static void read_file(const char *name, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (ssize_t got = 0; got <= 0 || !strchr(text, '\n'); poll(NULL, 0, 1)) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        got = fd >= 0 ? read(fd, text, size - 1) : 0;
        text[got > 0 ? got : 0] = 0;
        if (fd >= 0)
            close(fd);
    }
    *strchr(text, '\n') = 0;
}

/* A job with a launcher that starts nothing: we are the relays. */
static struct job start_waiting(char meeting[MEETING_TEXT_LEN], const char *variables)
{
    char shell[] = "sh", flag[] = "-c", script[sizeof waits], path[128];
    memcpy(script, waits, sizeof waits);
    char *launcher[] = {shell, flag, script, directory, NULL};
    snprintf(path, sizeof path, "%s/meeting", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/pid", directory);
    unlink(path);
    struct job job = start(launcher);
    give_cell(&job, variables);
    read_file("meeting", meeting, MEETING_TEXT_LEN);
    return job;
}

static struct channel connect_to(const char *meeting)
{
    struct channel relay;
    struct spk_text token;
    int fd = meeting_join(meeting, &token);
    CHECK(fd >= 0 && set_nonblocking(fd) == 0);
    channel_init(&relay, fd);
    return relay;
}

static struct channel join_as(const char *meeting, uint32_t rank, uint32_t count)
{
    struct channel relay = connect_to(meeting);
    struct spk_text parts[] = {{meeting, MEETING_TOKEN_LEN}, number_of(rank), number_of(count)};
    CHECK(channel_send(&relay, RANK_HELLO, 0, parts, 3, NULL, 0) == 0);
    return relay;
}

static void is_welcome(struct channel *relay)
{
    struct frame frame;
    CHECK(next(relay, &frame) && frame.type == RANK_WELCOME);
    struct spk_text setup = part_of(&frame);
    CHECK(memmem(setup.data, setup.len, "\"rank\":", 7) != NULL);
}

static int is_refused(struct channel *relay)
{
    struct frame frame;
    int said = next(relay, &frame);
    channel_finish(relay);
    return !said;
}

/* The job's answer. what: in any of the texts and errors that come before it; NULL: that is not asked. */
static uint32_t answer(struct job *job, const char *what, int *variables)
{
    struct frame frame;
    int found = what == NULL;
    for (;;) {
        CHECK(next(&job->library, &frame));
        if (frame.type == WORKER_REPLY)
            break;
        found |= what && memmem(frame.payload, frame.len, what, strlen(what)) != NULL;
        if (frame.type == WORKER_STATE && frame.fds) {
            int fd = channel_claim_fd(&job->library);
            if (variables)
                *variables = fd;
            else
                close(fd);
        }
    }
    uint32_t how = frame_u32(part_of(&frame), 99);
    CHECK(found || memmem(frame.payload, frame.len, what, strlen(what)) != NULL);
    return how;
}

static void end(struct job *job)
{
    int status;
    channel_finish(&job->library);
    CHECK(waitpid(job->pid, &status, 0) == job->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* And of its launcher nothing is left. */
static void end_with_launcher(struct job *job)
{
    char pid[32];
    read_file("pid", pid, sizeof pid);
    end(job);
    test_until_reaped(atoi(pid));
}

/* From the first word to the last, with the variables in pieces for one, and what comes back of both. */
static void good(void)
{
    static const char variables[] = "the variables";
    char meeting[MEETING_TEXT_LEN];
    struct job job = start_waiting(meeting, variables);
    struct channel relays[2];
    struct frame frame;
    for (uint32_t i = 0; i < 2; i++) {
        relays[i] = join_as(meeting, i, 2);
        is_welcome(&relays[i]);
        tell(&relays[i], WORKER_READY, NULL, NULL);
    }
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
    char meeting[MEETING_TEXT_LEN], wrong[MEETING_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel silent[200], relay = connect_to(meeting);
    for (size_t i = 0; i < 200; i++)
        silent[i] = connect_to(meeting);
    memcpy(wrong, meeting, sizeof wrong);
    wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
    struct spk_text parts[] = {{wrong, MEETING_TOKEN_LEN}, number_of(0), number_of(1)};
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
    end_with_launcher(&job);
}

/* Ranks that cannot be: the cell fails, and says what to look at. */
static void misfits(uint32_t rank, uint32_t count, int again)
{
    char meeting[MEETING_TEXT_LEN];
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
    end_with_launcher(&job);
}

static void bad_launchers(void)
{
    char none[] = "/nowhere/launcher", shell[] = "sh", flag[] = "-c", script[] = "echo no nodes >&2; exit 3";
    char *absent[] = {none, NULL}, *fails[] = {shell, flag, script, NULL};
    struct job job = start(absent);
    give_cell(&job, "");
    CHECK(answer(&job, "/nowhere/launcher", NULL) == SPK_REPLY_ERROR);
    end(&job);
    job = start(fails);
    give_cell(&job, "");
    CHECK(answer(&job, "no nodes", NULL) == SPK_REPLY_ERROR);
    end(&job);
}

static void interrupt(int running)
{
    char meeting[MEETING_TEXT_LEN];
    struct job job = start_waiting(meeting, "");
    struct channel relay = CHANNEL_CLOSED;
    struct frame frame;
    if (running) {
        relay = join_as(meeting, 0, 1);
        is_welcome(&relay);
        tell(&relay, WORKER_READY, NULL, NULL);
        CHECK(next(&relay, &frame) && frame.type == RANK_STATE);
        tell(&relay, RANK_HAS_STATE, NULL, NULL);
        CHECK(next(&relay, &frame) && frame.type == WORKER_EXECUTE);
    }
    tell(&job.library, WORKER_INTERRUPT, "1234", NULL);
    if (running)
        CHECK(next(&relay, &frame) && frame.type == WORKER_INTERRUPT && frame.request == REQUEST);
    CHECK(answer(&job, running ? "did not end when interrupted" : "before all its ranks", NULL) ==
          SPK_REPLY_ERROR);
    channel_finish(&relay);
    end_with_launcher(&job);
}

/* The library has gone: so has all else. */
static void forsaken(void)
{
    char meeting[MEETING_TEXT_LEN];
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
    int descriptors = test_descriptors();
    good();
    strangers();
    misfits(0, 2, 1);
    misfits(1, 3, 1);
    misfits(2, 2, 0);
    misfits(0, 0, 0);
    misfits(0, UINT32_MAX, 0);
    bad_launchers();
    interrupt(0);
    interrupt(1);
    forsaken();
    CHECK(test_descriptors() == descriptors);
    char path[128];
    snprintf(path, sizeof path, "rm -r %s", directory);
    CHECK(system(path) == 0); // NOLINT(cert-env33-c): of a directory of ours
    return 0;
}
