/* SPDX-License-Identifier: BSD-3-Clause
 *
 * thread_list: see thread_list.h. */
#include "tracer/sampling/thread_list.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/sampling/own_memory.h"

/* How far the thread's number is searched in what the C library keeps of a thread. */
#define PTHREAD_LEN 2048u
/* So many threads are walked past: the list may be a circle while it changes. */
#define WALK_MAX (16 * THREAD_LIST_MAX)

static uint64_t word_at(uint64_t address)
{
    uint64_t word = 0;
    (void)own_memory_read(&word, address, sizeof word); /* 0 where it cannot be read */
    return word;
}

/* Where the C library keeps the calling thread's number; 0: it was not found. */
static uint32_t find_in_pthread(uint64_t pthread)
{
    int32_t numbers[PTHREAD_LEN / sizeof(int32_t)];
    if (!own_memory_read(numbers, pthread, sizeof numbers))
        return 0;
    for (uint32_t i = 1; i < PTHREAD_LEN / sizeof(int32_t); i++)
        if (numbers[i] == gettid())
            return i * (uint32_t)sizeof(int32_t);
    return 0;
}

/* Whether a number can be that of a thread: it is the calling one's, or that of one before a fork. */
static bool is_thread(pid_t number)
{
    static const pid_t most = 1 << 22; /* of the kernel's: PID_MAX_LIMIT */
    return number == gettid() || (number > 0 && number <= most);
}

bool thread_list_init(struct thread_list *list, const struct frame_offsets *offsets, uint64_t state)
{
    *list = (struct thread_list){.offsets = *offsets, .own = {state, gettid()}};
    list->threads = calloc(THREAD_LIST_MAX, sizeof *list->threads);
    list->bystanders = calloc(THREAD_LIST_MAX, sizeof *list->bystanders);
    if (!list->threads || !list->bystanders)
        return false;
    if (offsets->thread.native_id)
        return is_thread((pid_t)word_at(state + offsets->thread.native_id));
    uint64_t pthread = word_at(state + offsets->thread.pthread);
    list->native_id_in_pthread = pthread == (uint64_t)pthread_self() ? find_in_pthread(pthread) : 0;
    return list->native_id_in_pthread != 0;
}

void thread_list_finish(struct thread_list *list)
{
    free(list->threads);
    free(list->bystanders);
    *list = (struct thread_list){0};
}

static pid_t native_id(const struct thread_list *list, uint64_t state)
{
    if (state == list->own.state)
        return list->own.native_id;
    if (list->offsets.thread.native_id)
        return (pid_t)word_at(state + list->offsets.thread.native_id);
    return (pid_t)(int32_t)word_at(word_at(state + list->offsets.thread.pthread) +
                                   list->native_id_in_pthread);
}

static bool is_bystander(const struct thread_list *list, const struct listed_thread *thread)
{
    for (uint32_t i = 0; i < list->bystander_count; i++)
        if (list->bystanders[i].state == thread->state && list->bystanders[i].native_id == thread->native_id)
            return true;
    return false;
}

/* The list has the newest first: of two with one number, the later is the one that has it. */
static void add(struct thread_list *list, struct listed_thread thread)
{
    if (thread.native_id <= 0 || thread.native_id == list->threads[0].native_id ||
        is_bystander(list, &thread))
        return; /* it has no thread yet, or no more, or is none of the cell's */
    for (uint32_t i = 1; i < list->count; i++) {
        if (list->threads[i].native_id == thread.native_id) {
            list->threads[i] = thread;
            return;
        }
    }
    if (list->count < THREAD_LIST_MAX)
        list->threads[list->count++] = thread;
    else
        list->left_out++;
}

void thread_list_read(struct thread_list *list, uint64_t state)
{
    uint64_t first = state;
    for (uint32_t i = 0; i < WALK_MAX; i++) {
        uint64_t before = word_at(first + list->offsets.thread.previous);
        if (!before)
            break;
        first = before;
    }
    list->threads[0] = (struct listed_thread){state, native_id(list, state)};
    list->count = 1;
    list->left_out = 0;
    for (uint32_t i = 0; first && i < WALK_MAX; i++) {
        if (first != state)
            add(list, (struct listed_thread){first, native_id(list, first)});
        first = word_at(first + list->offsets.thread.next);
    }
}

void thread_list_note_bystanders(struct thread_list *list, uint64_t state)
{
    list->bystander_count = 0;
    thread_list_read(list, state);
    for (uint32_t i = 0; i < list->count; i++)
        if (list->threads[i].state != state)
            list->bystanders[list->bystander_count++] = list->threads[i];
}
