/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cell.h - a cell on its way to the worker, and cells that are directives.
 */
#ifndef SESSION_CELL_H
#define SESSION_CELL_H

#include "session/session.h"

/** Read the cell's directive and do what it says, or send the cell to the worker. 0: it goes on, or has been
 * answered; or -errno: the worker could not be told. */
int cell_run(struct spk_session *session, const struct request *request);

/** The worker has let the proposed settings pass: they are in force, and the user is told. stays: JSON, a
 * list of the names of those that stay as they were (settings_keep). 0; -EINVAL: it cannot be read, and
 * nothing is in force. */
int cell_settings_passed(struct spk_session *session, struct spk_text stays);

#endif
