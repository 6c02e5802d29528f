/* SPDX-License-Identifier: BSD-3-Clause
 *
 * got_patch_target.c - a library for the tests of got_patch.c and library_snapshot.c: calls and variables of the C
 * library, and
 * variables of its own of every kind. Not instrumented by a sanitizer, whose red zones would be copied, too.
 */
#include <stdio.h>
#include <stdlib.h>

/* A function's address in data: a third kind of reference. */
char *(*target_pointer)(const char *) = getenv;

int target_data = 1;
int target_bss;
_Thread_local int target_local = 3;
_Thread_local int target_local_bss;
char target_large[100000];

const char *target_getenv(const char *name);
const char *target_getenv_by_pointer(const char *name);
FILE *target_stderr(void);
int target_abs(int number);
int target_counted(void);
int *target_local_address(void);

const char *target_getenv(const char *name)
{
    return getenv(name);
}

const char *target_getenv_by_pointer(const char *name)
{
    return target_pointer(name);
}

FILE *target_stderr(void)
{
    return stderr;
}

int target_abs(int number)
{
    int (*volatile function)(int) = abs; /* by its address in the global offset table */
    return function(number);
}

int target_counted(void)
{
    static int count = 10;
    return ++count;
}

int *target_local_address(void)
{
    return &target_local;
}
