/* SPDX-License-Identifier: BSD-3-Clause
 *
 * main.c - the command line of the scorepkernel program. What is done is done elsewhere.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/log.h"
#include "shim/host/host.h"
#include "shim/setup/doctor.h"
#include "shim/setup/install.h"

#define EXIT_USAGE 2

static const char help_text[] =
    "scorepkernel - a Jupyter kernel for performance engineers\n"
    "\n"
    "  scorepkernel install [--user | --sys-prefix | --prefix DIR] [--python PATH]\n"
    "                       [--name NAME] [--display-name TEXT]\n"
    "      Make the kernel known to Jupyter: for this user, for the environment of the\n"
    "      Python, below DIR, or, as root and by default, for all (/usr/local).\n"
    "      --python names the interpreter of the notebooks; without it, it is the\n"
    "      python3 on PATH when a kernel starts.\n"
    "\n"
    "  scorepkernel doctor [--python PATH] [--json]\n"
    "      Say whether cells can be measured with that Python, and what to do where not.\n"
    "      More: scorepkernel doctor --help\n"
    "\n"
    "  scorepkernel -f CONNECTION_FILE [--python PATH] [--plugin PATH]\n"
    "      Run as a kernel; Jupyter does this. --plugin names libscorepkernel.so.\n"
    "\n"
    "  scorepkernel --version | --help\n";

static int usage_error(const char *what, const char *which)
{
    log_print("%s%s. See scorepkernel --help.", what, which);
    return EXIT_USAGE;
}

/* getopt's own messages name the program's path and not the remedy; optopt is 0 for an unknown long option.
 */
static int bad_option(char **argv, int found)
{
    return usage_error(found == ':' ? "A value is missing for the option " : "Unknown option or value: ",
                       argv[optind - 1]);
}

static int main_install(int argc, char **argv)
{
    enum { USER = 256, SYS_PREFIX, PREFIX, PYTHON, NAME, DISPLAY_NAME };
    static const struct option table[] = {
        {"user", no_argument, NULL, USER},
        {"sys-prefix", no_argument, NULL, SYS_PREFIX},
        {"prefix", required_argument, NULL, PREFIX},
        {"python", required_argument, NULL, PYTHON},
        {"name", required_argument, NULL, NAME},
        {"display-name", required_argument, NULL, DISPLAY_NAME},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct install_options options = {.place = INSTALL_DEFAULT};
    int places = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
    for (int found; (found = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
        places += found == USER || found == SYS_PREFIX || found == PREFIX;
        switch (found) {
        case USER:
            options.place = INSTALL_USER;
            break;
        case SYS_PREFIX:
            options.place = INSTALL_SYS_PREFIX;
            break;
        case PREFIX:
            options.place = INSTALL_PREFIX;
            options.prefix = optarg;
            break;
        case PYTHON:
            options.python = optarg;
            break;
        case NAME:
            options.name = optarg;
            break;
        case DISPLAY_NAME:
            options.display_name = optarg;
            break;
        case 'h':
            fputs(help_text, stdout);
            return EXIT_SUCCESS;
        default:
            return bad_option(argv, found);
        }
    }
    if (optind < argc)
        return usage_error("Unexpected argument: ", argv[optind]);
    if (places > 1)
        return usage_error("Only one of --user, --sys-prefix and --prefix can be given", "");
    return install_run(&options);
}

static int main_doctor(int argc, char **argv)
{
    enum { PYTHON = 256, JSON };
    static const struct option table[] = {
        {"python", required_argument, NULL, PYTHON},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *python = NULL;
    int as_json = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
    for (int found; (found = getopt_long(argc, argv, ":h", table, NULL)) != -1;) {
        switch (found) {
        case PYTHON:
            python = optarg;
            break;
        case JSON:
            as_json = 1;
            break;
        case 'h':
            doctor_help();
            return EXIT_SUCCESS;
        default:
            return bad_option(argv, found);
        }
    }
    if (optind < argc)
        return usage_error("Unexpected argument: ", argv[optind]);
    return doctor_run(python, as_json);
}

static int main_kernel(int argc, char **argv)
{
    enum { PYTHON = 256, PLUGIN, VERSION };
    static const struct option table[] = {
        {"python", required_argument, NULL, PYTHON},
        {"plugin", required_argument, NULL, PLUGIN},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct host_options options = {.connection_file = NULL};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
    for (int found; (found = getopt_long(argc, argv, "+:f:h", table, NULL)) != -1;) {
        switch (found) {
        case 'f':
            options.connection_file = optarg;
            break;
        case PYTHON:
            options.python = optarg;
            break;
        case PLUGIN:
            options.plugin = optarg;
            break;
        case VERSION:
            puts("scorepkernel " SCOREPKERNEL_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(help_text, stdout);
            return EXIT_SUCCESS;
        default:
            return bad_option(argv, found);
        }
    }
    if (optind < argc)
        return usage_error("Unexpected argument: ", argv[optind]);
    if (!options.connection_file)
        return usage_error("There is nothing to do: none of -f CONNECTION_FILE, install and doctor was given",
                           "");
    return host_run(&options);
}

int main(int argc, char **argv)
{
    opterr = 0;
    if (argc > 1 && strcmp(argv[1], "install") == 0)
        return main_install(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "doctor") == 0)
        return main_doctor(argc - 1, argv + 1);
    return main_kernel(argc, argv);
}
