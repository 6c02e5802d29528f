/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine_patches.c - what Score-P calls instead of the C library, so that it can be used more than once,
 * cannot end the process, and does not mix its messages with the cell's. Owns what a measurement holds in the
 * C library.
 *
 * - pthread_key_create: keys are noted and deleted. Score-P leaks one for each measurement, and a process has
 *   1,024. With the key goes its destructor, so that a thread which ends in a later measurement does not end
 *   its location of an earlier one.
 * - fopen, fclose: files that stay open are closed.
 * - calloc, realloc, free: Score-P's own memory (SCOREP_TOTAL_MEMORY) is mapped, and given back even if it
 * gave up. On the C library's heap, each measurement but the first would have to clear all 16 MB of it.
 * - __cxa_atexit: Score-P finalises at exit, also in a forked child, over its parent's trace. We finalise.
 * - abort, exit, failed assertions: come back here, and the measurement has given up.
 * - fwrite, fclose: what cannot be written is said once, and then taken for written. OTF2 and CubeW go on
 * with memory that they have freed, once a write failed.
 * - stderr, printf, perror: a buffer.
 * - dl_iterate_phdr: sees the process's libraries only where that is of use.
 * - getenv: settings of ours, without a change of the process's environment.
 */
#include "scorep/engine_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_MIN_LEN ((size_t)1 << 20)

_Thread_local jmp_buf *engine_way_out;

static int create_key(pthread_key_t *key, void (*destructor)(void *))
{
    pthread_mutex_lock(&engine.lock);
    int result = engine.key_count < KEYS_MAX ? pthread_key_create(key, destructor) : EAGAIN;
    if (result == 0)
        engine.keys[engine.key_count++] = *key;
    pthread_mutex_unlock(&engine.lock);
    return result;
}

static int delete_key(pthread_key_t key)
{
    pthread_mutex_lock(&engine.lock);
    size_t at = 0;
    while (at < engine.key_count && engine.keys[at] != key)
        at++;
    if (at < engine.key_count)
        engine.keys[at] = engine.keys[--engine.key_count];
    pthread_mutex_unlock(&engine.lock);
    return pthread_key_delete(key);
}

static void note_file(FILE *old, FILE *new)
{
    pthread_mutex_lock(&engine.lock);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (engine.files[i] == old) {
            engine.files[i] = new;
            break;
        }
    }
    pthread_mutex_unlock(&engine.lock);
}

/* Close-on-exec: a program that the cell starts must not inherit the trace. */
static FILE *open_file(const char *path, const char *mode)
{
    char with_cloexec[16];
    (void)snprintf(with_cloexec, sizeof with_cloexec, "%.12se", mode);
    FILE *file = fopen64(path, with_cloexec); /* fopen is wrapped here, for our own OTF2 */
    if (file)
        note_file(NULL, file);
    return file;
}

static void note_unwritten(void)
{
    int code = errno;
    pthread_mutex_lock(&engine.lock);
    bool first = !engine.unwritten;
    engine.unwritten = true;
    pthread_mutex_unlock(&engine.lock);
    if (first) {
        char text[128];
        (void)fprintf(engine.messages_file, "The experiment could not be written: %s.\n",
                      strerror_r(code, text, sizeof text));
    }
}

static size_t write_file(const void *data, size_t size, size_t count, FILE *file)
{
    if (fwrite(data, size, count, file) < count)
        note_unwritten();
    return count;
}

static int close_file(FILE *file)
{
    note_file(file, NULL);
    if (fclose(file) != 0)
        note_unwritten();
    return 0;
}

/* The block at that address, or a free place for NULL. Under the lock. */
static struct block *find_block(const void *address)
{
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        if (engine.blocks[i].address == address)
            return &engine.blocks[i];
    return NULL;
}

static void *allocate_cleared(size_t count, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(count, size, &len) || len < BLOCK_MIN_LEN)
        return calloc(count, size);
    pthread_mutex_lock(&engine.lock);
    struct block *block = find_block(NULL);
    void *address =
        block ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (address != MAP_FAILED)
        *block = (struct block){address, len};
    pthread_mutex_unlock(&engine.lock);
    return address != MAP_FAILED ? address : calloc(count, size);
}

static void release(void *address)
{
    pthread_mutex_lock(&engine.lock);
    struct block *found = address ? find_block(address) : NULL;
    struct block block = found ? *found : (struct block){0};
    if (found)
        *found = (struct block){0};
    pthread_mutex_unlock(&engine.lock);
    if (block.address)
        (void)munmap(block.address, block.len); /* fails for bad arguments only */
    else
        free(address);
}

static void *resize(void *address, size_t size)
{
    pthread_mutex_lock(&engine.lock);
    const struct block *found = address ? find_block(address) : NULL;
    size_t len = found ? found->len : 0;
    pthread_mutex_unlock(&engine.lock);
    if (!len)
        return realloc(address, size);
    void *resized = malloc(size);
    if (resized) {
        memcpy(resized, address, len < size ? len : size);
        release(address);
    }
    return resized;
}

/* What Score-P says on standard output (SCOREP_VERBOSE) is not the cell's either. */
static int print_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int print_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = vfprintf(engine.messages_file, format, arguments);
    va_end(arguments);
    return result;
}

