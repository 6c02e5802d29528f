/* SPDX-License-Identifier: BSD-3-Clause
 *
 * decide.h - what is to be done with a cell: the one place that decides it. Pure.
 */
#ifndef DIRECTIVES_DECIDE_H
#define DIRECTIVES_DECIDE_H

#include "directives/decision.h"

/** Read the cell's directive, and decide. The decision is the caller's, to be ended with decision_finish,
 * also after a failure. 0, or -ENOMEM. */
int decide(const struct cell *cell, struct decision *decision);

#endif
