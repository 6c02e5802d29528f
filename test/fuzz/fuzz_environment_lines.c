/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_environment_lines.c - the lines of %%scorep_env.
 */
#include "directives/environment_lines.h"
#include "fuzz.h"
#include "base/json_bridge.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char error[512];
    struct json *changes = json_array();
    int result = environment_lines_read((struct spk_text){(const char *)data, size}, changes, error, sizeof error);
    for (size_t i = 0; result == 0 && i < json_count(changes); i++) {
        size_t len = 0;
        const char *key = json_text(json_at(json_at(changes, i), 0), &len);
        if (!key || !len)
            abort();
    }
    MUST(result != -EINVAL || !fuzz_cut_within(data, size, error));
    json_free(changes);
    return 0;
}
