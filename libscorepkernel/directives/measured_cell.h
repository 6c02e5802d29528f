/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measured_cell.h - how a cell is to be measured, as the worker is told it. Pure.
 */
#ifndef DIRECTIVES_MEASURED_CELL_H
#define DIRECTIVES_MEASURED_CELL_H

#include "directives/decision.h"

/** How a cell with that directive is to be measured: {lines, text, guard?, repeat, process, arguments, disk,
 * marshaller, ranks?, gather?, launcher?}. directive NULL: a cell of which nothing is known yet. The
 * caller's, to be freed with json_free. NULL: no memory. */
struct json *measured_cell_way(const struct settings *settings, const struct directive *directive);

/** A cell's options: {execution_count, measure?}; measure is the way above, for a directive that measures.
 * The caller's. NULL: no memory. */
struct json *measured_cell_options(const struct cell *cell, const struct directive *directive);

/** Whether the options contradict how many processes the cell is run as; refuses it if so. 0: they do not;
 * 1: refused; or -ENOMEM. */
int measured_cell_mistakes_ranks(const struct cell *cell, const struct directive *directive,
                                 struct decision *decision);

#endif
