/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image.h - the variables of some loaded libraries as they were at one time.
 */
#ifndef SCOREP_IMAGE_H
#define SCOREP_IMAGE_H

#include <link.h>
#include <stddef.h>

#define IMAGE_SEGMENTS_MAX 256
#define IMAGE_LEN_MAX ((size_t)64 << 20) /* bytes of all segments; Score-P 8.4 has 39 KB */

struct image {
    struct image_segment {
        unsigned char *address;
        unsigned char *copy; /* owned */
        size_t len;
    } segments[IMAGE_SEGMENTS_MAX];
    size_t count;
    size_t len; /* of all */
};

/** Add a library's writable segments, and its thread-local variables of the calling thread. 0, -ENOMEM,
 * -E2BIG. */
int image_add(struct image *image, const struct dl_phdr_info *library);

/** Put everything back. By the thread that added it; async-signal-safe. */
void image_restore(const struct image *image);

void image_finish(struct image *image);

#endif
