/* SPDX-License-Identifier: BSD-3-Clause
 *
 * main.c - scorepkernel-ranks: one program for both ends of a cell that runs as many ranks. The kernel starts
 * the job, whose launcher starts the relays.
 */
#include "ranks/job.h"
#include "ranks/relay.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "relay") == 0)
        return relay_run(argv + 2);
    if (argc > 4 && strcmp(argv[1], "job") == 0) {
        struct job_order order = {.everywhere = strcmp(argv[2], "everywhere") == 0,
                                  .directory = strcmp(argv[3], "-") == 0 ? NULL : argv[3],
                                  .launch = argv + 4};
        return job_run(&order);
    }
    fprintf(stderr,
            "scorepkernel-ranks is a part of the Score-P kernel, which starts it for cells with --ranks.\n");
    return 2;
}
