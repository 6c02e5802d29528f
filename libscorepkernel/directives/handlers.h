/* SPDX-License-Identifier: BSD-3-Clause
 *
 * handlers.h - the handlers that directives.def names. All are pure: they change what the cell points to, and
 * fill in the decision, as decision.h says.
 */
#ifndef DIRECTIVES_HANDLERS_H
#define DIRECTIVES_HANDLERS_H

#include "directives/decision.h"

/* A cell that runs, measured or not (measured_cell.c). */
decision_handler decide_measured;

/* What the worker carries out (worker_directives.c). */
decision_handler decide_environment;
decision_handler decide_viewer;

/* What changes the settings, or shows them (settings_directives.c). */
decision_handler decide_settings;

/* What marks cells instead of running them (marking.c). */
decision_handler decide_mark;
decision_handler decide_mark_directive;
decision_handler decide_begin_marking;
decision_handler decide_end_marking;
decision_handler decide_abort_marking;
decision_handler decide_marked;

#endif
