/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_ranks.c - whatever ranks say, in whatever order: each of their bytes is handed on, a line that several
 * say once, and never more than what was said. And any text as the place of variables.
 */
#include "ranks/fold.h"
#include "ranks/shared.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RANKS 5u

static size_t frames;

static void on_text(void *owner, uint32_t which, struct spk_text text)
{
    (void)owner;
    MUST((which == SPK_STDOUT || which == SPK_STDERR) && (text.len == 0 || text.data));
}

static void on_frame(void *owner, uint16_t type, struct spk_text payload, int all, int first)
{
    (void)owner;
    (void)payload;
    MUST(type >= 64 && (!all || first));
    frames++;
}

static const struct fold_calls calls = {on_text, on_frame};

/* Each piece: a byte that says who and what, one that is its length, and the bytes. */
static void talk(const uint8_t *data, size_t size)
{
    struct fold *fold = fold_new(RANKS, &calls, NULL);
    size_t sent = 0;
    frames = 0;
    while (fold && size >= 2) {
        uint32_t rank = data[0] % RANKS, what = data[0] / RANKS % 4;
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        struct spk_text text = {(const char *)data + 2, len};
        if (what == 3)
            fold_flush(fold, 0);
        else if (what == 2)
            sent += fold_frame(fold, rank, (uint16_t)(64 + len % 3), text) == 0;
        else
            (void)fold_text(fold, rank, what ? SPK_STDERR : SPK_STDOUT, text);
        data += 2 + len;
        size -= 2 + len;
    }
    if (fold)
        fold_flush(fold, 1);
    MUST(!fold || !fold_holds(fold));
    MUST(frames <= sent && frames >= (sent + RANKS - 1) / RANKS);
    fold_free(fold);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t length;
    int fd = shared_open((struct spk_text){(const char *)data, size}, &length);
    MUST(fd == -EINVAL || fd == -ENOENT);
    talk(data, size);
    return 0;
}
