/* SPDX-License-Identifier: BSD-3-Clause
 *
 * decision.h - what is to be done with a cell. Decided in this folder, from values alone; carried out by the
 * session (session/requests.c), which alone sends, shows and answers.
 */
#ifndef DIRECTIVES_DECISION_H
#define DIRECTIVES_DECISION_H

#include "base/buffer.h"
#include "directives/directive.h"
#include "directives/marked_cells.h"
#include "directives/settings.h"

struct json;

/* A cell as a client sends it, and what it is decided with. All borrowed, but for marked, which the decision
 * changes: a cell is marked, or a mode begins. */
struct cell {
    struct spk_text code;
    struct spk_text id; /* the client's name for the cell; empty: it gave none */
    int silent;         /* a client runs it for itself: it is no cell of the notebook's */
    uint64_t execution_count;
    const struct settings *settings; /* in force */
    struct marked_cells *marked;
};

struct decision {
    enum decision_kind {
        DECISION_SEND,    /* the worker is sent the cell, with options */
        DECISION_DONE,    /* it is done: text says what it did */
        DECISION_REFUSED, /* nothing was done: text says why, and what to do */
    } kind;
    char note[256];           /* what the user is to know before anything else; "": nothing */
    struct json *options;     /* DECISION_SEND: the cell's options for the worker */
    struct buffer text;       /* closed by a NUL */
    struct settings settings; /* in force afterwards, or proposed: see below */
    int has_settings;         /* DECISION_DONE: they are in force from now on */
    enum settings_part asked; /* DECISION_SEND: this part of them is in force if the worker lets it pass */
    enum marked_mode ends; /* DECISION_SEND: the mode that ends, or MARKED_OFF: with MARKED_MEASURE when the
                              cell was sent, with MARKED_WRITE when the script was written */
};

/* A handler fills in the decision, which is empty before, but for its note. 0, or -errno: there is no memory
 * for it. The directive is the cell's. */
typedef int decision_handler(const struct cell *cell, const struct directive *directive,
                             struct decision *decision);

/** The ways in which a handler ends. Each is 0, or -ENOMEM. Options are taken over; NULL stands for those
 * that there was no memory for. */
int decision_send(struct decision *decision, struct json *options);
int decision_done(struct decision *decision, const char *format, ...) __attribute__((format(printf, 2, 3)));
int decision_refuse(struct decision *decision, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Frees what the decision holds. Safe to repeat. */
void decision_finish(struct decision *decision);

#endif
