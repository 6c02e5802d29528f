/* SPDX-License-Identifier: BSD-3-Clause
 *
 * standby.c - the parked copy that guards a cell, as the library holds it: its descriptors, and what it is
 * not. The copy is made by the worker (worker/forks/standby.py) and ends with its socket; it becomes the
 * worker by python_process_adopt.
 */
#include "session/standby.h"

#include "base/json_bridge.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void standby_drop(struct standby *standby)
{
    for (int i = 0; i < 3; i++)
        if (standby->fds[i] >= 0)
            close(standby->fds[i]);
    free(standby->lacks);
    *standby = STANDBY_NONE;
}

int standby_take(struct standby *standby, uint64_t id, struct frame *frame, struct channel *channel)
{
    struct spk_text pid = {0}, lacks = {0};
    struct standby taken = STANDBY_NONE;
    standby_drop(standby);
    for (unsigned i = 0; i < frame->fds; i++) {
        int fd = channel_claim_fd(channel);
        if (i < 3)
            taken.fds[i] = fd;
        else if (fd >= 0)
            close(fd);
    }
    if (frame_next_part(frame, &pid) == 1 && frame_next_part(frame, &lacks) == 1) {
        taken.id = id;
        taken.pid = frame_u32(pid, 0);
        taken.lacks = strndup(lacks.data, lacks.len); /* without it the explanation is shorter */
    }
    if (!taken.pid || taken.fds[0] < 0 || taken.fds[1] < 0 || taken.fds[2] < 0) {
        standby_drop(&taken);
        return -EPROTO;
    }
    *standby = taken;
    return 0;
}

/* Append "3 threads" to a list of such, if there are any. */
static size_t count_things(const struct json *lacks, const char *name, const char *one, const char *many,
                           char *text, size_t size, size_t at)
{
    long long count = json_integer(json_get(lacks, name), 0);
    if (count <= 0 || at >= size)
        return at;
    int len = snprintf(text + at, size - at, "%s%lld %s", at ? ", " : "", count, count == 1 ? one : many);
    return len > 0 ? at + (size_t)len : at;
}

void standby_explain(const struct standby *standby, const char *how, char *text, size_t size)
{
    struct json *lacks = standby->lacks ? json_parse(standby->lacks, strlen(standby->lacks)) : NULL;
    char list[256] = "";
    size_t at = count_things(lacks, "threads", "thread", "threads", list, sizeof list, 0);
    at = count_things(lacks, "children", "child process", "child processes", list, sizeof list, at);
    (void)count_things(lacks, "connections", "pipe or network connection", "pipes and network connections",
                       list, sizeof list, at);
    utf8_format(text, size,
                "The cell ended its Python process, which %s. The session goes on from just before the cell, "
                "with the "
                "variables as they were then. %s%s%sFiles and shared memory are as the cell left them; the "
                "cell's experiment is incomplete.",
                how, list[0] ? "What does not exist any more: " : "", list, list[0] ? ". " : "");
    json_free(lacks);
}
