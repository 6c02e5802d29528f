/* SPDX-License-Identifier: BSD-3-Clause
 *
 * decision.c - what is to be done with a cell, as its handler says it. Pure.
 */
#include "directives/decision.h"

#include "base/json_bridge.h"
#include "base/print.h"

#include <errno.h>
#include <stdarg.h>

static int conclude(struct decision *decision, enum decision_kind kind, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static int conclude(struct decision *decision, enum decision_kind kind, const char *format, va_list arguments)
{
    decision->kind = kind;
    buffer_consume(&decision->text, decision->text.len);
    int result = print_arguments(&decision->text, format, arguments);
    return result ? result : buffer_append(&decision->text, "", 1);
}

int decision_send(struct decision *decision, struct json *options)
{
    decision->kind = DECISION_SEND;
    decision->options = options;
    return options ? 0 : -ENOMEM;
}

int decision_done(struct decision *decision, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = conclude(decision, DECISION_DONE, format, arguments);
    va_end(arguments);
    return result;
}

int decision_refuse(struct decision *decision, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = conclude(decision, DECISION_REFUSED, format, arguments);
    va_end(arguments);
    return result;
}

void decision_finish(struct decision *decision)
{
    json_free(decision->options);
    decision->options = NULL;
    buffer_finish(&decision->text);
}
