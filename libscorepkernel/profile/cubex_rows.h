/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_rows.h - the values of one metric of a CUBE4 file: a row for each call path that has any, a column
 * for each location. Pure.
 *
 *     <id>.index  "CUBEX.INDEX", u32 1 (tells the byte order), u16 version 0, u8 form: 1 sparse, 3 dense;
 *                 if sparse: u32 count, then for each row the u32 number of its call path, ascending
 *     <id>.data   "CUBEX.DATA", then the rows, each value 8 bytes long
 */
#ifndef PROFILE_CUBEX_ROWS_H
#define PROFILE_CUBEX_ROWS_H

#include "scorepkernel.h"

struct cubex_rows {
    const unsigned char *numbers; /* NULL: all, one after the other */
    const unsigned char *values;
    size_t count, columns;
};

/** Find the rows in the two files, which are to outlive *rows, of a metric with so many call paths and
 *  locations. Errors as of cubex_read. */
int cubex_rows_open(struct spk_text index, struct spk_text data, size_t paths, size_t locations,
                    struct cubex_rows *rows);

/** Sum each row: sums has an element for each call path, and those without a row stay as they are. 0, or
 *  -EPROTO when a sum is none. */
int cubex_rows_sum_u64(const struct cubex_rows *rows, uint64_t *sums);
int cubex_rows_sum_double(const struct cubex_rows *rows, double *sums);

#endif
