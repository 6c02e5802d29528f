/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_tar.h - the members of the tar archive that a CUBE4 file is. Pure.
 */
#ifndef PROFILE_CUBEX_TAR_H
#define PROFILE_CUBEX_TAR_H

#include "scorepkernel.h"

/** Find the regular file of this name, at the top of the archive. 1: *member is its content, borrowed from
 *  archive; 0: there is none; -EPROTO: the archive is malformed, has no end, or has two of that name;
 *  -ENOTSUP: it has a size that is not octal. */
int cubex_tar_find(struct spk_text archive, const char *name, struct spk_text *member);

#endif
