/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_request_queue.c - requests are copies, and come out as they went in.
 */
#include "session/request_queue.h"

#include "test.h"

static void copies(void)
{
    char text[] = "content";
    struct spk_text parts[] = {{text, 7}, {NULL, 0}, {"\0\xff", 2}};
    struct request *request = request_create(WORKER_EXECUTE, 12, parts, 3);
    CHECK(request != NULL);
    memset(text, 'X', sizeof text);
    memset(parts, 0, sizeof parts);
    CHECK(request->number == 12 && request->kind == WORKER_EXECUTE && request->count == 3 && !request->sent);
    CHECK(!request->next && !request->execution_count);
    CHECK(test_same(request->parts[0].data, request->parts[0].len, "content"));
    CHECK(request->parts[1].len == 0);
    CHECK(request->parts[2].len == 2 && memcmp(request->parts[2].data, "\0\xff", 2) == 0);
    free(request);
    request = request_create(REQUEST_KERNEL_INFO, 1, NULL, 0);
    CHECK(request && request->count == 0);
    free(request);
}

static void in_order(void)
{
    struct request_queue queue = {0};
    CHECK(!request_pop(&queue));
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= 5; i++) {
            struct request *request = request_create(WORKER_EXECUTE, i, NULL, 0);
            CHECK(request != NULL);
            request_push(&queue, request);
        }
        for (uint64_t i = 1; i <= 5; i++) {
            struct request *request = request_pop(&queue);
            CHECK(request && request->number == i);
            free(request);
        }
        CHECK(!request_pop(&queue) && !queue.first && !queue.last);
    }
}

int main(void)
{
    test_limit(60);
    copies();
    in_order();
    return 0;
}
