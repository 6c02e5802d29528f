/* SPDX-License-Identifier: BSD-3-Clause
 *
 * request_queue.c - what a host has asked for, copied, in order. Owns the memory of requests and nothing
 * else.
 */
#include "session/request_queue.h"

#include <stdlib.h>
#include <string.h>

struct request *request_create(uint16_t kind, uint64_t number, const struct spk_text *parts, size_t count)
{
    size_t size = sizeof(struct request) + count * sizeof *parts;
    size_t at = size;
    for (size_t i = 0; i < count; i++)
        size += parts[i].len;
    struct request *request = malloc(size);
    if (!request)
        return NULL;
    *request = (struct request){.number = number, .kind = kind, .count = count};
    for (size_t i = 0; i < count; i++) {
        char *copy = (char *)request + at;
        if (parts[i].len)
            memcpy(copy, parts[i].data, parts[i].len);
        request->parts[i] = (struct spk_text){copy, parts[i].len};
        at += parts[i].len;
    }
    return request;
}

void request_push(struct request_queue *queue, struct request *request)
{
    request->next = NULL;
    if (queue->last)
        queue->last->next = request;
    else
        queue->first = request;
    queue->last = request;
}

struct request *request_pop(struct request_queue *queue)
{
    struct request *first = queue->first;
    if (first && !(queue->first = first->next))
        queue->last = NULL;
    return first;
}
