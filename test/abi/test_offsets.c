/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_offsets.c - where each member lies, for good: a host that was built yesterday looks there. New members
 * get a line of their own at the end of their table, and a new size; no other line may change.
 */
#include "scorepkernel.h"

#include "test.h"

#define AT(type, member, offset)                                 \
    {                                                            \
#type "." #member, offsetof(struct type, member), offset \
    }

static const struct {
    const char *name;
    size_t is, was;
} golden[] = {
    AT(spk_text, data, 0),
    AT(spk_text, len, 8),
    {"spk_text", sizeof(struct spk_text), 16},
    AT(spk_error, size, 0),
    AT(spk_error, code, 4),
    AT(spk_error, text, 8),
    {"spk_error", sizeof(struct spk_error), 1032},
    AT(spk_host, size, 0),
    AT(spk_host, abi, 4),
    AT(spk_host, ctx, 8),
    AT(spk_host, stream, 16),
    AT(spk_host, display_data, 24),
    AT(spk_host, update_display_data, 32),
    AT(spk_host, clear_output, 40),
    AT(spk_host, execute_result, 48),
    AT(spk_host, error, 56),
    AT(spk_host, input_request, 64),
    AT(spk_host, comm_open, 72),
    AT(spk_host, comm_message, 80),
    AT(spk_host, comm_close, 88),
    AT(spk_host, reply, 96),
    AT(spk_host, status, 104),
    AT(spk_host, log, 112),
    AT(spk_host, input_withdrawn, 120),
    {"spk_host", sizeof(struct spk_host), 128},
    AT(spk_options, size, 0),
    AT(spk_options, reserved, 4),
    AT(spk_options, python, 8),
    AT(spk_options, directory, 16),
    AT(spk_options, notebook, 24),
    AT(spk_options, environment, 32),
    {"spk_options", sizeof(struct spk_options), 40},
    AT(spk_plugin, size, 0),
    AT(spk_plugin, abi, 4),
    AT(spk_plugin, version, 8),
    AT(spk_plugin, create, 16),
    AT(spk_plugin, descriptor, 24),
    AT(spk_plugin, dispatch, 32),
    AT(spk_plugin, execute, 40),
    AT(spk_plugin, complete, 48),
    AT(spk_plugin, inspect, 56),
    AT(spk_plugin, is_complete, 64),
    AT(spk_plugin, kernel_info, 72),
    AT(spk_plugin, history, 80),
    AT(spk_plugin, comm_open, 88),
    AT(spk_plugin, comm_message, 96),
    AT(spk_plugin, comm_close, 104),
    AT(spk_plugin, comm_info, 112),
    AT(spk_plugin, input_reply, 120),
    AT(spk_plugin, interrupt, 128),
    AT(spk_plugin, shutdown, 136),
    AT(spk_plugin, destroy, 144),
    {"spk_plugin", sizeof(struct spk_plugin), 152},
    {"SPK_ABI", SPK_ABI, 1},
    {"SPK_STDOUT", SPK_STDOUT, 1},
    {"SPK_STDERR", SPK_STDERR, 2},
    {"SPK_REPLY_OK", SPK_REPLY_OK, 0},
    {"SPK_REPLY_ERROR", SPK_REPLY_ERROR, 1},
    {"SPK_REPLY_ABORTED", SPK_REPLY_ABORTED, 2},
    {"SPK_STATUS_STARTING", SPK_STATUS_STARTING, 1},
    {"SPK_STATUS_READY", SPK_STATUS_READY, 2},
    {"SPK_STATUS_DIED", SPK_STATUS_DIED, 3},
    {"SPK_STATUS_FAILED", SPK_STATUS_FAILED, 4},
    {"SPK_STATUS_ENDED", SPK_STATUS_ENDED, 5},
    {"SPK_LOG_DEBUG", SPK_LOG_DEBUG, 0},
    {"SPK_LOG_INFO", SPK_LOG_INFO, 1},
    {"SPK_LOG_WARNING", SPK_LOG_WARNING, 2},
    {"SPK_LOG_ERROR", SPK_LOG_ERROR, 3},
};

int main(void)
{
    int wrong = 0;
    if (sizeof(void *) != 8)
        test_skip("the list is of 64-bit machines");
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        if (golden[i].is != golden[i].was) {
            fprintf(stderr, "%s is %zu, and was %zu\n", golden[i].name, golden[i].is, golden[i].was);
            wrong = 1;
        }
    }
    struct spk_options options = {.size = offsetof(struct spk_options, notebook)};
    CHECK(SPK_HAS(&options, directory) && !SPK_HAS(&options, notebook));
    options.size = sizeof options - 1;
    CHECK(SPK_HAS(&options, notebook) && !SPK_HAS(&options, environment));
    return wrong;
}
