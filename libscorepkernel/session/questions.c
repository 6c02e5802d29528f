/* SPDX-License-Identifier: BSD-3-Clause
 *
 * questions.c - the requests that wait for a line from the user: cells, and threads that earlier ones left
 * behind. Pure.
 */
#include "session/questions.h"

#include <errno.h>

static uint32_t position(const struct questions *questions, uint64_t request)
{
    uint32_t at = 0;
    while (at < questions->count && questions->open[at].request != request)
        at++;
    return at;
}

int questions_open(struct questions *questions, uint64_t request, uint32_t number)
{
    uint32_t at = position(questions, request);
    if (at == SPK_MAX_QUESTIONS)
        return -ENOBUFS;
    questions->open[at] = (struct question){request, number};
    if (at == questions->count)
        questions->count++;
    return 0;
}

const struct question *questions_find(const struct questions *questions, uint64_t request)
{
    uint32_t at = position(questions, request);
    return at < questions->count ? &questions->open[at] : NULL;
}

int questions_close(struct questions *questions, uint64_t request)
{
    uint32_t at = position(questions, request);
    if (at == questions->count)
        return 0;
    questions->open[at] = questions->open[--questions->count];
    return 1;
}
