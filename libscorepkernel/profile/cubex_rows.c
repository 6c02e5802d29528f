/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_rows.c - the values of one metric of a CUBE4 file. Pure. It knows the two forms that are written by
 * Score-P and by CubeLib, uncompressed and little-endian, and refuses the others rather than guess.
 */
#include "profile/cubex_rows.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define INDEX_MARK "CUBEX.INDEX"
#define INDEX_HEAD_LEN (sizeof INDEX_MARK - 1 + 4 + 2 + 1)
#define DATA_MARK "CUBEX.DATA"
#define ZLIB_DATA_MARK "ZCUBEX.DATA"
#define VALUE_LEN ((size_t)8)
#define NUMBER_LEN ((size_t)4)

enum { FORM_SPARSE = 1, FORM_BITS = 2, FORM_DENSE = 3 };

static uint64_t get_le(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static int read_sparse(struct spk_text list, size_t paths, struct cubex_rows *rows)
{
    const unsigned char *at = (const unsigned char *)list.data;
    if (list.len < NUMBER_LEN)
        return -EPROTO;
    size_t count = (size_t)get_le(at, NUMBER_LEN);
    if (count > paths || list.len - NUMBER_LEN != count * NUMBER_LEN)
        return -EPROTO;
    rows->numbers = at + NUMBER_LEN;
    rows->count = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = get_le(rows->numbers + i * NUMBER_LEN, NUMBER_LEN);
        if (number >= paths || (i && number <= get_le(rows->numbers + (i - 1) * NUMBER_LEN, NUMBER_LEN)))
            return -EPROTO;
    }
    return 0;
}

static int read_index(struct spk_text index, size_t paths, struct cubex_rows *rows)
{
    if (!text_begins(index, INDEX_MARK) || index.len < INDEX_HEAD_LEN)
        return -EPROTO;
    const unsigned char *head = (const unsigned char *)index.data + sizeof INDEX_MARK - 1;
    uint64_t order = get_le(head, 4), version = get_le(head + 4, 2);
    unsigned form = head[6];
    if (order == 0x01000000 || (order == 1 && (version != 0 || form == FORM_BITS)))
        return -ENOTSUP;
    if (order != 1)
        return -EPROTO;
    if (form == FORM_SPARSE)
        return read_sparse((struct spk_text){index.data + INDEX_HEAD_LEN, index.len - INDEX_HEAD_LEN}, paths,
                           rows);
    rows->numbers = NULL;
    rows->count = paths;
    return form == FORM_DENSE && index.len == INDEX_HEAD_LEN ? 0 : -EPROTO;
}

int cubex_rows_open(struct spk_text index, struct spk_text data, size_t paths, size_t locations,
                    struct cubex_rows *rows)
{
    struct cubex_rows read = {.columns = locations};
    if (text_begins(data, ZLIB_DATA_MARK))
        return -ENOTSUP;
    if (!text_begins(data, DATA_MARK))
        return -EPROTO;
    int result = read_index(index, paths, &read);
    if (result != 0)
        return result;
    /* The number of values must be right: otherwise the rows or columns mean something else than we think,
     * and the numbers would be wrong without a sign. */
    size_t len = data.len - (sizeof DATA_MARK - 1);
    if (!locations || len % VALUE_LEN || (len / VALUE_LEN) % locations ||
        len / VALUE_LEN / locations != read.count)
        return -EPROTO;
    read.values = (const unsigned char *)data.data + sizeof DATA_MARK - 1;
    *rows = read;
    return 0;
}

static size_t number_of(const struct cubex_rows *rows, size_t row)
{
    return rows->numbers ? (size_t)get_le(rows->numbers + row * NUMBER_LEN, NUMBER_LEN) : row;
}

int cubex_rows_sum_u64(const struct cubex_rows *rows, uint64_t *sums)
{
    const unsigned char *at = rows->values;
    for (size_t row = 0; row < rows->count; row++) {
        uint64_t sum = 0;
        for (size_t column = 0; column < rows->columns; column++, at += VALUE_LEN) {
            uint64_t value = get_le(at, VALUE_LEN);
            if (value > UINT64_MAX - sum)
                return -EPROTO;
            sum += value;
        }
        sums[number_of(rows, row)] = sum;
    }
    return 0;
}

int cubex_rows_sum_double(const struct cubex_rows *rows, double *sums)
{
    const unsigned char *at = rows->values;
    for (size_t row = 0; row < rows->count; row++) {
        double sum = 0;
        for (size_t column = 0; column < rows->columns; column++, at += VALUE_LEN) {
            uint64_t bits = get_le(at, VALUE_LEN);
            double value;
            memcpy(&value, &bits, sizeof value);
            sum += value;
        }
        if (!isfinite(sum))
            return -EPROTO;
        sums[number_of(rows, row)] = sum;
    }
    return 0;
}
