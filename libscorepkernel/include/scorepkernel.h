/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scorepkernel.h - the interface between libscorepkernel.so and its host.
 *
 * The library runs one notebook session: it keeps a Python session worker, runs cells in it, measures
 * those that ask for it, and tells the host what comes back. The host speaks to the user: a Jupyter client
 * (our own host, built on xeus), a terminal, a test. The host calls the plugin table; the library calls
 * the host table.
 *
 * Loading.   The library exports one symbol, spk_plugin_entry. dlopen() the library, look the symbol up,
 *            call it with SPK_ABI. Several sessions may live in one process; they share nothing.
 * Text.      Every text is UTF-8, given by pointer and length in bytes (struct spk_text), and need not end
 *            with a NUL. "JSON" means a text that holds one JSON value. Paths and other plain C strings end
 *            with a NUL. The names of JSON members are those of the Jupyter messaging protocol 5.3
 *            (https://jupyter-client.readthedocs.io/en/stable/messaging.html), so that a host may pass
 *            contents through without looking into them.
 * Ownership. What is passed to a call or a callback belongs to the caller and is valid until that call
 *            returns; keep a copy of what you need longer. The tables that the library returns are static.
 * Threads.   A session belongs to the thread that created it: every call on it is made there, and every
 *            callback comes there, from inside dispatch. Two calls are excepted and may be made from any
 *            thread, but not from a signal handler: interrupt and shutdown.
 * Re-entry.  Callbacks may call any member of the plugin table on their session, except dispatch and
 *            destroy (both answer -EBUSY then, and do nothing).
 * Blocking.  No call waits for the worker. A request is begun by one call; its outputs, and then exactly
 *            one reply, come by callback from dispatch, which the host calls when the session's descriptor
 *            is readable. Requests are answered in the order in which they were begun.
 * Flow.      A host whose client takes output more slowly than it comes need not dispatch for as long as it
 *            likes: what writes output then waits, within its process, and nothing is lost. Interrupt,
 *            shutdown and requests take effect in dispatch, and a cell's end is behind its output: let some
 *            dispatches through for them.
 * Errors.    A call returns 0 or a negative errno; outputs are written only on success; a caller-owned
 *            struct spk_error, always the last parameter and always optional, receives a text for the user
 *            that names the remedy.
 * Versions.  SPK_ABI changes when something existing changes its meaning. Members are only ever appended,
 *            and each table says its size: a member that lies behind the size that the other side gave does
 *            not exist there. Check with SPK_HAS.
 * Processes. What the session starts has default signal dispositions and an empty signal mask, whatever the
 *            host's are. It ends with the session, but for what the user detached on purpose (setsid, nohup).
 * Guests.    The library installs no signal handler, reaps no process but its own helper, changes no signal
 *            mask, directory, locale or environment, and prints nothing.
 */
#ifndef SCOREPKERNEL_H
#define SCOREPKERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of this interface. */
#define SPK_ABI 1u

/** The name of the one exported symbol, for dlsym(). */
#define SPK_PLUGIN_ENTRY "spk_plugin_entry"

/** Whether TABLE (a pointer to one of the tables below, which begin with their size) reaches as far as
 * MEMBER. */
#define SPK_HAS(table, member) \
    ((table)->size >=          \
     (uint32_t)((size_t)((const char *)&(table)->member - (const char *)(table)) + sizeof((table)->member)))

/** A run of bytes: UTF-8 text unless stated otherwise. data may be NULL when len is 0. */
struct spk_text {
    const char *data;
    size_t len;
};

/** What went wrong in a call, for the user. The caller owns it and sets size to sizeof(struct spk_error). */
struct spk_error {
    uint32_t size;
    int32_t code;    /**< the negative errno that the call returned */
    char text[1024]; /**< one or two sentences, ending in a NUL, that name the remedy */
};

/** The member of a request's metadata in which a host may hand on the request's header. */
#define SPK_METADATA_HEADER "scorepkernel_header"

/** One notebook session. */
struct spk_session;

/** The stream of spk_host.stream. */
#define SPK_STDOUT 1u
#define SPK_STDERR 2u

/** How a request ended, in spk_host.reply. */
#define SPK_REPLY_OK 0u
#define SPK_REPLY_ERROR                                                                                      \
    1u                       /**< the content's status is "error"; a host with stop_on_error drops its queue \
                              */
#define SPK_REPLY_ABORTED 2u /**< the request was not run; the content's status is "aborted" */

/** What became of the session worker, in spk_host.status. */
#define SPK_STATUS_STARTING 1u /**< a Python process is being started */
#define SPK_STATUS_READY 2u    /**< it speaks: cells can run */
#define SPK_STATUS_DIED                                                                                   \
    3u /**< it ended by itself and its variables are lost; a new one is started. text says what ended it, \
          and is empty when an error reply has said so already */
#define SPK_STATUS_FAILED                                                                         \
    4u                      /**< it could not be started; text names the remedy. Every request is \
                                 answered with that error, and the next one tries again */
#define SPK_STATUS_ENDED 5u /**< after shutdown: nothing of the session runs any more; destroy it */

/** How many requests of a session may wait for input at a time. Python code that asks beyond that is told so
 * by an exception, and the host never hears of it. */
#define SPK_MAX_QUESTIONS 8u

/** The severity of spk_host.log. */
#define SPK_LOG_DEBUG 0u
#define SPK_LOG_INFO 1u
#define SPK_LOG_WARNING 2u
#define SPK_LOG_ERROR 3u

/**
 * What the host offers. The host fills one in and gives it to create, which copies it.
 *
 * Every callback comes from dispatch, on the session's thread, with ctx as first argument. request is the
 * number under which the host began the request that caused the output (0: none that is known). Output may
 * come after its request's reply: a thread that a cell started goes on printing under that cell's number.
 * A NULL member means that the host does not want that output. None may let an exception or longjmp out.
 */
struct spk_host {
    uint32_t size; /**< sizeof(struct spk_host) */
    uint32_t abi;  /**< SPK_ABI */
    void *ctx;     /**< handed back in every callback */

    /** Text written to standard output or error (SPK_STDOUT, SPK_STDERR); whole characters, at most 1 MiB
     *  a call. Runs of output come together: at once, then every few hundredths of a second. */
    void (*stream)(void *ctx, uint64_t request, uint32_t stream, struct spk_text text);

    /** content: JSON, the content of a display_data message: data, metadata, transient. */
    void (*display_data)(void *ctx, uint64_t request, struct spk_text content);

    /** content: JSON, the content of an update_display_data message. */
    void (*update_display_data)(void *ctx, uint64_t request, struct spk_text content);

    /** Remove the request's output so far; wait != 0: only when the next output comes. */
    void (*clear_output)(void *ctx, uint64_t request, uint32_t wait);

    /** content: JSON, the content of an execute_result message: execution_count, data, metadata. */
    void (*execute_result)(void *ctx, uint64_t request, struct spk_text content);

    /** content: JSON, the content of an error message: ename, evalue, traceback. The reply follows. */
    void (*error)(void *ctx, uint64_t request, struct spk_text content);

    /** Python code waits for a line from the user: the running cell, or a thread that a cell started, which
     * may have had its reply. A request has one question at a time: a new one takes an older one's place. At
     * most SPK_MAX_QUESTIONS are open, of as many requests. Answer with input_reply, in any order. A question
     * that waits no more, since the cell was interrupted or the worker has ended, for example, is told by
     *  input_withdrawn. password != 0: do not echo it. */
    void (*input_request)(void *ctx, uint64_t request, struct spk_text prompt, uint32_t password);

    /** Comm messages from Python. content and metadata: JSON; buffers: count runs of raw bytes. */
    void (*comm_open)(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                      const struct spk_text *buffers, size_t count);
    void (*comm_message)(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                         const struct spk_text *buffers, size_t count);
    void (*comm_close)(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                       const struct spk_text *buffers, size_t count);

    /** The request has ended: exactly one reply to each request. how: SPK_REPLY_*. content: JSON, the content
     *  of the reply message of the request's kind; when it failed, of whatever kind, status "error" with
     * ename, evalue and traceback. That of a cell has its execution_count. */
    void (*reply)(void *ctx, uint64_t request, uint32_t how, struct spk_text content);

    /** The worker's state changed. status: SPK_STATUS_*. text: for the user; may be empty. */
    void (*status)(void *ctx, uint32_t status, struct spk_text text);

    /** For the host's log. level: SPK_LOG_*. */
    void (*log)(void *ctx, uint32_t level, struct spk_text text);

    /** The request's question has no answer and waits for none any more. */
    void (*input_withdrawn)(void *ctx, uint64_t request);
};

/** How a session is to be. Zero it, set size, then what is wanted; create copies all of it. */
struct spk_options {
    uint32_t size; /**< sizeof(struct spk_options) */
    uint32_t reserved;

    /** The interpreter of the session: a path, or a name that is looked up on PATH. NULL: "python3". */
    const char *python;

    /** The directory that the session starts in, and beside which experiment directories are made unless
     *  the user says otherwise: the notebook's. NULL: the process's current one. */
    const char *directory;

    /** The notebook's path or name, for the record kept with each experiment. NULL: not known. */
    const char *notebook;

    /** NAME=VALUE strings and a closing NULL: the worker's environment. NULL: a copy of the process's. */
    const char *const *environment;
};

/** What the library offers. */
struct spk_plugin {
    uint32_t size;       /**< sizeof(struct spk_plugin) in the library's build */
    uint32_t abi;        /**< SPK_ABI in the library's build */
    const char *version; /**< the library's version, such as "0.1.0" */

    /** Start a session; its worker starts at once, in the background. *session is the caller's, to be given
     *  to destroy. options may be NULL. -EINVAL: a table of another ABI, or a host without reply. */
    int (*create)(const struct spk_host *host, const struct spk_options *options,
                  struct spk_session **session, struct spk_error *error);

    /** The session's descriptor: poll it for reading. It stays the session's own, and is valid until
     *  destroy. */
    int (*descriptor)(const struct spk_session *session);

    /** Do what can be done without waiting, and make the callbacks. Returns after a bounded amount of work;
     *  the descriptor stays readable while there is more. -EBUSY: called from a callback. */
    int (*dispatch)(struct spk_session *session, struct spk_error *error);

    /* Requests. request: the host's number for it, not 0, not in use by a request without a reply.
     * content: JSON, the content of the Jupyter request of that name. Those may be begun while others are
     * running and are answered in order. -EINVAL: content is larger than 64 MiB, or request is 0;
     * -ESHUTDOWN: after shutdown; -ENOMEM. On failure there will be no reply. */

    /** execution_count: the number that the cell is to have, counted by the host (it goes up by one with
     *  each cell that is kept in history). metadata: JSON object, the request's metadata; may be empty. A
     * host may put the request's header into it, as the member SPK_METADATA_HEADER: get_parent() gives it to
     *  Python code that asks which message it runs for. So it is for the metadata of comm messages. */
    int (*execute)(struct spk_session *session, uint64_t request, struct spk_text content,
                   struct spk_text metadata, uint64_t execution_count, struct spk_error *error);
    int (*complete)(struct spk_session *session, uint64_t request, struct spk_text content,
                    struct spk_error *error);
    int (*inspect)(struct spk_session *session, uint64_t request, struct spk_text content,
                   struct spk_error *error);
    int (*is_complete)(struct spk_session *session, uint64_t request, struct spk_text content,
                       struct spk_error *error);

    /** The reply has the members of kernel_info_reply less protocol_version, which is the host's to say. It
     *  is answered as soon as the interpreter's version is known, before it can run cells; and also when
     * there is no usable interpreter, so that the client goes on and sees the error of its first cell. */
    int (*kernel_info)(struct spk_session *session, uint64_t request, struct spk_error *error);
    int (*history)(struct spk_session *session, uint64_t request, struct spk_text content,
                   struct spk_error *error);

    /** Comm messages from the client. buffers: count runs of raw bytes, at most 1024 of them
     *  and 64 MiB in all (-EINVAL). They have a
     *  request number, for the output that they cause, and an empty reply ({"status": "ok"}), so that the
     *  host knows when it is done. */
    int (*comm_open)(struct spk_session *session, uint64_t request, struct spk_text content,
                     struct spk_text metadata, const struct spk_text *buffers, size_t count,
                     struct spk_error *error);
    int (*comm_message)(struct spk_session *session, uint64_t request, struct spk_text content,
                        struct spk_text metadata, const struct spk_text *buffers, size_t count,
                        struct spk_error *error);
    int (*comm_close)(struct spk_session *session, uint64_t request, struct spk_text content,
                      struct spk_text metadata, const struct spk_text *buffers, size_t count,
                      struct spk_error *error);

    /** The comms that are open; the reply is the content of a comm_info_reply. */
    int (*comm_info)(struct spk_session *session, uint64_t request, struct spk_text content,
                     struct spk_error *error);

    /** The user's answer to input_request. value: plain text, without the newline. request: that of the
     *  input_request. -ENOENT: that request does not wait for input (any more). */
    int (*input_reply)(struct spk_session *session, uint64_t request, struct spk_text value,
                       struct spk_error *error);

    /** Any thread. Interrupt the running cell, as Ctrl-C would: KeyboardInterrupt in Python, SIGINT for the
     *  processes that it started. Without effect when no cell runs. */
    int (*interrupt)(struct spk_session *session);

    /** Any thread. End the session: the running cell is interrupted, the worker ends as a Python program
     *  does (atexit), and what has not ended after grace_ms milliseconds is killed. Requests that were not
     *  run are answered SPK_REPLY_ABORTED; SPK_STATUS_ENDED comes last. */
    int (*shutdown)(struct spk_session *session, uint32_t grace_ms);

    /** End at once whatever still runs, and release everything; there are no more callbacks. NULL is
     *  allowed. Waits until the helper process has ended: some milliseconds, and 3 s should that one hang.
     *  After a shutdown that has not reached SPK_STATUS_ENDED, the rest of its grace time is still granted,
     *  in the background. -EBUSY: called from a callback. */
    int (*destroy)(struct spk_session *session);
};

/** The library's only symbol. The table that it offers to a host that speaks abi, or NULL. */
#if defined(_WIN32)
#error "libscorepkernel is for Linux"
#endif
const struct spk_plugin *spk_plugin_entry(uint32_t abi);
typedef const struct spk_plugin *spk_plugin_entry_fn(uint32_t abi);

#ifdef __cplusplus
}
#endif

#endif
