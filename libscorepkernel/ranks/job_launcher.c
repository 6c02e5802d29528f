/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_launcher.c - the parallel launcher: mpirun, srun or whatever the user has it be. Owns its process and
 * what it says, which is shown as the cell's standard error until something fails: what it says after that is
 * about the end that we made.
 */
#include "base/failure.h"
#include "base/text.h"
#include "base/utf8.h"
#include "process/process_end.h"
#include "ranks/job_state.h"
#include "wire/rank_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Read once. 1: there may be more; 0: there is nothing to read now, or the end was reached. */
static int read_output(struct job *job, struct source *output)
{
    char bytes[4096];
    ssize_t got = output->fd >= 0 ? read(output->fd, bytes, sizeof bytes) : 0;
    if (got > 0) {
        last_words_add(&job->said, bytes, (size_t)got);
        if (!job->failure && !job->answered)
            (void)output_pace_add(&job->stream, job->cell.request, SPK_STDERR,
                                  (struct spk_text){bytes, (size_t)got});
        return 1;
    }
    if (got == 0 && output->fd >= 0) {
        loop_forget(&job->loop, output);
        close(output->fd);
        output->fd = -1;
    }
    return 0;
}

static void on_output(void *owner, unsigned events)
{
    struct job *job = owner;
    (void)events;
    for (int i = 0; i < 2; i++)
        (void)read_output(job, &job->outputs[i]);
}

/* Between fork and exec: never returns. */
static void exec_launcher(const struct job *job, const int ends[2], pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    /* Its own session: an interrupt of the cell is the ranks' business, and would have mpirun kill them. */
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
    int told = setenv(RANK_RENDEZVOUS, job->rendezvous, 1);
    if (told != 0 || setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent ||
        dup2(null, 0) < 0 || dup2(ends[0], 1) < 0 || dup2(ends[1], 2) < 0)
        _exit(127);
    if (job->open_files.rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &job->open_files); /* undoes what allow_open_files did */
    close(WORKER_FD); /* only the job may hold the socket, or the library would not see its end */
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    execvp(job->order->launch[0], job->order->launch);
    dprintf(2, "%s: %s\n", job->order->launch[0], failure_text(errno));
    _exit(127);
}

int launcher_start(struct job *job)
{
    int pairs[2][2] = {{-1, -1}, {-1, -1}}, result = 0;
    pid_t parent = getpid();
    for (int i = 0; i < 2 && result == 0; i++)
        if (pipe2(pairs[i], O_CLOEXEC) != 0 || fcntl(pairs[i][0], F_SETFL, O_NONBLOCK) != 0)
            result = -errno;
    pid_t pid = result == 0 ? fork() : -1;
    if (pid == 0)
        exec_launcher(job, (const int[]){pairs[0][1], pairs[1][1]}, parent);
    if (result == 0 && pid < 0)
        result = -errno;
    for (int i = 0; i < 2; i++) {
        if (pairs[i][1] >= 0)
            close(pairs[i][1]);
        job->outputs[i] = (struct source){.fd = pairs[i][0], .ready = on_output, .owner = job};
        if (result == 0)
            result = loop_watch(&job->loop, &job->outputs[i], LOOP_READ);
    }
    if (pid > 0)
        job->launcher = pid;
    return result;
}

/* SIGTERM first: mpirun and srun end their ranks then, also those on other machines. */
void launcher_kill(struct job *job)
{
    if (!job->launcher)
        return;
    (void)kill(-job->launcher, SIGTERM);
    for (int i = 0; i < 100 && waitpid(job->launcher, NULL, WNOHANG) == 0; i++)
        (void)usleep(20000);
    (void)kill(-job->launcher, SIGKILL);
    (void)waitpid(job->launcher, NULL, 0); /* fails if the launcher was reaped above */
    job->launcher = 0;
}

int launcher_ended(struct job *job, char *text, size_t size)
{
    struct rusage usage;
    struct process_end end;
    char how[200];
    if (wait4(job->launcher, &end.status, WNOHANG, &usage) != job->launcher)
        return 0;
    job->launcher = 0;
    for (int i = 0; i < 2; i++)
        while (read_output(job, &job->outputs[i]))
            ;
    end.peak_rss_kib = (uint64_t)usage.ru_maxrss;
    process_end_text(&end, how, sizeof how);
    struct spk_text said = {job->said.bytes, job->said.len};
    while (said.len && said.data[said.len - 1] == '\n')
        said.len--;
    while (said.len && ((unsigned char)said.data[0] & 0xC0) == 0x80) /* they may begin within a character */
        said = text_after(said, 1);
    utf8_format(text, size, "%s%s%.*s%sLook at the command with %%%%scorep_launcher.", how,
                said.len ? " and said:\n" : ". ", (int)said.len, said.data, said.len ? "\n" : "");
    return 1;
}

void launcher_finish(struct job *job)
{
    launcher_kill(job);
    for (int i = 0; i < 2; i++)
        if (job->outputs[i].fd >= 0)
            close(job->outputs[i].fd);
}
