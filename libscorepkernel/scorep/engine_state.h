/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine_state.h - what engine.c, engine_load.c and engine_patches.c share, and nobody else.
 */
#ifndef SCOREP_ENGINE_STATE_H
#define SCOREP_ENGINE_STATE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>

#include "scorep/engine.h"
#include "scorep/got_patch.h"
#include "scorep/library_snapshot.h"

#define MESSAGES_LEN_MAX ((size_t)64 << 10)
#define KEYS_MAX 1024 /* PTHREAD_KEYS_MAX of the C library */
#define FILES_MAX 64
#define BLOCKS_MAX 8

/* Score-P's public interface for instrumented programs (scorep/SCOREP_User_Functions.h), and the two
 * functions that its Python bindings use beside it. */
struct calls {
    void (*init_measurement)(void);
    void (*finalize_measurement)(void);
    bool (*is_initialized)(void);
    const char *(*get_directory)(void);
    void (*region_init)(void **handle, const char **last_file, uint32_t *last_handle, const char *name,
                        uint32_t type, const char *file, uint32_t line);
    void (*region_set_group)(void *handle, const char *group);
    void (*region_enter)(void *handle);
    void (*region_end)(void *handle);
    void (*rewind_enter)(void *handle);
    void (*rewind_end)(void *handle, bool rewound);
    void (*parameter_signed)(uint64_t *handle, const char *name, int64_t value);
    void (*parameter_unsigned)(uint64_t *handle, const char *name, uint64_t value);
    void (*parameter_text)(uint64_t *handle, const char *name, const char *value);
    void (*enable_recording)(void);
    void (*disable_recording)(void);
    int (*mpi_initialized)(int *flag); /* NULL: the process has no MPI */
    int (*mpi_init_thread)(int *argc, char ***argv, int required, int *provided);
};

extern struct engine {
    struct calls calls;
    bool loaded;
    bool used;      /* a measurement has begun since the snapshot was last restored */
    bool given_up;  /* the measurement cannot go on */
    bool ranks;     /* this process is one of several that are measured as one */
    bool unwritten; /* something of its experiment is missing: the disk is full, for one */
    struct library_snapshot snapshot;
    const struct engine_setting *settings; /* of the measurement that is beginning */
    size_t setting_count;
    FILE *messages_file;
    char messages[MESSAGES_LEN_MAX];
    size_t messages_len;
    pthread_key_t keys[KEYS_MAX];
    size_t key_count;
    FILE *files[FILES_MAX];
    struct block {
        void *address; /* NULL: free place */
        size_t len;
    } blocks[BLOCKS_MAX];
    pthread_mutex_t lock; /* of keys, files, blocks and unwritten: Score-P's threads make some, too */
} engine;

/* Where a thread goes when Score-P wants to end the process; NULL outside of our calls. */
extern _Thread_local jmp_buf *engine_way_out;

/* What Score-P's libraries get in place of functions and variables of the C library. */
extern const struct got_patch engine_patches[];
extern const size_t engine_patch_count;

/* Make the stream that stands for standard error. 0, or -errno. */
int engine_open_messages(void);

/* Give back what the measurement left in the C library: keys, files, memory. */
void engine_give_back(void);

/* The keys alone; without a lock in a forked child, where no other thread is. */
void engine_delete_keys(void);

/* Write what Score-P said to standard error: the process ends before anybody could ask for it. */
void engine_tell_messages(void);

static inline int engine_fault(struct fault *fault, int code, const char *detail)
{
    fault_note(fault, code, detail);
    return -1;
}

#endif
