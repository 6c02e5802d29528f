/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_series.c - what a process has used: all moments while there is room, then fewer, over the whole time.
 */
#include "tracer/record/series.h"

#include "test.h"

static struct series series = SERIES_EMPTY;
static struct series_point points[SERIES_MAX];

static void add(uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        series_add(&series, &(struct series_point){i, 2 * i, 3 * i});
}

int main(void)
{
    test_limit(60);
    CHECK(series_read(&series, points) == 0);
    add(0, SERIES_MAX);
    CHECK(series_read(&series, points) == SERIES_MAX && points[SERIES_MAX - 1].time_ns == SERIES_MAX - 1);
    add(SERIES_MAX, 10 * SERIES_MAX);
    uint32_t count = series_read(&series, points);
    CHECK(count > SERIES_MAX / 2 && count <= SERIES_MAX && points[0].time_ns == 0);
    for (uint32_t i = 1; i < count; i++) {
        CHECK(points[i].time_ns > points[i - 1].time_ns && points[i].resident == 3 * points[i].time_ns);
        CHECK(points[i].time_ns - points[i - 1].time_ns <= 2 * series.each);
    }
    CHECK(points[count - 1].time_ns >= 10 * SERIES_MAX - 2 * series.each);
    series_clear(&series);
    CHECK(series_read(&series, points) == 0);
    add(7, 8);
    CHECK(series_read(&series, points) == 1 && points[0].time_ns == 7);
    return 0;
}
