/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_ranks.c - a cell that runs as ranks, with all that belongs to it: the job, a launcher, relays and
 * their processes, which are this program (fake_worker.h). Whichever of them goes, nothing is left.
 */
#include "fake_worker.h"
#include "unit/job_events.h"

#define RANKS 3

/* As mpirun, for a program, a directory and this program. */
static const char launches[] =
    "for r in 0 1 2; do PMI_RANK=$r PMI_SIZE=3 \"$0\" relay sh -c 'echo $$ > \"$0/process'$r'\"; "
    "exec \"$1\" -r ready 7' \"$1\" \"$2\" & echo $! > \"$1/relay$r\"; done; echo $$ > \"$1/launcher\"; wait";

static int pids[2 * RANKS + 1];

static int read_pid(const char *name, int number)
{
    char file[32], pid[32];
    snprintf(file, sizeof file, number < 0 ? "%s" : "%s%d", name, number);
    read_file(file, pid, sizeof pid);
    return atoi(pid);
}

static struct job start_ranks(const char *code)
{
    char program[PATH_MAX], self[PATH_MAX] = "", shell[] = "sh", flag[] = "-c", script[sizeof launches];
    char *launcher[] = {shell, flag, script, program, directory, self, NULL};
    memcpy(script, launches, sizeof script);
    snprintf(program, sizeof program, "%s/lib/scorepkernel/scorepkernel-ranks", test_tree());
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const char *const files[] = {"process0", "process1", "process2", "relay0",
                                 "relay1",   "relay2",   "launcher"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        (void)unlink(path); /* of a job before, or there is none */
    }
    struct job job = start(launcher);
    give_cell(&job, code, "variables");
    for (int i = 0; i < RANKS; i++) {
        pids[i] = read_pid("process", i);
        pids[RANKS + i] = read_pid("relay", i);
    }
    pids[2 * RANKS] = read_pid("launcher", -1);
    return job;
}

static void nothing_is_left(void)
{
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++)
        test_until_reaped(pids[i]);
}

/* All ask, and wait for the answer. */
static struct job start_asking(void)
{
    struct job job = start_ranks("input");
    struct frame frame;
    do
        CHECK(next(&job.library, &frame));
    while (frame.type != WORKER_INPUT_REQUEST);
    return job;
}

static void until_ended(struct job *job, int by_signal)
{
    int status;
    CHECK(waitpid(job->pid, &status, 0) == job->pid);
    CHECK(by_signal ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    channel_finish(&job->library);
    nothing_is_left();
}

static void good(void)
{
    int back = -1;
    char text[64] = "";
    struct job job = start_ranks("print hello");
    CHECK(answer(&job, "took variables with {\"options\":1}", &back) == SPK_REPLY_OK && back >= 0);
    CHECK(pread(back, text, 21, 0) == 21 && !strcmp(text, "the changed variables"));
    CHECK(lseek(back, 0, SEEK_END) == 2 * 4096 + 21);
    close(back);
    until_ended(&job, 0); /* by itself, as all the others */
}

static void fails(const char *code, const char *how)
{
    struct job job = start_ranks(code);
    CHECK(answer(&job, how, NULL) == SPK_REPLY_ERROR);
    until_ended(&job, 0);
}

static void interrupted(void)
{
    struct job job = start_asking();
    tell(&job.library, WORKER_INTERRUPT, "1234", NULL);
    CHECK(answer(&job, "KeyboardInterrupt", NULL) == SPK_REPLY_ERROR);
    until_ended(&job, 0);
}

static void forsaken(void)
{
    struct job job = start_asking();
    shutdown(job.library.fd, SHUT_RDWR);
    until_ended(&job, 0);
    job = start_asking();
    tell(&job.library, WORKER_SHUTDOWN, NULL, NULL);
    until_ended(&job, 0);
    job = start_asking();
    kill(job.pid, SIGTERM);
    until_ended(&job, 0);
    job = start_asking();
    kill(job.pid, SIGKILL);
    until_ended(&job, 1);
}

/* One relay or its process: that rank has gone, and the cell has failed. */
static void killed(int which, const char *how)
{
    struct job job = start_asking();
    kill(pids[which], SIGKILL);
    CHECK(answer(&job, how, NULL) == SPK_REPLY_ERROR);
    until_ended(&job, 0);
}

int main(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(120);
    setenv("FAKE_RUNNER", "yes", 1);
    CHECK(mkdtemp(directory) != NULL);
    int descriptors = test_descriptors();
    good();
    fails("exit", "ended with exit code 3");
    fails("crash", "SIGSEGV");
    fails("garbage", "SIGKILL");
    fails("unknown", "SyntaxError");
    interrupted();
    forsaken();
    killed(1, "Rank 1 was killed by SIGKILL");
    killed(RANKS + 2, "Rank 2 has gone without a word");
    CHECK(test_descriptors() == descriptors);
    char path[128];
    snprintf(path, sizeof path, "rm -r %s", directory);
    CHECK(system(path) == 0); // NOLINT(cert-env33-c): of a directory of ours
    return 0;
}
