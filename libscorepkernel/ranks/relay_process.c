/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay_process.c - a rank's process: who it is, and how it begins.
 */
#include "ranks/relay_process.h"

#include "base/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The variables of an MPI's own launcher come before those of a batch system, because the launcher may have
 * used the batch system. */
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
static void exec_rank(char *const *command, const int ends[4], pid_t parent)
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

int relay_start_process(char *const *command, const int ends[4], pid_t *pid)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        exec_rank(command, ends, parent);
    if (child < 0)
        return -errno;
    (void)setpgid(child, child); /* parent and child both set the group, since either may run first; the call
                                    that comes second may fail */
    *pid = child;
    return 0;
}
