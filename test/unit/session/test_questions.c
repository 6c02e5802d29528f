/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_questions.c - as many questions as the header says, each of a request of its own.
 */
#include "session/questions.h"

#include "test.h"

#include <errno.h>

int main(void)
{
    struct questions questions = {0};
    CHECK(!questions_find(&questions, 0) && !questions_close(&questions, 0));
    for (uint32_t i = 1; i <= SPK_MAX_QUESTIONS; i++)
        CHECK(questions_open(&questions, i, i + 100) == 0);
    CHECK(questions_open(&questions, 1000, 1) == -ENOBUFS && !questions_find(&questions, 1000));
    CHECK(questions_open(&questions, 3, 7) == 0 && questions_find(&questions, 3)->number == 7);
    CHECK(questions_close(&questions, 3) && !questions_close(&questions, 3));
    CHECK(questions_open(&questions, 1000, 1) == 0);
    for (uint32_t i = 1; i <= SPK_MAX_QUESTIONS; i++)
        CHECK(questions_close(&questions, i == 3 ? 1000 : i) && questions.count == SPK_MAX_QUESTIONS - i);
    return 0;
}
