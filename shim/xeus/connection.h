/* SPDX-License-Identifier: BSD-3-Clause
 *
 * connection.h - the connection file that Jupyter writes for a kernel: where to listen, and the key.
 */
#ifndef SHIM_XEUS_CONNECTION_H
#define SHIM_XEUS_CONNECTION_H

#include "scorepkernel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum connection_port { PORT_SHELL, PORT_CONTROL, PORT_STDIN, PORT_IOPUB, PORT_HB, PORT_COUNT };

struct connection {
    char transport[8]; /* "tcp" or "ipc" */
    char ip[512];      /* ipc: the path, to which "-PORT" is appended */
    char scheme[32];   /* "none" when the key is empty */
    char key[512];
    int ports[PORT_COUNT]; /* 0: any */
};

/** The member of the connection file that holds a port, such as "shell_port". */
const char *connection_port_name(enum connection_port port);

/** Read and check a connection file. 0 or a negative errno; error names the remedy. */
int connection_read(const char *path, struct connection *connection, struct spk_error *error);

#ifdef __cplusplus
}
#endif

#endif
