/* SPDX-License-Identifier: BSD-3-Clause
 *
 * doctor.c - finds the Python and the worker's package, and hands over to them. What is looked at, and what
 * is said of it, is the package's (worker/doctor/).
 */
#include "shim/setup/doctor.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"
#include "shim/setup/probe_python.h"

/* As the worker is started: the package is imported by path, and leaves nothing behind on sys.path. Files in
 * the working directory may have names of modules that are needed. */
static const char bootstrap[] = "import sys\n"
                                "sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]\n"
                                "from spk_worker.doctor import command\n"
                                "del sys.path[0]\n"
                                "sys.exit(command.main())\n";

static const char help_text[] =
    "NAME\n"
    "  scorepkernel doctor - say whether cells can be measured, and what to do where not\n"
    "\n"
    "SYNOPSIS\n"
    "  scorepkernel doctor [--python PATH] [--json]\n"
    "\n"
    "DESCRIPTION\n"
    "  Looks at the Python that a kernel would run, at Score-P, its Python bindings and\n"
    "  its MPI, at memory, directories and SCOREP_ variables, and at the programs that\n"
    "  read what is measured. Each line has a verdict: ok, WARNING, ERROR, or - for what\n"
    "  is not there and not needed; below it stands what to do. Changes nothing.\n"
    "  Run it where Jupyter would be started, with the same modules loaded. In a\n"
    "  notebook, %scorep_doctor says the same of the session.\n"
    "\n"
    "OPTIONS\n"
    "  --python PATH  the interpreter of the notebooks; without it, python3 on PATH\n"
    "  --json         the same for programs: {\"ok\": ..., \"checks\": [{\"what\", \"verdict\",\n"
    "                 \"detail\", \"remedy\"}, ...]}, a verdict being ok, warning, error or\n"
    "                 none\n"
    "\n"
    "EXIT STATUS\n"
    "  0  nothing is an error\n"
    "  1  something is, or that Python cannot be run\n"
    "  2  the command line is not understood\n";

void doctor_help(void)
{
    fputs(help_text, stdout);
}

int doctor_run(const char *python, int as_json)
{
    struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
    struct probe probe;
    char package[ENVIRONMENT_PATH_MAX];
    char module[ENVIRONMENT_PATH_MAX];
    int code = probe_python(python ? python : "python3", &probe, &error);
    /* A Python without IPython can say so itself. */
    if ((code && code != -ENOPKG) || environment_beside("../lib/scorepkernel/worker", package, &error) ||
        environment_beside("../lib/scorepkernel/worker/spk_worker/doctor/command.py", module, &error))
        goto fail;
    if (access(module, R_OK) < 0) {
        log_set(&error, -errno, "%s cannot be read: %s. Reinstall libscorepkernel.", module,
                log_reason(-errno));
        goto fail;
    }
    /* execv's type is older than const: it writes to none of them. */
    char *argv[] = {probe.path,
                    (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t)bootstrap,
                    package,
                    as_json ? (char *)(uintptr_t) "--json" : NULL,
                    NULL};
    (void)execv(probe.path, argv);
    log_set(&error, -errno, "%s cannot be run: %s. Name another interpreter with --python PATH.", probe.path,
            log_reason(-errno));
fail:
    log_print("%s", error.text);
    return EXIT_FAILURE;
}
