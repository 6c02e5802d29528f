/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_sampling: see module_sampling.h. */
#include "tracer/module/module_sampling.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "tracer/module/arguments.h"
#include "tracer/python/recording.h"
#include "tracer/sampling/sampler.h"

const char module_sampling_begin_doc[] =
    "sampling_begin(package, plain, cell)\n--\n\n"
    "Make ready to sample what this thread and those that it starts execute; another sampling that was\n"
    "begun is forgotten. package: what the names of the kernel's own files begin with.\n"
    "plain: 256 bytes, by operation of Python's: not 0 where it is never native code for long.\n"
    "cell: the name of the file that the cell's code is compiled as, or None, where there are several.\n\n"
    "NotImplementedError: it cannot be done here; its text says why.";
const char module_sampling_start_doc[] =
    "sampling_start()\n--\n\n"
    "Sample from now on. What runs below the caller is not part of it. OSError: there is no thread for it.";
const char module_sampling_stop_doc[] =
    "sampling_stop()\n--\n\n"
    "Sample no more until the next start. Nothing happens if nothing is sampled.";
const char module_sampling_pause_doc[] =
    "sampling_pause()\n--\n\n"
    "To be called before a fork, as there is a thread while samples are taken.";
const char module_sampling_go_on_doc[] =
    "sampling_go_on()\n--\n\n"
    "To be called after a fork: go on, in the process that was forked. Nothing is sampled in the child. "
    "OSError: there is no thread for it.";
const char module_sampling_statement_doc[] =
    "sampling_statement()\n--\n\n"
    "Another statement of the cell begins: its code may lie where that of the one before lay.";
const char module_sampling_end_doc[] =
    "sampling_end(*, cell, own, library, through=())\n--\n\n"
    "What was sampled, as a dict; None if nothing was begun. The arguments tell whose code a file is, as\n"
    "those of begin() do.\n\n"
    "seconds: between starts and stops. samples: how many, of all threads. cost: seconds of processor\n"
    "time that the sampling took. full: the tree had no room for all calls. missed: threads for which there\n"
    "was no room. cut: samples of calls that were too deep to be seen as a whole. memory: bytes resident at "
    "first, at last, at most.\n"
    "functions: a list of (name, file, first line, whose code it is: enum kind of record/scope.h).\n"
    "nodes: a list of (parent, function, line, samples, bytes by which the process grew, ns of the node\n"
    "itself that it ran Python code, ran native code, ran one of both, the same and\n"
    "at one place for two samples, was ready without a processor,\n"
    "waited: for what is not known, in a sleep, for files and peers, for a lock, for a child, for the GIL). "
    "parent: the node\n"
    "that called it; -1: the node stands for a thread, and its line is the thread's place in threads.\n"
    "threads: a list of (native id, whether it runs the cell, ns of its begin and its end, time line,\n"
    "ns of a piece): the time line is a list of (ns of Python, native, waiting, for the GIL), by pieces.";

#define OPERATIONS 256

static struct sampler *sampler;
static struct series series = SERIES_EMPTY;

struct series *module_sampling_series(void)
{
    return &series;
}

/* --- begin -----------------------------------------------------------------------------------------------
 */

/* Where the interpreter keeps what it has once, its locks among it. */
static void find_runtime(struct sampler_options *options)
{
    Dl_info info;
    void *extra = NULL;
    void *runtime = dlsym(RTLD_DEFAULT, "_PyRuntime");
    if (!runtime || dladdr1(runtime, &info, &extra, RTLD_DL_SYMENT) == 0 || !extra)
        return;
    const ElfW(Sym) *symbol = extra;
    options->runtime = runtime;
    options->locks.begin = (uint64_t)(uintptr_t)runtime;
    options->locks.end = options->locks.begin + symbol->st_size;
}

static uint32_t running_version(void)
{
    unsigned major = 0, minor = 0;
    (void)sscanf(Py_GetVersion(), "%u.%u", &major, &minor); // NOLINT(cert-err34-c): 0 is no known version
    return (major & 0xFF) << 24 | (minor & 0xFF) << 16;
}

static void note_coroutine(void)
{
    if (sampler)
        sampler_note_coroutine(sampler);
}

