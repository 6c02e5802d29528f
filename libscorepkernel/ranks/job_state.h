/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_state.h - what job.c and job_*.c share, and nobody else.
 */
#ifndef RANKS_JOB_STATE_H
#define RANKS_JOB_STATE_H

#include "base/loop.h"
#include "process/last_words.h"
#include "process/output_pace.h"
#include "ranks/aggregate.h"
#include "ranks/job.h"
#include "ranks/rendezvous.h"
#include "ranks/shared_file.h"
#include "wire/channel.h"
#include "wire/worker_protocol.h"

#include <sys/resource.h>
#include <sys/types.h>

#define JOB_RANKS_MAX 65536u
#define JOB_STRANGERS_MAX 1024

enum rank_state {
    RANK_ABSENT,
    RANK_STARTING, /* the relay has said the token and its rank */
    RANK_READY,
    RANK_BUSY,    /* the rank has been given the cell */
    RANK_REPLIED, /* the rank has replied */
    RANK_GONE,
};

struct job;

/* The connection to a relay. The rank's number is known when the relay has said it. */
struct rank {
    struct job *job;
    uint32_t number;
    enum rank_state state;
    struct channel channel;
    struct source source;
    int64_t since_ns;           /* when it came */
    int ran;                    /* the user's code has ended */
    int has_state;              /* the rank has been given the variables */
    uint64_t state_sent;        /* bytes of the variables; UINT64_MAX: none are wanted */
    uint64_t file_at, file_end; /* where its next piece goes in job->results */
    char *question;             /* a WORKER_INPUT_REQUEST that waits for its answer; NULL: none */
    size_t question_len;
    uint32_t how; /* of its reply */
    char *content, *measurement;
};

struct job {
    const struct job_order *order;
    struct rlimit open_files; /* the limit of open files before it was raised for the job, for the launcher */
    struct loop loop;
    struct channel library;
    struct source library_source, signals, listener, outputs[2];
    int64_t listen_due_ns;    /* when the listener is watched again; 0: it is */
    int64_t aggregate_due_ns; /* when what is held back for others is handed on; 0: nothing is */
    char rendezvous[RENDEZVOUS_TEXT_LEN];
    struct output_pace stream;
    struct aggregate *aggregate; /* made when the number of ranks is known */

    char *setup;       /* JSON of WORKER_SETUP */
    struct frame cell; /* WORKER_EXECUTE, with a copy of its payload; type 0: it has not come */
    char *options;     /* JSON of WORKER_TAKE_STATE; NULL: it has not come */
    int state;         /* the variables */
    char state_where[SHARED_FILE_TEXT_LEN];
    uint64_t state_len;

    pid_t launcher;         /* leads a process group; 0: it has ended, or has not begun */
    struct last_words said; /* the last that it wrote */

    struct rank *ranks[JOB_RANKS_MAX];         /* by number, count of them; NULL where none has come */
    struct rank *strangers[JOB_STRANGERS_MAX]; /* connections that have not said who they are: a ring */
    size_t arrivals;                           /* where in it the next one goes */
    uint32_t count, present, ready, given,
        open;       /* given: that have the variables; open: those that have neither replied nor gone */
    char *question; /* the WORKER_INPUT_REQUEST that is open; NULL: none is */
    size_t question_len;

    int results; /* a file: what came back */
    uint64_t results_len;
    char *files; /* JSON: the items of an array that says what is in it */

    char *failure;       /* JSON, the content of the error that ends the cell; NULL: none yet */
    int64_t deadline_ns; /* when the ranks that are left are interrupted, or ended */
    int begun;           /* they have been given the cell */
    int64_t heard_ns;    /* when a rank last said something */
    int interrupted;     /* they have been */
    int answered, over;
};

/* --- job.c --- */

/* Send to the library: a frame, or one with the payload of another. */
void job_tell(struct job *job, uint16_t type, const struct spk_text *parts, size_t count);
void job_forward(struct job *job, uint16_t type, struct spk_text payload);

/* Hand on all that the ranks have said. */
void job_flush(struct job *job);

/* The cell has failed: with the content of a rank's error, or with a text of ours, which is shown. The ranks
 * that are left get some time. */
void job_fail_with(struct job *job, struct spk_text content);
void job_fail(struct job *job, const char *ename, const char *text);

/* A file without a name, in that directory or in memory. A descriptor or -errno. */
int job_open_results(const char *directory);

/* A relay said how many ranks there are. 0; -EINVAL: the number is impossible, or another relay said another
 * one; -ENOMEM. */
int job_expect(struct job *job, uint32_t count);

/* --- job_ranks.c --- */

/* Somebody has connected. */
void ranks_accept(void *job, unsigned events);

/* Interrupt those whose code still runs: what the others do is ours, and their variables are on their way. */
void ranks_interrupt(struct job *job);

/* Whether the user's code has ended in all that have not replied. */
int ranks_are_finishing(const struct job *job);

/* Send a frame to the rank. If that fails, the connection is closed. */
void rank_tell(struct rank *rank, uint16_t type, const struct spk_text *parts, size_t count);

/* List the ranks that have neither replied nor gone: "0, 1, 5". Returns how many they are. */
uint32_t ranks_name_open(const struct job *job, char *text, size_t size);

/* Close the connections of the ranks that have neither replied nor gone. */
void ranks_drop_open(struct job *job);

void ranks_finish(struct job *job);

/* --- job_questions.c --- */

/* A rank waits for input: WORKER_INPUT_REQUEST. */
void questions_ask(struct rank *rank, struct spk_text payload);

/* The open question has been answered: give the answer to its ranks, and ask the next question. */
void questions_answer(struct job *job, struct spk_text answer);

/* Forget all questions. */
void questions_forget(struct job *job);

/* --- job_launcher.c --- */

/* Start it. 0 or -errno. */
int launcher_start(struct job *job);

/* End the launcher and all that it started, if it has not ended. */
void launcher_kill(struct job *job);

/* Whether the launcher has ended. 1: text says how, and what it wrote; 0: it has not. */
int launcher_ended(struct job *job, char *text, size_t size);

void launcher_finish(struct job *job);

#endif
