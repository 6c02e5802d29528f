/* SPDX-License-Identifier: BSD-3-Clause
 *
 * timestamp.c - the time as Jupyter's messages carry it. (xeus' iso8601_now prints the microseconds without
 * their leading zeros, which is another time.)
 */
#include "shim/common/timestamp.h"

#include <stdio.h>
#include <time.h>

void timestamp_now(char text[TIMESTAMP_MAX])
{
    struct timespec now;
    struct tm date;
    char seconds[24];
    /* Neither can fail: the clock is there, and the year has four digits. */
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &date);
    (void)strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &date);
    (void)snprintf(text, TIMESTAMP_MAX, "%s.%06ldZ", seconds, now.tv_nsec / 1000);
}
