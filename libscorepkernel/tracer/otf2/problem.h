/* SPDX-License-Identifier: BSD-3-Clause
 *
 * problem: why archives could not be merged, and which file it was. Owned by the caller, no memory. */
#ifndef TRACER_OTF2_PROBLEM_H
#define TRACER_OTF2_PROBLEM_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

struct problem {
    char path[PATH_MAX]; /* the file or directory; empty: none in particular */
    const char *flaw;    /* what is wrong with its content; NULL: the system said no */
};

/* A system call failed for that file. Returns the code, for the caller to return. */
static inline int problem_errno(struct problem *problem, int code, const char *path)
{
    (void)snprintf(problem->path, sizeof problem->path, "%s", path);
    problem->flaw = NULL;
    return -code;
}

/* The file is there and can be read, but is not what it should be. The text is borrowed for good. */
static inline int problem_flaw(struct problem *problem, const char *flaw, const char *path)
{
    (void)snprintf(problem->path, sizeof problem->path, "%s", path);
    problem->flaw = flaw;
    return -EBADMSG;
}

/* A path, with room for PATH_MAX bytes. One that is longer is a problem with what it begins with. */
static inline int __attribute__((format(printf, 3, 4)))
problem_path(struct problem *problem, char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(path, PATH_MAX, format, arguments);
    va_end(arguments);
    return len >= 0 && len < PATH_MAX ? 0 : problem_errno(problem, ENAMETOOLONG, path);
}

#endif
