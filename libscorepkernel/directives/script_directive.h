/* SPDX-License-Identifier: BSD-3-Clause
 *
 * script_directive.h - the directives that in write mode are the script's: marked like cells, and without
 * effect on the session. Pure.
 */
#ifndef DIRECTIVES_SCRIPT_DIRECTIVE_H
#define DIRECTIVES_SCRIPT_DIRECTIVE_H

#include "directives/directive.h"
#include "directives/settings.h"

struct json;

/** Whether the directive is the script's in write mode. */
int script_directive_is(enum directive_kind kind);

/** What such a directive does to the script: a sentence for the user. */
const char *script_directive_effect(enum directive_kind kind);

/** Whether what such a directive says can be understood. 0; -EINVAL: it cannot, and why, for the user, is in
 * error, which has size bytes; -ENOMEM. */
int script_directive_check(const struct directive *directive, char *error, size_t size);

/** Add to a cell's JSON object what its directive says: "kind", and for code that is to be instrumented and
 * the end of such, "directive"; "arguments" of the bindings, those in force from there on; "environment" to
 * change. settings: in them are the arguments in force before the cell, and after it. 0 or -errno. */
int script_directive_describe(const struct directive *directive, struct settings *settings,
                              struct json *object);

#endif
