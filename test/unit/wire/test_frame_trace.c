/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_frame_trace.c - frames in words: names by protocol, direction, request, and the lengths of parts.
 */
#include "wire/frame_trace.h"

#include "test.h"
#include "wire/keeper_protocol.h"
#include "wire/rank_protocol.h"
#include "wire/worker_protocol.h"

#include <string.h>

/* The text of a frame with so many parts of three bytes each. */
static const char *said(enum frame_protocol protocol, int sent, uint16_t type, uint64_t request, size_t count)
{
    static char text[256];
    struct buffer bytes = {0};
    struct spk_text parts[16];
    struct frame frame;
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct spk_text){"abc", 3};
    CHECK(frame_append(&bytes, type, request, 0, parts, count) == 0);
    CHECK(frame_decode_header(buffer_bytes(&bytes), &frame) == 0);
    frame.payload = buffer_bytes(&bytes) + FRAME_HEADER_LEN;
    frame_trace_text(protocol, "worker", sent, &frame, text, sizeof text);
    CHECK(frame.payload == buffer_bytes(&bytes) + FRAME_HEADER_LEN);
    buffer_finish(&bytes);
    return text;
}

int main(void)
{
    test_limit(20);
    CHECK(strcmp(said(FRAME_OF_WORKER, 1, WORKER_EXECUTE, 7, 3),
                 "-> worker EXECUTE (2), request 7, bytes in parts: 3, 3, 3") == 0);
    CHECK(strcmp(said(FRAME_OF_WORKER, 0, WORKER_READY, 0, 0), "<- worker READY (65)") == 0);
    CHECK(strcmp(said(FRAME_OF_KEEPER, 1, KEEPER_SPAWN, 1, 1), "-> worker SPAWN (1), request 1, bytes in parts: 3") ==
          0);
    CHECK(strcmp(said(FRAME_OF_RANK, 0, RANK_HELLO, 0, 0), "<- worker HELLO (128)") == 0);
    CHECK(strcmp(said(FRAME_OF_RANK, 0, 9, 0, 0), "<- worker ? (9)") == 0);
    CHECK(strstr(said(FRAME_OF_WORKER, 1, WORKER_TO_COMM_OPEN, 1, 9), "3, 3, 3, 3, 3, 3 and 3 parts more"));
    /* A text that has no room is cut, and closed. */
    char small[8];
    struct frame frame = {.type = WORKER_EXECUTE};
    frame_trace_text(FRAME_OF_WORKER, "worker", 1, &frame, small, sizeof small);
    CHECK(strcmp(small, "-> work") == 0);
    return 0;
}
