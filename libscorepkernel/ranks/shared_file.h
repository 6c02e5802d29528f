/* SPDX-License-Identifier: BSD-3-Clause
 *
 * shared_file.h - a file without a name, and how another process of this user's on the same machine opens it.
 */
#ifndef RANKS_SHARED_FILE_H
#define RANKS_SHARED_FILE_H

#include "scorepkernel.h"

#include <stdint.h>

#define SHARED_FILE_TEXT_LEN 160

/** Say where the file of descriptor is: "BOOT PID DESCRIPTOR DEVICE INODE LENGTH". *length: bytes. 0 or
 * -errno. */
int shared_file_describe(int descriptor, char text[SHARED_FILE_TEXT_LEN], uint64_t *length);

/** Open that file for reading. *length: bytes, as described. A descriptor, to be closed by the caller;
 * -ENOENT: it is out of reach, on another machine for one; -EINVAL: this is no such text. */
int shared_file_open(struct spk_text text, uint64_t *length);

#endif
