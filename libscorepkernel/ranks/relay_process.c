/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay_process.c - a rank's process: who it is, and how it begins.
 */
#include "relay_process.h"

#include "failure.h"
#include "worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* In which an MPI's own launcher comes before the batch system that it may have used. */
static const struct {
    const char *rank, *count;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI_RANK", "PMI_SIZE"},
    {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
};

struct rank_identity relay_identify(void)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
        const char *rank = getenv(launchers[i].rank), *count = getenv(launchers[i].count);
        if (rank && count)
            return (struct rank_identity){(uint32_t)strtoul(rank, NULL, 10),
                                          (uint32_t)strtoul(count, NULL, 10)};
    }
    return (struct rank_identity){0, 1};
}

/* Between fork and exec: never returns. ends: what becomes descriptors 0 to 3. */
static void become(char *const *command, const int ends[4], pid_t parent)
{
    int moved[4];
    sigset_t none;
    sigemptyset(&none);
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127);
    for (int i = 0; i < 4; i++)
        if ((moved[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 32)) < 0)
            _exit(127);
    for (int i = 0; i < 4; i++)
        if (dup2(moved[i], i) < 0)
            _exit(127);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    execvp(command[0], command);
    fprintf(stderr, "%s: %s\n", command[0], failure_text(errno));
    _exit(127);
}

/* ends: the process's. Each that is made is to be closed. */
static int make_ends(int fds[3], int ends[4])
{
    int pair[2];
    ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (ends[0] < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    fds[0] = pair[0];
    ends[WORKER_FD] = pair[1];
    for (int i = 1; i <= 2; i++) {
        if (pipe2(pair, O_CLOEXEC) != 0)
            return -errno;
        fds[i] = pair[0];
        ends[i] = pair[1];
    }
    return 0;
}

int relay_start_process(char *const *command, int fds[4], pid_t *pid)
{
    int ends[4] = {-1, -1, -1, -1};
    pid_t parent = getpid();
    fds[0] = fds[1] = fds[2] = fds[3] = -1;
    int result = make_ends(fds, ends);
    if (result == 0 && (*pid = fork()) == 0)
        become(command, ends, parent);
    if (result == 0 && *pid < 0) {
        result = -errno;
        *pid = 0;
    }
    if (result == 0)
        (void)setpgid(*pid, *pid); /* whoever comes first; it may be too late, and then it is done */
    fds[3] = ends[WORKER_FD];
    for (int i = 0; i < 3; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    for (int i = 0; i < 4 && result != 0; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
    return result;
}
