/* SPDX-License-Identifier: BSD-3-Clause
 *
 * series: what a process has used at moments in the course of a measurement. When there is no room for more
 * moments, every second one is forgotten, and fewer are kept from then on. One thread adds; another one may
 * read meanwhile. */
#ifndef TRACER_RECORD_SERIES_H
#define TRACER_RECORD_SERIES_H

#include <pthread.h>
#include <stdint.h>

#define SERIES_MAX 1024u

struct series_point {
    uint64_t time_ns;
    uint64_t processor_ns; /* of all threads, since the process began */
    uint64_t resident;     /* bytes of memory */
};

struct series {
    struct series_point points[SERIES_MAX];
    uint32_t count;
    uint32_t each, skipped; /* of so many points one is kept; so many have been left out since the last */
    pthread_mutex_t lock;
};

#define SERIES_EMPTY                                 \
    {                                                \
        .each = 1, .lock = PTHREAD_MUTEX_INITIALIZER \
    }

void series_clear(struct series *series);
void series_add(struct series *series, const struct series_point *point);

/* Copy at most SERIES_MAX points, and return how many. */
uint32_t series_read(struct series *series, struct series_point *points);

#endif
