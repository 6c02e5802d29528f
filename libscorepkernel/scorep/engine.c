/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine.c - measures with Score-P in the running process, more than once. Owns the measurement that runs,
 * and a snapshot of the libraries' variables from before the first event.
 *
 * How a process is measured again: Score-P keeps what it knows in variables of its libraries. They are copied
 * before the first event and put back just before the next measurement; so Score-P initialises itself anew.
 * (Not right after a measurement: threads of the cell may still run, and find a Score-P that is over, which
 * they can live with.) What lies outside of these variables is taken back by patches (engine_patches.c). How
 * the libraries come into the process is engine_load.c's business.
 */
#include "scorep/engine_state.h"

#include "base/utf8_cut.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As in scorep/SCOREP_User_Types.h */
#define USER_REGION_TYPE_FUNCTION 1u
#define MPI_THREAD_MULTIPLE 3 /* what mpi4py asks for; the number is every MPI's */

struct engine engine = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool engine_is_loaded(void)
{
    return engine.loaded;
}

void engine_tell_messages(void)
{
    (void)!write(STDERR_FILENO, engine.messages, engine.messages_len);
}

static void give_up(void)
{
    static const char variable[] = "scorep_in_measurement"; /* how many calls of MPI the thread is in */
    engine.given_up = true;
    sig_atomic_t *inside = dlsym(RTLD_DEFAULT, variable);
    if (inside)
        *inside = 0;
    /* Every later MPI call of the cell goes through Score-P, and would wait for its locks for ever; the other
     * ranks wait for this one. Whoever started the ranks ends them all, as soon as one has failed. */
    if (engine.ranks && !engine.setting_count) {
        engine_tell_messages();
        _exit(EXIT_FAILURE);
    }
    /* Deleting the keys removes their destructors, through which ending threads would enter a Score-P that
     * holds locks. */
    pthread_mutex_lock(&engine.lock);
    engine_delete_keys();
    pthread_mutex_unlock(&engine.lock);
}

/* Run a call into Score-P; false when Score-P wanted to end the process, now or earlier. setjmp costs some 5
 * ns. */
#define SURVIVED(call)                  \
    __extension__({                     \
        jmp_buf here;                   \
        volatile bool survived = false; \
        engine_way_out = &here;         \
        if (!engine.given_up) {         \
            if (_setjmp(here) == 0) {   \
                call;                   \
                survived = true;        \
            } else {                    \
                give_up();              \
            }                           \
        }                               \
        engine_way_out = NULL;          \
        survived;                       \
    })

/* Whether Score-P has begun to measure by itself: it was preloaded, and a function that it wraps was called.
 */
static bool has_begun_itself(void)
{
    bool begun = false;
    return engine.loaded && !engine.used && SURVIVED(begun = engine.calls.is_initialized()) && begun;
}

const char *engine_directory(void)
{
    const char *directory = NULL;
    return has_begun_itself() && SURVIVED(directory = engine.calls.get_directory()) ? directory : NULL;
}

/* Put the libraries' variables back to what they were before the first event. */
static void reset(void)
{
    if (!engine.used)
        return;
    engine_give_back();
    library_snapshot_restore(&engine.snapshot);
    engine.used = engine.given_up = false;
}

/* This process is one of several ranks. Initialise MPI here and not in the cell: before that Score-P has no
 * file to write to, and would end the process. */
static bool join_ranks(void)
{
    int initialized = 0, provided, result = 0;
    if (!engine.ranks || !engine.calls.mpi_initialized || !engine.calls.mpi_init_thread)
        return true;
    return SURVIVED({
               if (engine.calls.mpi_initialized(&initialized) == 0 && !initialized)
                   result = engine.calls.mpi_init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided);
           }) &&
           result == 0;
}

void engine_join_ranks(void)
{
    engine.ranks = true;
}

bool engine_is_rank(void)
{
    return engine.ranks;
}

int engine_begin(const struct engine_setting *settings, size_t count, struct fault *fault)
{
    if (!engine.loaded)
        return engine_fault(fault, EINVAL, "Score-P is not loaded");
    engine.messages_len = 0;
    engine.unwritten = false;
    if (has_begun_itself()) {
        engine.used = true;
        return 0;
    }
    reset();
    engine.used = true;
    engine.settings = settings;
    engine.setting_count = count;
    bool begun = SURVIVED(engine.calls.init_measurement()) && join_ranks();
    engine.setting_count = 0;
    return begun ? 0 : engine_fault(fault, ECANCELED, "Score-P's start");
}

void *engine_region(const char *name, const char *file, uint32_t line)
{
    void *handle = NULL;
    char group[256];
    const char *colon = strchr(name, ':');
    /* The module and class, as the bindings group them. */
    (void)snprintf(group, sizeof group, "%.*s",
                   colon ? (int)utf8_cut(name, (size_t)(colon - name), sizeof group - 1) : 0, name);
    bool made = SURVIVED({
        engine.calls.region_init(&handle, NULL, NULL, name, USER_REGION_TYPE_FUNCTION, file, line);
        if (group[0])
            engine.calls.region_set_group(handle, group);
    });
    return made ? handle : NULL;
}

bool engine_enter(void *region)
{
    return SURVIVED(engine.calls.region_enter(region));
}

bool engine_leave(void *region)
{
    return SURVIVED(engine.calls.region_end(region));
}

bool engine_rewind_begin(void *region)
{
    return SURVIVED(engine.calls.rewind_enter(region));
}

bool engine_rewind_end(void *region, bool rewound)
{
    return SURVIVED(engine.calls.rewind_end(region, rewound));
}

/* Score-P keeps a parameter's handle in the program's variable; a new one looks the name up. */
bool engine_parameter_signed(const char *name, int64_t value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_signed(&handle, name, value));
}

bool engine_parameter_unsigned(const char *name, uint64_t value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_unsigned(&handle, name, value));
}

bool engine_parameter_text(const char *name, const char *value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_text(&handle, name, value));
}

bool engine_record(bool on)
{
    return SURVIVED(on ? engine.calls.enable_recording() : engine.calls.disable_recording());
}

int engine_end(struct fault *fault)
{
    if (!SURVIVED(engine.calls.finalize_measurement()))
        return engine_fault(fault, ECANCELED, "Score-P gave up");
    return 0;
}

bool engine_has_given_up(void)
{
    return engine.given_up;
}

bool engine_is_unwritten(void)
{
    pthread_mutex_lock(&engine.lock);
    bool unwritten = engine.unwritten;
    pthread_mutex_unlock(&engine.lock);
    return unwritten;
}

void engine_flush(void)
{
    pthread_mutex_lock(&engine.lock);
    for (size_t i = 0; i < FILES_MAX; i++)
        if (engine.files[i])
            (void)fflush(engine.files[i]); /* what fails here fails again in Score-P, which says so */
    pthread_mutex_unlock(&engine.lock);
}

void engine_forget(void)
{
    if (engine.used)
        library_snapshot_restore(&engine.snapshot);
    engine.used = engine.given_up = false;
    /* Another thread of the parent's may have held the lock; here there is none. */
    engine.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    engine_delete_keys();
    /* The files are the parent's: closing them would take the lock of a stream, which a thread may have held.
     */
    memset(engine.files, 0, sizeof engine.files);
}

const char *engine_messages(size_t *len)
{
    *len = engine.messages_len;
    return engine.messages;
}
