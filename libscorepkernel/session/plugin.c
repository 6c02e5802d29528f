/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plugin.c - the table that hosts call. Checks what comes from outside and hands it to the session; decides
 * nothing.
 */
#include "base/failure.h"
#include "session/input_requests.h"
#include "session/session.h"
#include "session/wake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int plugin_create(const struct spk_host *host, const struct spk_options *options,
                         struct spk_session **session, struct spk_error *error)
{
    if (!host || !session || host->abi != SPK_ABI || !SPK_HAS(host, reply) || !host->reply)
        return failure_set(error, -EINVAL,
                           "The host's table is not of version %u of the interface, or has no callback for "
                           "replies. Build the host with the scorepkernel.h of this library.",
                           SPK_ABI);
    if (options && options->size < sizeof options->size)
        return failure_set(error, -EINVAL,
                           "The options do not say their size. Set size to sizeof(struct spk_options).");
    return session_create(host, options, session, error);
}

static int plugin_descriptor(const struct spk_session *session)
{
    return session ? session->loop.fd : -EINVAL;
}

static int plugin_dispatch(struct spk_session *session, struct spk_error *error)
{
    return session ? session_dispatch(session, error) : -EINVAL;
}

static int begin_content(struct spk_session *session, uint16_t kind, uint64_t request,
                         struct spk_text content, struct spk_error *error)
{
    if (!session)
        return -EINVAL;
    return session_begin(session, kind, request, 0, &content, 1, error);
}

static int plugin_execute(struct spk_session *session, uint64_t request, struct spk_text content,
                          struct spk_text metadata, uint64_t execution_count, struct spk_error *error)
{
    struct spk_text parts[] = {content, metadata};
    if (!session)
        return -EINVAL;
    return session_begin(session, WORKER_EXECUTE, request, execution_count, parts, 2, error);
}

static int plugin_complete(struct spk_session *session, uint64_t request, struct spk_text content,
                           struct spk_error *error)
{
    return begin_content(session, WORKER_COMPLETE, request, content, error);
}

static int plugin_inspect(struct spk_session *session, uint64_t request, struct spk_text content,
                          struct spk_error *error)
{
    return begin_content(session, WORKER_INSPECT, request, content, error);
}

static int plugin_is_complete(struct spk_session *session, uint64_t request, struct spk_text content,
                              struct spk_error *error)
{
    return begin_content(session, WORKER_IS_COMPLETE, request, content, error);
}

static int plugin_kernel_info(struct spk_session *session, uint64_t request, struct spk_error *error)
{
    if (!session)
        return -EINVAL;
    return session_begin(session, REQUEST_KERNEL_INFO, request, 0, NULL, 0, error);
}

static int plugin_history(struct spk_session *session, uint64_t request, struct spk_text content,
                          struct spk_error *error)
{
    return begin_content(session, WORKER_HISTORY, request, content, error);
}

static int begin_comm(struct spk_session *session, uint16_t kind, uint64_t request, struct spk_text content,
                      struct spk_text metadata, const struct spk_text *buffers, size_t count,
                      struct spk_error *error)
{
    if (!session)
        return -EINVAL;
    if (count > REQUEST_MAX_BUFFERS)
        return failure_set(
            error, -EINVAL,
            "A comm message must not have more than %d buffers. Send them in several messages.",
            REQUEST_MAX_BUFFERS);
    struct spk_text *parts = calloc(2 + count, sizeof *parts);
    if (!parts)
        return failure_set(error, -ENOMEM, "There is no memory for this comm message.");
    parts[0] = content;
    parts[1] = metadata;
    if (count)
        memcpy(parts + 2, buffers, count * sizeof *parts);
    int result = session_begin(session, kind, request, 0, parts, 2 + count, error);
    free(parts);
    return result;
}

static int plugin_comm_open(struct spk_session *session, uint64_t request, struct spk_text content,
                            struct spk_text metadata, const struct spk_text *buffers, size_t count,
                            struct spk_error *error)
{
    return begin_comm(session, WORKER_TO_COMM_OPEN, request, content, metadata, buffers, count, error);
}

static int plugin_comm_message(struct spk_session *session, uint64_t request, struct spk_text content,
                               struct spk_text metadata, const struct spk_text *buffers, size_t count,
                               struct spk_error *error)
{
    return begin_comm(session, WORKER_TO_COMM_MESSAGE, request, content, metadata, buffers, count, error);
}

static int plugin_comm_close(struct spk_session *session, uint64_t request, struct spk_text content,
                             struct spk_text metadata, const struct spk_text *buffers, size_t count,
                             struct spk_error *error)
{
    return begin_comm(session, WORKER_TO_COMM_CLOSE, request, content, metadata, buffers, count, error);
}

static int plugin_comm_info(struct spk_session *session, uint64_t request, struct spk_text content,
                            struct spk_error *error)
{
    return begin_content(session, WORKER_COMM_INFO, request, content, error);
}

static int plugin_input_reply(struct spk_session *session, uint64_t request, struct spk_text value,
                              struct spk_error *error)
{
    if (!session)
        return -EINVAL;
    if (value.len > REQUEST_MAX_LEN)
        return failure_set(error, -EINVAL,
                           "An answer must not be larger than 64 MiB. Have the cell read it from a file.");
    return input_requests_answer(session, request, value, error);
}

static int plugin_interrupt(struct spk_session *session)
{
    if (!session)
        return -EINVAL;
    atomic_store(&session->interrupted, atomic_load(&session->begun));
    return wake_session(session, WAKE_INTERRUPT);
}

static int plugin_shutdown(struct spk_session *session, uint32_t grace_ms)
{
    if (!session)
        return -EINVAL;
    atomic_store(&session->grace_ms, grace_ms);
    return wake_session(session, WAKE_SHUTDOWN);
}

static const struct spk_plugin plugin = {
    .size = sizeof plugin,
    .abi = SPK_ABI,
    .version = SCOREPKERNEL_VERSION,
    .create = plugin_create,
    .descriptor = plugin_descriptor,
    .dispatch = plugin_dispatch,
    .execute = plugin_execute,
    .complete = plugin_complete,
    .inspect = plugin_inspect,
    .is_complete = plugin_is_complete,
    .kernel_info = plugin_kernel_info,
    .history = plugin_history,
    .comm_open = plugin_comm_open,
    .comm_message = plugin_comm_message,
    .comm_close = plugin_comm_close,
    .comm_info = plugin_comm_info,
    .input_reply = plugin_input_reply,
    .interrupt = plugin_interrupt,
    .shutdown = plugin_shutdown,
    .destroy = session_destroy,
};

__attribute__((visibility("default"))) const struct spk_plugin *spk_plugin_entry(uint32_t abi)
{
    return abi == SPK_ABI ? &plugin : NULL;
}
