/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_keeper_client.c - the real helper program starts, signals, reaps and ends processes.
 */
#include "unit/keeper_events.h"

/* --- how processes begin and end ------------------------------------------------------------------- */

static void ends(void)
{
    start();
    spawn(11, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(told.spawned == 1 && told.id == 11 && told.pid > 0 && WIFEXITED(told.end.status) &&
          !WEXITSTATUS(told.end.status));
    CHECK(told.end.peak_rss_kib > 0);
    spawn(12, (const char *[]){"/bin/false", NULL});
    until(&told.exited, 2);
    CHECK(told.id == 12 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 1);
    spawn(13, (const char *[]){"/bin/sh", "-c", "kill -SEGV $$", NULL});
    until(&told.exited, 3);
    CHECK(told.id == 13 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGSEGV);
    spawn(14, (const char *[]){"/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 7",
                               NULL});
    until(&told.exited, 4);
    CHECK(WEXITSTATUS(told.end.status) == 7 && told.end.user_us > 0);
    CHECK(told.failed == 0 && told.gone == 0);
    finish();
}

static void failures(void)
{
    start();
    spawn(21, (const char *[]){"/no/such/program", NULL});
    until(&told.failed, 1);
    CHECK(told.id == 21 && told.code == -ENOENT && !strcmp(told.stage, "executing the program"));
    CHECK(spawn_in(22, "/no/such/directory", (const char *[]){"/bin/true", NULL}, NULL, 0) == 0);
    until(&told.failed, 2);
    CHECK(told.id == 22 && told.code == -ENOENT && !strcmp(told.stage, "entering the directory"));
    spawn(23, (const char *[]){"/etc/passwd", NULL});
    until(&told.failed, 3);
    CHECK(told.id == 23 && told.code == -EACCES);
    CHECK(told.spawned == 0 && told.exited == 0);
    /* It goes on. */
    spawn(24, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(told.id == 24);
    finish();
}

static void surroundings(void)
{
    start();
    int out = script(31, "echo \"$GREETING $#\"; pwd; ls /proc/self/fd | wc -l; trap");
    CHECK(!strcmp(line(out), "hello 0") && !strcmp(line(out), "/"));
    CHECK(!strcmp(line(out), "4")); /* 0, 1, 2, and the one that ls reads with */
    until(&told.exited, 1);
    ended(out);
    /* A session of its own, no blocked and no ignored signals, whatever the host has. */
    signal(SIGPIPE, SIG_IGN);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    finish();
    start();
    sigprocmask(SIG_SETMASK, &before, NULL);
    out = script(32, "grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o sid= -p $$; echo $$");
    CHECK(!strcmp(line(out), "SigBlk:\t0000000000000000"));
    /* But for 32 and 33, the C library's own, which no program can set. */
    CHECK((strtoull(line(out) + strlen("SigIgn:\t"), NULL, 16) & ~UINT64_C(0x180000000)) == 0);
    int sid = atoi(line(out));
    CHECK(sid > 0 && sid == atoi(line(out)));
    ended(out);
    signal(SIGPIPE, SIG_DFL);
    finish();
}

/* Signals reach the whole group, and those that have ended are no failure. */
static void signals(void)
{
    start();
    int out = script(41, "trap 'echo parent; exit 3' INT; (trap 'echo child; exit' INT; echo ready; "
                         "while :; do sleep 0.05; done) & echo ready; while :; do wait; done");
    CHECK(!strcmp(line(out), "ready") && !strcmp(line(out), "ready"));
    CHECK(keeper_signal(&keeper, 41, SIGUSR2 + 1000) == 0); /* no signal: ignored */
    CHECK(keeper_signal(&keeper, 99, SIGKILL) == 0);        /* no process: ignored */
    /* A background process of a non-interactive shell ignores SIGINT unless it says otherwise, as ours does.
     */
    CHECK(keeper_signal(&keeper, 41, SIGINT) == 0);
    until(&told.exited, 1);
    CHECK(told.id == 41 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 3);
    CHECK(keeper_signal(&keeper, 41, SIGINT) == 0);
    ended(out);
    finish();
}

/* As when a terminal closes: the group of a process that has ended is told, what was detached stays. */
static void hangup(void)
{
    start();
    int out = script(51, "(sleep 300) & echo ready; exit 0");
    CHECK(!strcmp(line(out), "ready"));
    until(&told.exited, 1);
    ended(out);
    CHECK(told.exited == 1);
    finish();
}

/* --- the end of all -------------------------------------------------------------------------------- */

static void clean_end(void)
{
    start();
    CHECK(keeper_end(&keeper, 20000) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 0 && told.failed == 0);
    finish();
    /* The processes have the grace time, and what it takes of it is told. */
    start();
    int out = script(61, "echo ready; read line; exit 5");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 20000) == 0); /* its input is /dev/null */
    until(&told.gone, 1);
    CHECK(told.exited == 1 && WIFEXITED(told.end.status));
    ended(out);
    finish();
}

static void killed_after_grace(void)
{
    start();
    int out = script(62, "trap '' INT TERM HUP; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready"));
    int64_t then = loop_now_ns();
    CHECK(keeper_end(&keeper, 150) == 0 && keeper_end(&keeper, 60000) == 0); /* the first counts */
    until(&told.gone, 1);
    int64_t took_ms = (loop_now_ns() - then) / 1000000;
    CHECK(took_ms >= 150 && took_ms < 15000);
    CHECK(told.exited == 1 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGKILL);
    ended(out);
    finish();
}

/* After keeper_end the library may go: the grace time is still granted, and the kill still comes. */
static void grace_without_us(void)
{
    start();
    int out = script(63, "trap '' HUP; echo ready; sleep 0.3; echo done");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 20000) == 0);
    finish();
    CHECK(!strcmp(line(out), "done"));
    ended(out);
    start();
    out = script(64, "trap '' HUP; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 100) == 0);
    finish();
    ended(out);
}

/* Without keeper_end everything goes, also what left the group and the session, or ignores what it can. */
static void everything_goes(void)
{
    start();
    int out =
        script(71, "trap '' INT TERM HUP; nohup setsid sh -c 'trap \"\" HUP TERM; echo ready; sleep 300' & "
                   "(setsid sleep 300 &) ; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready") && !strcmp(line(out), "ready"));
    CHECK(alive((pid_t)told.pid));
    finish();
    ended(out);
    CHECK(!alive((pid_t)told.pid) && told.gone == 0);
}

/* What the user detached survives an end in order, as it does when a terminal closes. */
static void nohup_stays(void)
{
    start();
    int out =
        script(72, "nohup sleep 300 & echo $!; until grep -q sleep /proc/$!/comm; do :; done; echo ready");
    pid_t detached = (pid_t)atoi(line(out));
    CHECK(detached > 0 && !strcmp(line(out), "ready"));
    until(&told.exited, 1);
    CHECK(keeper_end(&keeper, 5000) == 0);
    until(&told.gone, 1);
    finish();
    int stays = alive(detached);
    kill(detached, SIGKILL);
    CHECK(stays);
    ended(out);
}

int main(void)
{
    return run_each((void (*const[])(void)){
        ends, failures, surroundings, signals, hangup, clean_end, killed_after_grace, grace_without_us,
        everything_goes, nohup_stays, NULL});
}
