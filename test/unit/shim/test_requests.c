/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_requests.c - the host's memory of who asked: cells are kept long, other requests shortly, and neither
 * pushes the other out.
 */
#include "shim/host/requests.h"

#include "test.h"

/* An origin that only counts: the real one belongs to the server. */
struct origin {
    int id;
};

static int alive;

static struct origin *made(int id)
{
    struct origin *origin = malloc(sizeof *origin);
    CHECK(origin != NULL);
    origin->id = id;
    alive++;
    return origin;
}

void origin_free(struct origin *origin)
{
    alive -= origin != NULL;
    free(origin);
}

/* The host is a program, not a library: its module is compiled into the test. */
#include "shim/host/requests.c"

static int id_of(const struct origin *origin)
{
    return origin ? origin->id : -99;
}

int main(void)
{
    static uint64_t cells[REQUESTS_CELLS + 10];
    struct requests requests;
    test_limit(60);
    CHECK(requests_init(&requests) == 0);
    CHECK(requests_find(&requests, 0) == NULL && requests_parent(&requests, 0) == NULL);
    CHECK(requests_newest_cell(&requests) == 0);
    uint64_t other = requests_add(&requests, 0, made(-1));
    CHECK(other != 0 && id_of(requests_find(&requests, other)) == -1);
    CHECK(requests_parent(&requests, 99) == NULL);
    for (int i = 0; i < REQUESTS_CELLS + 10; i++) {
        cells[i] = requests_add(&requests, 1, made(i));
        CHECK(cells[i] != 0 && cells[i] != other && requests_newest_cell(&requests) == cells[i]);
    }
    CHECK(id_of(requests_find(&requests, other)) == -1);
    CHECK(alive == REQUESTS_CELLS + 1);
    /* The ten oldest are forgotten, and their output goes to the newest. */
    CHECK(requests_find(&requests, cells[9]) == NULL);
    CHECK(id_of(requests_parent(&requests, cells[9])) == REQUESTS_CELLS + 9);
    for (int i = 10; i < REQUESTS_CELLS + 10; i++)
        CHECK(id_of(requests_find(&requests, cells[i])) == i &&
              id_of(requests_parent(&requests, cells[i])) == i);
    for (int i = 0; i < REQUESTS_OTHERS; i++)
        requests_add(&requests, 0, made(-2));
    CHECK(requests_find(&requests, other) == NULL);
    CHECK(id_of(requests_find(&requests, cells[10])) == 10);
    CHECK(requests_find(&requests, cells[10] + 1000000) == NULL);
    requests_finish(&requests);
    requests_finish(&requests);
    CHECK(alive == 0);
    return 0;
}
