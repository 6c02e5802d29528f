/* SPDX-License-Identifier: BSD-3-Clause
 *
 * questions.h - the requests that wait for a line from the user.
 */
#ifndef SESSION_QUESTIONS_H
#define SESSION_QUESTIONS_H

#include "scorepkernel.h"

struct question {
    uint64_t request;
    uint32_t
        number; /* the worker's number for the question, so that an answer to an older one is recognised */
};

struct questions {
    struct question open[SPK_MAX_QUESTIONS];
    uint32_t count;
};

/** The request waits for input; if it did before, that question is replaced. 0; -ENOBUFS: too many do. */
int questions_open(struct questions *questions, uint64_t request, uint32_t number);

/** The request's question, or NULL: it waits for none. Borrowed until the next change. */
const struct question *questions_find(const struct questions *questions, uint64_t request);

/** The request no longer waits for input. 1: it did; 0: it did not. */
int questions_close(struct questions *questions, uint64_t request);

#endif
