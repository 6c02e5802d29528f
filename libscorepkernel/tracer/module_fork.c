/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_fork: see module_fork.h. */
#include "module_fork.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From OpenMP 5.0's omp_pause_resource_t. */
#define OMP_PAUSE_HARD 2

const char module_prepare_fork_doc[] =
    "prepare_fork()\n--\n\n"
    "Before a fork: write out what C code holds in its buffers, which both processes would write, and end "
    "the\n"
    "thread pools of GNU's OpenMP: they do not survive a fork, and the copy would wait for them for ever.\n"
    "(LLVM's, Intel's and OpenBLAS's have handlers of their own.) The next parallel region starts new ones.";

/* Wheels bring copies of libgomp of their own, under names of their own: each has a pool. */
static int pause_openmp(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    const char *slash = strrchr(object->dlpi_name, '/');
    if (!slash || strncmp(slash + 1, "libgomp", strlen("libgomp")) != 0)
        return 0;
    void *library = dlopen(object->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    void *found = library ? dlsym(library, "omp_pause_resource_all") : NULL;
    int (*pause_all)(int) = NULL;
    memcpy(&pause_all, &found, sizeof found);
    if (pause_all)
        (void)pause_all(OMP_PAUSE_HARD); /* refused inside of a parallel region, where no cell begins */
    if (library)
        (void)dlclose(library);
    return 0;
}

PyObject *module_prepare_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    (void)fflush(NULL); /* a stream that cannot be written has its error noted */
    (void)dl_iterate_phdr(pause_openmp, NULL);
    Py_RETURN_NONE;
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