static int begin(struct sampler_options *options)
{
    const char *problem;
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    PyCodeObject *code = frame ? PyFrame_GetCode(frame) : NULL;
    if (!code) {
        PyErr_SetString(PyExc_RuntimeError, "sampling_begin() is for Python code to call");
        return -1;
    }
    find_runtime(options);
    options->version = running_version();
    options->code_type = (uint64_t)(uintptr_t)Py_TYPE((PyObject *)code);
    options->frame_code = (uint64_t)(uintptr_t)code;
    options->frame_line = (uint32_t)PyFrame_GetLineNumber(frame);
    options->thread = (uint64_t)(uintptr_t)PyThreadState_Get();
    Py_DECREF(code);
    sampler = sampler_create(options, &problem);
    recording_on_coroutine = note_coroutine;
    if (sampler)
        return 0;
    PyErr_SetString(PyExc_NotImplementedError, problem);
    return -1;
}

PyObject *module_sampling_begin(PyObject *module, PyObject *arguments)
{
    PyObject *package;
    const char *plain, *cell;
    Py_ssize_t plain_len;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "Oy#z:sampling_begin", &package, &plain, &plain_len, &cell))
        return NULL;
    struct sampler_options options = {.package = arguments_text(package, "package", SCOPE_TEXT_MAX),
                                      .plain = (const uint8_t *)plain,
                                      .cell = cell,
                                      .events = &recording.recorder.events,
                                      .series = &series};
    if (options.package && plain_len != OPERATIONS) {
        PyErr_Format(PyExc_ValueError, "plain must have %d bytes", OPERATIONS);
        return NULL;
    }
    if (!options.package)
        return NULL;
    sampler_destroy(sampler);
    sampler = NULL;
    series_clear(&series);
    return begin(&options) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *none_or_error(int code)
{
    if (code == 0)
        Py_RETURN_NONE;
    errno = code;
    return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *module_sampling_start(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return none_or_error(sampler ? sampler_start(sampler) : 0);
}

PyObject *module_sampling_pause(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (sampler)
        sampler_pause(sampler);
    Py_RETURN_NONE;
}

PyObject *module_sampling_go_on(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return none_or_error(sampler ? sampler_go_on(sampler) : 0);
}

PyObject *module_sampling_stop(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (sampler)
        sampler_stop(sampler);
    Py_RETURN_NONE;
}

PyObject *module_sampling_statement(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    if (sampler)
        sampler_note_statement(sampler);
    Py_RETURN_NONE;
}

/* --- end -------------------------------------------------------------------------------------------------
 */

static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* The name that the code object itself has: kinds are told by it, and not by the classes around it. */
static const char *own_name(const char *qualified)
{
    const char *dot = strrchr(qualified, '.');
    return dot && qualified[0] != '<' ? dot + 1 : qualified;
}

static PyObject *make_function(const struct function *function, const struct scope *scope)
{
    PyObject *name = text_of(function->name), *file = text_of(function->file), *row = NULL;
    enum kind kind = scope_kind(scope, function->file, own_name(function->name));
    if (name && file)
        row = Py_BuildValue("OOIi", name, file, (unsigned)function->first_line, (int)kind);
    Py_XDECREF(name);
    Py_XDECREF(file);
    return row;
}

static PyObject *make_node(const struct sample_node *node)
{
    const uint64_t *ns = node->ns;
    return Py_BuildValue("lliILKKKKKKKKKKK", node->parent == SAMPLE_NODE_NONE ? -1L : (long)node->parent,
                         node->function == FUNCTION_NONE ? -1L : (long)node->function, (int)node->line,
                         (unsigned)node->samples, (long long)node->memory,
                         (unsigned long long)ns[DOING_PYTHON], (unsigned long long)ns[DOING_NATIVE],
                         (unsigned long long)ns[DOING_RAN], (unsigned long long)ns[DOING_STOOD],
                         (unsigned long long)ns[DOING_READY],
                         (unsigned long long)ns[DOING_WAITING + WAITING_UNKNOWN],
                         (unsigned long long)ns[DOING_WAITING + WAITING_SLEEP],
                         (unsigned long long)ns[DOING_WAITING + WAITING_FILE],
                         (unsigned long long)ns[DOING_WAITING + WAITING_LOCK],
                         (unsigned long long)ns[DOING_WAITING + WAITING_CHILD],
                         (unsigned long long)ns[DOING_WAITING + WAITING_GIL]);
}

static PyObject *make_timeline(const struct sampled_thread *thread)
{
    PyObject *list = PyList_New(TIMELINE_LEN);
    for (uint32_t i = 0; list && i < TIMELINE_LEN; i++) {
        const uint64_t *ns = thread->timeline[i];
        PyObject *row =
            Py_BuildValue("KKKKK", (unsigned long long)ns[TIMELINE_PYTHON],
                          (unsigned long long)ns[TIMELINE_NATIVE], (unsigned long long)ns[TIMELINE_WAITING],
                          (unsigned long long)ns[TIMELINE_GIL], (unsigned long long)ns[TIMELINE_EITHER]);
        if (!row || PyList_SetItem(list, (Py_ssize_t)i, row) != 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *make_thread(const struct sampled_thread *thread, uint64_t piece_ns)
{
    PyObject *timeline = make_timeline(thread);
    return timeline ? Py_BuildValue("iOKKNK", (int)thread->native_id, thread->is_master ? Py_True : Py_False,
                                    (unsigned long long)thread->begin_ns, (unsigned long long)thread->end_ns,
                                    timeline, (unsigned long long)piece_ns)
                    : NULL;
}

/* Appends what was made to a list, and gives the list; NULL with an exception if one of them is. */
static PyObject *append(PyObject *list, PyObject *made)
{
    if (list && (!made || PyList_Append(list, made) != 0))
        Py_CLEAR(list);
    Py_XDECREF(made);
    return list;
}

static PyObject *make_result(const struct sampling *found, const struct scope *scope)
{
    PyObject *functions = PyList_New(0), *nodes = PyList_New(0), *threads = PyList_New(0);
    for (uint32_t i = 0; functions && i < found->functions->count; i++)
        functions = append(functions, make_function(&found->functions->items[i], scope));
    for (uint32_t i = 0; nodes && i < found->tree->count; i++)
        nodes = append(nodes, make_node(&found->tree->nodes[i]));
    for (uint32_t i = 0; threads && i < found->thread_count; i++)
        threads = append(threads, make_thread(sampler_thread(sampler, i), found->piece_ns));
    PyObject *result = NULL;
    if (functions && nodes && threads)
        result = Py_BuildValue(
            "{s:d,s:K,s:d,s:O,s:I,s:K,s:(KKK),s:O,s:O,s:O}", "seconds", (double)found->sampled_ns / 1e9,
            "samples", (unsigned long long)found->samples, "cost", (double)found->cost_ns / 1e9, "full",
            found->tree->is_full ? Py_True : Py_False, "missed", found->threads_missed, "cut",
            (unsigned long long)found->stacks_cut, "memory", (unsigned long long)found->memory_first,
            (unsigned long long)found->memory_last, (unsigned long long)found->memory_peak, "functions",
            functions, "nodes", nodes, "threads", threads);
    Py_XDECREF(functions);
    Py_XDECREF(nodes);
    Py_XDECREF(threads);
    return result;
}

PyObject *module_sampling_end(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    /* Python wants them writable, and never writes. */
    static char texts[][8] = {"cell", "own", "library", "through"};
    static char *names[] = {texts[0], texts[1], texts[2], texts[3], NULL};
    struct arguments_code code = {NULL, NULL, NULL, NULL};
    struct scope scope;
    PyObject *result = NULL;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|$OO!O!O!:sampling_end", names, &code.cell,
                                     &PyTuple_Type, &code.own, &PyTuple_Type, &code.library, &PyTuple_Type,
                                     &code.through))
        return NULL;
    if (!code.cell || !code.own || !code.library) {
        PyErr_SetString(PyExc_TypeError, "sampling_end() needs cell, own and library");
        return NULL;
    }
    if (!sampler)
        Py_RETURN_NONE;
    sampler_stop(sampler);
    scope_init(&scope);
    if (arguments_scope(&scope, &code) == 0) {
        struct sampling found = sampler_result(sampler);
        result = make_result(&found, &scope);
    }
    scope_finish(&scope);
    sampler_destroy(sampler);
    sampler = NULL;
    return result;
}
