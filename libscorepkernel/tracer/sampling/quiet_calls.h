/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quiet_calls: calls of the C library's that a measurement system may have been asked to record, as input and
 * output, and threads. What the sampling does is not the cell's: it goes by here, past the recording. */
#ifndef TRACER_SAMPLING_QUIET_CALLS_H
#define TRACER_SAMPLING_QUIET_CALLS_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

/* Opens a file for reading; -1: it cannot be. */
int quiet_open(const char *path);
void quiet_close(int fd);

/* Reads from a file's beginning. How many bytes it were; -1: none can be read. */
ssize_t quiet_read(int fd, void *to, size_t len);

/* 0 or an errno. */
int quiet_thread_create(pthread_t *thread, void *(*run)(void *), void *argument);
/* Waits for the end of a thread that exists, and that nobody else waits for. */
void quiet_thread_join(pthread_t thread);

#endif
