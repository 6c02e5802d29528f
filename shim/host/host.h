/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host.h - a kernel, from its start to its end.
 *
 *   state.h     the state that all these share
 *   host.c      the loop: starts, polls, ends
 *   shell.c     requests on shell, one at a time, and their replies
 *   control.c   requests on control, at any time
 *   outputs.c   what the library calls back
 *   publish.c   the messages that the host itself composes
 *   ending.c    interrupts, and the end
 *   flow.c      when the library's output is held back
 *
 * One thread runs all of it.
 */
#ifndef SHIM_HOST_HOST_H
#define SHIM_HOST_HOST_H

struct host_options {
    const char *connection_file;
    const char *python; /* NULL: the library's choice */
    const char *plugin; /* NULL: the installed one */
    const char *trace;  /* the file that frames are told to; NULL: none */
};

/** Run a kernel to its end. The exit status for the process; what failed was told on standard error. */
int host_run(const struct host_options *options);

#endif