static int print_checked(int flag, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print_checked(int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag; /* the flag of the fortified printf, which vfprintf needs as well */
    va_start(arguments, format);
    int result = vfprintf(engine.messages_file, format, arguments);
    va_end(arguments);
    return result;
}

static int put_message(const char *text)
{
    return fprintf(engine.messages_file, "%s\n", text);
}

static void put_error(const char *text)
{
    int code = errno;
    char reason[128];
    (void)fprintf(engine.messages_file, "%s: %s\n", text, strerror_r(code, reason, sizeof reason));
}

static int register_exit(void (*function)(void *), void *argument, void *library)
{
    (void)function;
    (void)argument;
    (void)library;
    return 0;
}

/* Score-P cannot go on. What it holds (locks among it) stays as it is until the snapshot is restored. */
static void end_process(void)
{
    if (!engine_way_out) {
        /* In a thread of its own, or within a call of the cell's that Score-P wraps: nobody waits for the
         * text. */
        engine_tell_messages();
        abort();
    }
    longjmp(*engine_way_out, 1);
}

static void fail_assertion(const char *text, const char *file, unsigned line, const char *function)
{
    (void)fprintf(engine.messages_file, "%s:%u: %s: %s\n", file, line, function, text);
    end_process();
}

static void end_process_with(int status)
{
    (void)status;
    end_process();
}

static char *get_variable(const char *name)
{
    for (size_t i = 0; i < engine.setting_count; i++)
        if (strcmp(name, engine.settings[i].name) == 0)
            return (char *)(uintptr_t)engine.settings[i].value; /* which Score-P copies */
    return getenv(name); // NOLINT(concurrency-mt-unsafe): Score-P's own call
}

/* Score-P opens every library of the process at its start, some hundred in a notebook, to have lines for
 * addresses. Only unwinding and sampling record addresses. */
static int iterate_libraries(int (*visit)(struct dl_phdr_info *, size_t, void *), void *context)
{
    const char *unwinding = get_variable("SCOREP_ENABLE_UNWINDING");
    if (!unwinding || strcasecmp(unwinding, "false") == 0)
        return 0;
    return dl_iterate_phdr(visit, context);
}

static ssize_t keep_message(void *cookie, const char *text, size_t len)
{
    (void)cookie;
    size_t room = MESSAGES_LEN_MAX - engine.messages_len;
    size_t taken = len < room ? len : room;
    memcpy(engine.messages + engine.messages_len, text, taken);
    engine.messages_len += taken;
    return (ssize_t)len; /* further messages are dropped when the buffer is full */
}

int engine_open_messages(void)
{
    static const cookie_io_functions_t calls = {.write = keep_message};
    engine.messages_file = fopencookie(NULL, "w", calls);
    if (!engine.messages_file)
        return -errno;
    return setvbuf(engine.messages_file, NULL, _IONBF, 0) == 0 ? 0 : -ENOMEM;
}

const struct got_patch engine_patches[] = {
    {"pthread_key_create", (void *)(uintptr_t)create_key},
    {"pthread_key_delete", (void *)(uintptr_t)delete_key},
    {"fopen", (void *)(uintptr_t)open_file},
    {"fopen64", (void *)(uintptr_t)open_file},
    {"fclose", (void *)(uintptr_t)close_file},
    {"fwrite", (void *)(uintptr_t)write_file},
    {"perror", (void *)(uintptr_t)put_error},
    {"calloc", (void *)(uintptr_t)allocate_cleared},
    {"realloc", (void *)(uintptr_t)resize},
    {"free", (void *)(uintptr_t)release},
    {"printf", (void *)(uintptr_t)print_message},
    {"__printf_chk", (void *)(uintptr_t)print_checked},
    {"puts", (void *)(uintptr_t)put_message},
    {"__cxa_atexit", (void *)(uintptr_t)register_exit},
    {"atexit", (void *)(uintptr_t)register_exit},
    {"abort", (void *)(uintptr_t)end_process},
    {"exit", (void *)(uintptr_t)end_process_with},
    {"__assert_fail", (void *)(uintptr_t)fail_assertion},
    {"_exit", (void *)(uintptr_t)end_process_with},
    {"_Exit", (void *)(uintptr_t)end_process_with},
    {"getenv", (void *)(uintptr_t)get_variable},
    {"dl_iterate_phdr", (void *)(uintptr_t)iterate_libraries},
    {"stderr", &engine.messages_file},
};

const size_t engine_patch_count = sizeof engine_patches / sizeof *engine_patches;

void engine_delete_keys(void)
{
    while (engine.key_count)
        (void)pthread_key_delete(engine.keys[--engine.key_count]);
}

void engine_give_back(void)
{
    pthread_mutex_lock(&engine.lock);
    engine_delete_keys();
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (engine.files[i])
            (void)fclose(engine.files[i]);
        engine.files[i] = NULL;
    }
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        if (engine.blocks[i].address)
            (void)munmap(engine.blocks[i].address, engine.blocks[i].len);
        engine.blocks[i] = (struct block){0};
    }
    pthread_mutex_unlock(&engine.lock);
}
