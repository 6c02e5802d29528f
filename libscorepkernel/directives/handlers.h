/* SPDX-License-Identifier: BSD-3-Clause
 *
 * handlers.h - the handlers that directives.def names. All are pure: they change what the cell points to, and
 * fill in the decision, as decision.h says.
 */
#ifndef DIRECTIVES_HANDLERS_H
#define DIRECTIVES_HANDLERS_H

#include "directives/decision.h"

#define DIRECTIVE(kind, name, form, handler, help, usage, summary) decision_handler handler;
#define ALIAS DIRECTIVE
#include "directives/directives.def"

/* For a cell, or a directive of the script's, that is marked instead of run (marking.c). */
decision_handler decide_mark;
decision_handler decide_mark_directive;

#endif
