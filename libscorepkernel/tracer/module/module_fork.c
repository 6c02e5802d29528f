/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_fork: see module_fork.h. */
#include "tracer/module/module_fork.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* From OpenMP 5.0's omp_pause_resource_t. */
#define OMP_PAUSE_HARD 2

const char module_prepare_fork_doc[] =
    "prepare_fork()\n--\n\n"
    "Before a fork: write out what C code holds in its buffers, which both processes would write, and end\n"
    "the thread pools of GNU's OpenMP: they do not survive a fork, and the copy would wait for them for\n"
    "ever. (LLVM's, Intel's and OpenBLAS's have handlers of their own.) The next parallel region starts\n"
    "new ones.\n\n"
    "OSError (ETIMEDOUT): another thread keeps a stream locked.";

#define POOLS_MAX 16
#define FLUSH_MAX_MS 200

struct pools {
    char paths[POOLS_MAX][4096];
    size_t count;
};

/* Wheels bring copies of libgomp of their own, under names of their own: each has a pool. */
static int find_pool(struct dl_phdr_info *object, size_t size, void *context)
{
    struct pools *pools = context;
    const char *slash = strrchr(object->dlpi_name, '/');
    (void)size;
    if (slash && strncmp(slash + 1, "libgomp", strlen("libgomp")) == 0 && pools->count < POOLS_MAX)
        (void)snprintf(pools->paths[pools->count++], sizeof pools->paths[0], "%s", object->dlpi_name);
    return 0;
}

/* Not while the loader lists its objects: opening one then takes its locks in the wrong order. */
static void pause_openmp(void)
{
    static struct pools pools; /* large; under the GIL */
    pools.count = 0;
    (void)dl_iterate_phdr(find_pool, &pools);
    for (size_t i = 0; i < pools.count; i++) {
        void *library = dlopen(pools.paths[i], RTLD_LAZY | RTLD_NOLOAD);
        void *found = library ? dlsym(library, "omp_pause_resource_all") : NULL;
        int (*pause_all)(int) = NULL;
        memcpy(&pause_all, &found, sizeof found);
        if (pause_all)
            (void)pause_all(OMP_PAUSE_HARD); /* refused inside of a parallel region, where no cell begins */
        if (library)
            (void)dlclose(library);
    }
}

static void *flush_all(void *unused)
{
    (void)unused;
    (void)fflush(NULL); /* a stream that cannot be written keeps its error for the program */
    return NULL;
}

/* In a thread of its own, since a stream may be locked by one that reads from it for as long as it likes. 0,
 * or an errno: ETIMEDOUT, and the thread ends when it can. */
static int flush_streams(void)
{
    pthread_t thread;
    struct timespec until;
    int result = pthread_create(&thread, NULL, flush_all, NULL);
    if (result != 0)
        return result;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += FLUSH_MAX_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    PyThreadState *saved = PyEval_SaveThread();
    result = pthread_timedjoin_np(thread, NULL, &until);
    PyEval_RestoreThread(saved);
    if (result != 0)
        (void)pthread_detach(thread);
    return result;
}

PyObject *module_prepare_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    int result = flush_streams();
    if (result != 0) {
        errno = result;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    pause_openmp();
    Py_RETURN_NONE;
}

static struct sigaction held;

const char module_hold_child_signal_doc[] =
    "hold_child_signal(on)\n--\n\n"
    "on: SIGCHLD has its default meaning from now on, so that a child of ours that ends is not the user's\n"
    "handler's business, nor reaped by a SIG_IGN. off: as it was; if another child ended meanwhile, the\n"
    "signal comes now.";

PyObject *module_hold_child_signal(PyObject *module, PyObject *on)
{
    static const struct sigaction standard = {.sa_handler = SIG_DFL};
    siginfo_t ended = {0};
    (void)module;
    int wanted = PyObject_IsTrue(on);
    if (wanted < 0)
        return NULL;
    /* These fail for bad arguments only. */
    if (wanted) {
        (void)sigaction(SIGCHLD, &standard, &held);
        Py_RETURN_NONE;
    }
    (void)sigaction(SIGCHLD, &held, NULL);
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid)
        (void)kill(getpid(), SIGCHLD);
    Py_RETURN_NONE;
}

const char module_die_with_parent_doc[] =
    "die_with_parent(pid)\n--\n\n"
    "End with that process, this one's parent, from now on. OSError (ESRCH): another one is the parent.";

PyObject *module_die_with_parent(PyObject *module, PyObject *number)
{
    long parent = PyLong_AsLong(number);
    (void)module;
    if (parent == -1 && PyErr_Occurred())
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (getppid() == parent) /* it may have ended before the first of the two calls, which told nobody */
        Py_RETURN_NONE;
    errno = ESRCH;
    return PyErr_SetFromErrno(PyExc_OSError);
}

const char module_fork_plainly_doc[] =
    "fork_plainly()\n--\n\n"
    "fork() alone, without what os.fork does for a process with threads. For a process that was forked just\n"
    "before, and has one.";

PyObject *module_fork_plainly(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    pid_t pid = fork();
    return pid < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(pid);
}
