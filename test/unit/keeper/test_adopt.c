/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_adopt.c - processes that the keeper has inherited, and is told of: they are as its own from
 * then on.
 */
#include "unit/keeper_events.h"

/* Start a shell that leaves a process to the keeper: the text, which does not mind that the shell ends. Its
 * number. */
static pid_t inherited(uint64_t id, const char *text, int *out)
{
    char whole[512];
    int exited = told.exited;
    snprintf(whole, sizeof whole, "trap '' HUP; setsid sh -c 'echo $$; %s' & exit 0", text);
    *out = script(id, whole);
    pid_t pid = (pid_t)atoi(line(*out));
    until(&told.exited, exited + 1);
    CHECK(pid > 0 && told.id == id);
    return pid;
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    CHECK(stat && fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) == 1);
    fclose(stat);
    return (pid_t)parent;
}

/* It is signalled, told of and reaped as one that the keeper has started. */
static void adopted(void)
{
    int out;
    start();
    pid_t pid = inherited(91, "trap \"exit 6\" USR1; echo ready; while :; do sleep 0.05; done", &out);
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_adopt(&keeper, 92, (uint32_t)pid) == 0);
    CHECK(keeper_signal(&keeper, 92, SIGUSR1) == 0);
    until(&told.exited, 2);
    CHECK(told.id == 92 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 6);
    CHECK(told.end.peak_rss_kib > 0 && told.failed == 0);
    ended(out);
    /* How it ended by a signal, too. */
    pid = inherited(93, "while :; do sleep 1; done", &out);
    int exited = told.exited;
    CHECK(keeper_adopt(&keeper, 94, (uint32_t)pid) == 0 && keeper_signal(&keeper, 94, SIGKILL) == 0);
    until(&told.exited, exited + 1);
    CHECK(told.id == 94 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGKILL);
    ended(out);
    finish();
}

/* One that nobody adopts is reaped all the same, without a word. */
static void not_adopted(void)
{
    int out;
    start();
    pid_t pid = inherited(95, "echo ready", &out);
    CHECK(!strcmp(line(out), "ready"));
    ended(out);
    while (alive(pid)) /* the limit of the test ends this */
        poll(NULL, 0, 1);
    spawn(96, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 2);
    CHECK(told.id == 96 && told.failed == 0);
    /* It has gone, and cannot be adopted. */
    CHECK(keeper_adopt(&keeper, 97, (uint32_t)pid) == 0);
    until(&told.failed, 1);
    CHECK(told.id == 97 && told.code == -ESRCH && !strcmp(told.stage, "adopting a process"));
    finish();
}

/* What is no child of the keeper's, or known to it already, is refused. */
static void not_to_adopt(void)
{
    uint32_t strangers[] = {0, 1, (uint32_t)getpid(), INT32_MAX, UINT32_MAX, (uint32_t)INT32_MAX + 1};
    start();
    int out = script(98, "sleep 300 & echo $!; wait");
    uint32_t grandchild = (uint32_t)atoi(line(out)), child = told.pid;
    int failed = 0;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        CHECK(keeper_adopt(&keeper, 200 + i, strangers[i]) == 0);
        until(&told.failed, ++failed);
        CHECK(told.id == 200 + i && told.code == -ESRCH);
    }
    CHECK(keeper_adopt(&keeper, 210, grandchild) == 0);
    until(&told.failed, ++failed);
    CHECK(told.id == 210 && told.code == -ESRCH && parent_of((pid_t)grandchild) == (pid_t)child);
    CHECK(keeper_adopt(&keeper, 211, (uint32_t)parent_of((pid_t)child)) == 0); /* the keeper itself */
    until(&told.failed, ++failed);
    CHECK(told.id == 211 && told.code == -ESRCH);
    /* Under a second name its end would be told of once, and the keeper would wait for the other for ever. */
    CHECK(keeper_adopt(&keeper, 212, child) == 0);
    until(&told.failed, ++failed);
    CHECK(told.id == 212 && told.code == -EEXIST);
    CHECK(keeper_signal(&keeper, 98, SIGKILL) == 0);
    until(&told.exited, 1);
    CHECK(told.id == 98);
    ended(out);
    CHECK(keeper_end(&keeper, 60000) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 1);
    finish();
}

/* More than there is room for: the last are refused, and the others are not forgotten. */
static void too_many_to_adopt(void)
{
    int out;
    start();
    pid_t pid = inherited(300, "echo ready; read line; while :; do sleep 1; done", &out);
    CHECK(!strcmp(line(out), "ready"));
    for (uint64_t id = 301; id < 301 + 64; id++)
        spawn(id, (const char *[]){"/bin/sleep", "300", NULL});
    until(&told.spawned, 65);
    CHECK(keeper_adopt(&keeper, 400, (uint32_t)pid) == 0);
    until(&told.failed, 1);
    CHECK(told.id == 400 && told.code == -EAGAIN);
    CHECK(keeper_signal(&keeper, 301, SIGKILL) == 0);
    until(&told.exited, 2);
    CHECK(keeper_adopt(&keeper, 401, (uint32_t)pid) == 0 && keeper_signal(&keeper, 401, SIGKILL) == 0);
    until(&told.exited, 3);
    CHECK(told.id == 401 && told.failed == 1);
    finish();
    ended(out);
}

/* An adopted one is part of the end: waited for, killed after the grace time, and without it at once. */
static void adopted_at_the_end(void)
{
    static const char stubborn[] = "trap \"\" INT TERM; echo ready; while :; do sleep 1; done";
    int out;
    start();
    pid_t pid = inherited(501, stubborn, &out);
    CHECK(!strcmp(line(out), "ready") && keeper_adopt(&keeper, 502, (uint32_t)pid) == 0);
    CHECK(keeper_end(&keeper, 150) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 2 && told.id == 502 && WIFSIGNALED(told.end.status));
    ended(out);
    finish();
    start();
    pid = inherited(503, stubborn, &out);
    CHECK(!strcmp(line(out), "ready") && keeper_adopt(&keeper, 504, (uint32_t)pid) == 0);
    finish();
    CHECK(!alive(pid));
    ended(out);
    /* One that is not adopted does not hold the keeper up. */
    start();
    pid = inherited(505, "trap \"\" INT TERM; echo ready; sleep 300", &out);
    CHECK(!strcmp(line(out), "ready") && keeper_end(&keeper, 60000) == 0);
    until(&told.gone, 1);
    CHECK(alive(pid) && kill(-pid, SIGKILL) == 0);
    ended(out);
    finish();
}

int main(void)
{
    return run_each((void (*const[])(void)){
        adopted, not_adopted, not_to_adopt, too_many_to_adopt, adopted_at_the_end, NULL});
}
