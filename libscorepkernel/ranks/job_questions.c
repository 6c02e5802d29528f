/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_questions.c - ranks that wait for input. The user is asked one thing at a time, and once what several
 * ask.
 */
#include "ranks/job_state.h"

#include <stdlib.h>
#include <string.h>

static void forget_question(char **question)
{
    free(*question);
    *question = NULL;
}

/* Ask the user the question of the next rank that has one, if none is open. */
static void ask(struct job *job)
{
    struct rank *rank = NULL;
    for (uint32_t i = 0; i < job->count && !rank; i++)
        rank = job->ranks[i] && job->ranks[i]->question ? job->ranks[i] : NULL;
    if (job->question || !rank || !(job->question = malloc(rank->question_len)))
        return;
    job->question_len = rank->question_len;
    memcpy(job->question, rank->question, rank->question_len);
    job_flush(job);
    job_forward(job, WORKER_INPUT_REQUEST, (struct spk_text){job->question, job->question_len});
}

void questions_ask(struct rank *rank, struct spk_text payload)
{
    forget_question(&rank->question);
    rank->question = malloc(payload.len + 1);
    if (!rank->question)
        return; /* it can be interrupted */
    rank->question_len = payload.len;
    memcpy(rank->question, payload.data, payload.len);
    ask(rank->job);
}

/* Give the answer to all ranks that asked the same question. */
void questions_answer(struct job *job, struct spk_text answer)
{
    for (uint32_t i = 0; i < job->count && job->question; i++) {
        struct rank *rank = job->ranks[i];
        if (!rank || !rank->question || rank->question_len != job->question_len ||
            memcmp(rank->question, job->question, job->question_len) != 0)
            continue;
        forget_question(&rank->question);
        rank_tell(rank, WORKER_INPUT_REPLY, &answer, 1);
    }
    forget_question(&job->question);
    ask(job);
}

void questions_forget(struct job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (job->ranks[i])
            forget_question(&job->ranks[i]->question);
    forget_question(&job->question);
}
