/* SPDX-License-Identifier: BSD-3-Clause
 *
 * series: see series.h. */
#include "tracer/record/series.h"

#include <string.h>

void series_clear(struct series *series)
{
    pthread_mutex_lock(&series->lock);
    series->count = series->skipped = 0;
    series->each = 1;
    pthread_mutex_unlock(&series->lock);
}

static void forget_every_second(struct series *series)
{
    for (uint32_t i = 0; i < series->count / 2; i++)
        series->points[i] = series->points[2 * (size_t)i];
    series->count /= 2;
    series->each *= 2;
}

void series_add(struct series *series, const struct series_point *point)
{
    pthread_mutex_lock(&series->lock);
    if (series->count == 0 || ++series->skipped >= series->each) {
        if (series->count == SERIES_MAX)
            forget_every_second(series);
        series->points[series->count++] = *point;
        series->skipped = 0;
    }
    pthread_mutex_unlock(&series->lock);
}

uint32_t series_read(struct series *series, struct series_point *points)
{
    pthread_mutex_lock(&series->lock);
    uint32_t count = series->count;
    memcpy(points, series->points, count * sizeof *points);
    pthread_mutex_unlock(&series->lock);
    return count;
}
