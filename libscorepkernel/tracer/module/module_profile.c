/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_profile: see module_profile.h. The file is mapped here, and understood by cubex.c. */
#include "tracer/module/module_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/cubex.h"

const char module_read_profile_doc[] =
    "read_profile(path)\n--\n\n"
    "What a profile of Score-P's (profile.cubex) says: a list of (name, file, line, visits, inclusive_ns,\n"
    "exclusive_ns), most exclusive time first, and the number of locations. Score-P's own regions, such as\n"
    "that of the whole program, are left out.\n\n"
    "OSError: the file cannot be read. ValueError: it is malformed, or of a form that is not read here.";

const char module_read_call_paths_doc[] =
    "read_call_paths(path)\n--\n\n"
    "What the same profile says of calls: (functions, nodes, locations). functions: a list of (name, file,\n"
    "line). nodes: a list of (parent, function, visits, inclusive_ns, exclusive_ns), where parent is the\n"
    "number of an earlier node, or -1. locations: their number. All locations are added up.\n\n"
    "OSError and ValueError as for read_profile.";

static int read_file(const char *path, struct cubex_profile *profile)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fstat(fd, &status) == 0 ? 0 : -errno;
    if (result == 0 && (!S_ISREG(status.st_mode) || status.st_size <= 0))
        result = -EPROTO;
    if (result == 0 && (uint64_t)status.st_size > CUBEX_MAX_LEN)
        result = -E2BIG;
    void *bytes = MAP_FAILED;
    if (result == 0 &&
        (bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        result = -errno;
    close(fd);
    if (bytes == MAP_FAILED)
        return result;
    result = cubex_read(bytes, (size_t)status.st_size, profile);
    (void)munmap(bytes, (size_t)status.st_size); /* fails for bad arguments only */
    return result;
}

static int by_exclusive_time(const void *left, const void *right)
{
    const struct cubex_region *a = left;
    const struct cubex_region *b = right;
    if (a->exclusive_s != b->exclusive_s)
        return a->exclusive_s < b->exclusive_s ? 1 : -1;
    return 0;
}

static PyObject *make_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* By rounding, a time may be a little less than nothing. */
static unsigned long long nanoseconds(double seconds)
{
    return seconds > 0 && seconds < 1e9 ? (unsigned long long)llround(seconds * 1e9) : 0;
}

static PyObject *make_row(const struct cubex_region *region)
{
    PyObject *name = make_text(region->name);
    PyObject *file = name ? make_text(region->file) : NULL;
    PyObject *row = NULL;
    if (file)
        row = Py_BuildValue("OOLKKK", name, file, (long long)region->line, (unsigned long long)region->visits,
                            nanoseconds(region->inclusive_s), nanoseconds(region->exclusive_s));
    Py_XDECREF(name);
    Py_XDECREF(file);
    return row;
}

static PyObject *make_rows(const struct cubex_profile *profile)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < profile->region_count; i++) {
        const struct cubex_region *region = &profile->regions[i];
        if (strcmp(region->role, "artificial") == 0)
            continue;
        PyObject *row = make_row(region);
        if (!row || PyList_Append(list, row) != 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

/* false: there is an exception. The caller ends the profile. */
static bool read_named(PyObject *path, struct cubex_profile *profile)
{
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes))
        return false;
    int result = read_file(PyBytes_AsString(bytes), profile);
    Py_DECREF(bytes);
    if (result == -EPROTO || result == -ENOTSUP || result == -E2BIG) {
        PyErr_Format(PyExc_ValueError, "the profile is %s",
                     result == -EPROTO    ? "incomplete or malformed"
                     : result == -ENOTSUP ? "of a form that is not read here"
                                          : "too large");
    } else if (result != 0) {
        errno = -result;
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    return result == 0;
}

PyObject *module_read_profile(PyObject *module, PyObject *path)
{
    struct cubex_profile profile = {0};
    (void)module;
    if (!read_named(path, &profile))
        return NULL;
    qsort(profile.regions, profile.region_count, sizeof *profile.regions, by_exclusive_time);
    PyObject *rows = make_rows(&profile);
    PyObject *found = rows ? Py_BuildValue("On", rows, (Py_ssize_t)profile.location_count) : NULL;
    Py_XDECREF(rows);
    cubex_finish(&profile);
    return found;
}

/* --- call paths ------------------------------------------------------------------------------------------
 */

static PyObject *make_function(const struct cubex_region *region)
{
    PyObject *name = make_text(region->name);
    PyObject *file = name ? make_text(region->file) : NULL;
    PyObject *row = file ? Py_BuildValue("OOL", name, file, (long long)region->line) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(file);
    return row;
}

static PyObject *make_node(const struct cubex_path *path)
{
    return Py_BuildValue("lIKKK", path->parent == CUBEX_NO_PARENT ? -1L : (long)path->parent,
                         (unsigned)path->region, (unsigned long long)path->visits,
                         nanoseconds(path->inclusive_s), nanoseconds(path->exclusive_s));
}

/* Takes made over. NULL: list is NULL, or there is an exception, and list is gone. */
static PyObject *append(PyObject *list, PyObject *made)
{
    if (list && (!made || PyList_Append(list, made) != 0))
        Py_CLEAR(list);
    Py_XDECREF(made);
    return list;
}

PyObject *module_read_call_paths(PyObject *module, PyObject *path)
{
    struct cubex_profile profile = {0};
    (void)module;
    if (!read_named(path, &profile))
        return NULL;
    PyObject *functions = PyList_New(0), *nodes = PyList_New(0);
    for (size_t i = 0; functions && i < profile.region_count; i++)
        functions = append(functions, make_function(&profile.regions[i]));
    for (size_t i = 0; nodes && i < profile.path_count; i++)
        nodes = append(nodes, make_node(&profile.paths[i]));
    PyObject *found = functions && nodes
                          ? Py_BuildValue("OOn", functions, nodes, (Py_ssize_t)profile.location_count)
                          : NULL;
    Py_XDECREF(functions);
    Py_XDECREF(nodes);
    cubex_finish(&profile);
    return found;
}
