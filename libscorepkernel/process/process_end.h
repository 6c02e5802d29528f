/* SPDX-License-Identifier: BSD-3-Clause
 *
 * process_end.h - how a process ended. Pure.
 */
#ifndef PROCESS_PROCESS_END_H
#define PROCESS_PROCESS_END_H

#include <stddef.h>
#include <stdint.h>

/* How a process ended, and what it had used. */
struct process_end {
    int status; /* as from wait(2) */
    uint64_t user_us, system_us;
    uint64_t peak_rss_kib;
};

/** The end in words: "was ended by SIGSEGV (Segmentation fault)". Cut to size bytes, with its NUL. */
void process_end_text(const struct process_end *end, char *text, size_t size);

#endif
