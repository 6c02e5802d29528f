/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threads: see threads.h. */
#include "tracer/python/threads.h"

#include <stdlib.h>

#define CAPSULE_NAME "scorepkernel.thread"
#define BYSTANDERS_MAX 65536

_Thread_local struct threads_self threads_own;

static struct {
    struct thread *members;
    struct thread *idle;
    struct recorder *recorder; /* of the measurement that the members are in */
    uint64_t last_serial;
    unsigned long *bystanders;
    size_t bystander_count;
    bool cut_off;
} all;

static void release(struct thread *thread)
{
    recorder_retire(all.recorder, thread);
    thread->serial = ++all.last_serial;
    thread->next = all.idle;
    all.idle = thread;
}

static void unlink_member(struct thread *thread)
{
    struct thread **link = &all.members;
    while (*link && *link != thread)
        link = &(*link)->next;
    if (*link)
        *link = thread->next;
}

/* Runs when the Python thread state is cleared: in the ending thread itself, or in whichever thread tidies
 * up after it. The serial number tells whether the measurement that the thread was in still runs. */
static void thread_ended(PyObject *capsule)
{
    struct thread *thread = PyCapsule_GetPointer(capsule, CAPSULE_NAME);
    uint64_t serial = (uint64_t)(uintptr_t)PyCapsule_GetContext(capsule);
    if (!thread || thread->serial != serial || all.cut_off)
        return;
    if (threads_find() == thread)
        threads_own.gone = 1 + PyThreadState_GetID(PyThreadState_Get());
    unlink_member(thread);
    release(thread);
}

/* The thread state's dictionary is cleared with the thread: the only notice of its end that Python gives. */
static int watch_end(struct thread *thread)
{
    PyObject *dictionary = PyThreadState_GetDict(); /* borrowed */
    PyObject *capsule = dictionary ? PyCapsule_New(thread, CAPSULE_NAME, NULL) : NULL;
    if (!capsule)
        return -1;
    int result = PyCapsule_SetContext(capsule, (void *)(uintptr_t)thread->serial);
    if (result == 0)
        result = PyCapsule_SetDestructor(capsule, thread_ended);
    if (result == 0)
        result = PyDict_SetItemString(dictionary, CAPSULE_NAME, capsule);
    Py_DECREF(capsule);
    return result;
}

static struct thread *create(void)
{
    struct thread *thread = all.idle;
    if (thread)
        all.idle = thread->next;
    else
        thread = malloc(sizeof *thread);
    if (thread)
        *thread = (struct thread){.serial = ++all.last_serial, .ident = PyThread_get_thread_ident()};
    return thread;
}

struct thread *threads_adopt(struct recorder *recorder, bool is_master)
{
    if (threads_own.gone == 1 + PyThreadState_GetID(PyThreadState_Get()))
        return NULL;
    struct thread *thread = create();
    if (!thread)
        return NULL;
    all.recorder = recorder;
    thread->is_master = is_master;
    thread->door = is_master ? DOOR_LOCKED : DOOR_OPEN;
    thread->next = all.members;
    all.members = thread;
    uint64_t serial = thread->serial;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int watched = watch_end(thread);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    /* Making the dictionary may have run finalisers, and they let other threads run: to the measurement's
     * end, perhaps. */
    if (thread->serial != serial)
        return NULL;
    if (watched != 0) {
        unlink_member(thread);
        release(thread);
        return NULL;
    }
    threads_own.thread = thread;
    threads_own.serial = serial;
    return thread;
}

struct thread *threads_master(void)
{
    struct thread *thread = all.members;
    while (thread && !thread->is_master)
        thread = thread->next;
    return thread;
}

uint64_t threads_begin_at(uint64_t now_ns)
{
    uint64_t open = 0;
    for (struct thread *thread = all.members; thread; thread = thread->next) {
        for (uint32_t i = 0; i < thread->depth; i++)
            thread->frames[i].entered_ns = now_ns;
        open += thread->open;
    }
    return open;
}

static bool is_member(unsigned long ident)
{
    for (const struct thread *thread = all.members; thread; thread = thread->next)
        if (thread->ident == ident)
            return true;
    return false;
}

int threads_note_bystanders(void)
{
    PyObject *list_frames = PySys_GetObject("_current_frames"); /* borrowed; by thread number */
    PyObject *frames = list_frames ? PyObject_CallNoArgs(list_frames) : NULL;
    if (!frames)
        return -1;
    Py_ssize_t count = PyDict_Size(frames);
    unsigned long *idents = NULL;
    if (count > 0 && count <= BYSTANDERS_MAX)
        idents = malloc((size_t)count * sizeof *idents);
    if (!idents) {
        Py_DECREF(frames);
        PyErr_NoMemory();
        return -1;
    }
    size_t kept = 0;
    Py_ssize_t position = 0;
    PyObject *key;
    PyObject *frame;
    while (PyDict_Next(frames, &position, &key, &frame)) {
        unsigned long ident = PyLong_AsUnsignedLong(key);
        if (!is_member(ident))
            idents[kept++] = ident;
    }
    Py_DECREF(frames);
    free(all.bystanders);
    all.bystanders = idents;
    all.bystander_count = kept;
    return 0;
}

bool threads_is_bystander(void)
{
    unsigned long own = PyThread_get_thread_ident();
    for (size_t i = 0; i < all.bystander_count; i++) {
        if (all.bystanders[i] == own) {
            all.bystanders[i] = all.bystanders[--all.bystander_count];
            return true;
        }
    }
    return false;
}

static void forget_bystanders(void)
{
    free(all.bystanders);
    all.bystanders = NULL;
    all.bystander_count = 0;
}

void threads_release_all(struct recorder *recorder)
{
    all.recorder = recorder;
    while (all.members) {
        struct thread *thread = all.members;
        all.members = thread->next;
        release(thread);
    }
    forget_bystanders();
}

void threads_cut_off(void)
{
    all.cut_off = true;
    threads_own.thread = NULL;
}

void threads_abandon(void)
{
    for (struct thread *thread = all.members; thread; thread = thread->next)
        thread->serial = ++all.last_serial;
    /* These threads do not exist here. What they were doing when the process was forked nobody knows, so
     * that their memory is left alone. */
    all.members = NULL;
    forget_bystanders();
    all.cut_off = false;
}
