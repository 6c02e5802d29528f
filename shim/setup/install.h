/* SPDX-License-Identifier: BSD-3-Clause
 *
 * install.h - makes the kernel known to Jupyter.
 */
#ifndef SHIM_SETUP_INSTALL_H
#define SHIM_SETUP_INSTALL_H

enum install_place {
    INSTALL_DEFAULT,    /* as INSTALL_SYSTEM for root, else as INSTALL_USER */
    INSTALL_USER,       /* Jupyter's data directory of this user */
    INSTALL_SYS_PREFIX, /* where the Python lies: an environment, with its own Jupyter */
    INSTALL_PREFIX,     /* below a directory */
    INSTALL_SYSTEM,     /* /usr/local */
};

struct install_options {
    enum install_place place;
    const char *prefix;       /* for INSTALL_PREFIX */
    const char *python;       /* NULL: python3, which the kernel then looks up anew at each start */
    const char *name;         /* NULL: "scorep-python" */
    const char *display_name; /* NULL: "Python (Score-P)" */
};

/** Check the Python, write the kernelspec, say where it is. The exit status for the process. */
int install_run(const struct install_options *options);

#endif
