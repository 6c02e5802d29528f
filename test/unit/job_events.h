/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_events.h - the library's part, where a test is about the job of a cell that runs as ranks.
 */
#ifndef JOB_TOLD_H
#define JOB_TOLD_H

#include "unit/channel_peer.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* So many may the job have open; 0: as many as we. */
static rlim_t allowed_files;

static char directory[] = "/tmp/spk-job-XXXXXX";

struct job {
    pid_t pid;
    struct channel library;
};

/* Of a program that ends with this launcher, closed by NULL. */
static inline struct job start(char *const *launcher)
{
    char program[4096];
    struct job job = {0};
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && set_nonblocking(pair[0]) == 0);
    snprintf(program, sizeof program, "%s/lib/scorepkernel/scorepkernel-ranks", test_tree());
    char mode[] = "job", reach[] = "loopback", where[] = "-";
    char *command[16] = {program, mode, reach, where};
    for (int i = 0; launcher[i]; i++)
        command[4 + i] = launcher[i];
    if ((job.pid = fork()) == 0) {
        if (allowed_files)
            CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){allowed_files, allowed_files}) == 0);
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

static inline void give_cell(struct job *job, const char *code, const char *variables)
{
    char content[128];
    snprintf(content, sizeof content, "{\"code\":\"launch ready %s\"}", code);
    struct spk_text options = text_of("{\"options\":1}"), cell[] = {text_of(content), text_of("{}"), options};
    int fd = memfd_create("variables", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, variables, strlen(variables)) == (ssize_t)strlen(variables));
    CHECK(channel_send(&job->library, WORKER_TAKE_STATE, REQUEST, &options, 1, &fd, 1) == 0);
    CHECK(channel_send(&job->library, WORKER_EXECUTE, REQUEST, cell, 3, NULL, 0) == 0);
    close(fd);
}

static inline void read_file(const char *name, char *text, size_t size)
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

/* The job's answer. what: in any of the texts and errors that come before it; NULL: that is not asked. */
static inline uint32_t answer(struct job *job, const char *what, int *variables)
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

static inline void end(struct job *job)
{
    int status;
    channel_finish(&job->library);
    CHECK(waitpid(job->pid, &status, 0) == job->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
