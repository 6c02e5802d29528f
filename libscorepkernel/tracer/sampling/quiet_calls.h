/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quiet_calls: calls of the C library's that a measurement system may have been asked to record, as input and
 * output, and threads. What the sampling does is not the cell's: it goes by here, past the recording. */
#ifndef TRACER_SAMPLING_QUIET_CALLS_H
#define TRACER_SAMPLING_QUIET_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file that is open for reading. A cell may close any descriptor, and its number may be another file's
 * then: that is neither read nor closed. */
struct quiet_file {
    bool is_open;
    int fd;
    dev_t device;
    ino_t inode;
};

/* Opens a file; it is not open where it cannot be. */
struct quiet_file quiet_open(const char *path);
/* Harmless where it is not open. */
void quiet_close(struct quiet_file *file);

/* Reads from a file's beginning. How many bytes it were; -1: none can be read. */
ssize_t quiet_read(const struct quiet_file *file, void *to, size_t len);

/* 0 or an errno. */
int quiet_thread_create(pthread_t *thread, void *(*run)(void *), void *argument);
/* Waits for the end of a thread that exists, and that nobody else waits for. */
void quiet_thread_join(pthread_t thread);

#endif
