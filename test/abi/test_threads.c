/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_threads.c - interrupt and shutdown come from any thread, at any time; and two sessions, each with a
 * thread of its own, share nothing.
 */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 20

/* ThreadSanitizer takes the library's start of its helper program, a child in our memory, for a fork. */
const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

struct disturber {
    struct host *host;
    atomic_int stop;
};

static void *disturb(void *argument)
{
    struct disturber *disturber = argument;
    while (!atomic_load(&disturber->stop)) {
        CHECK(kernel->interrupt(disturber->host->session) == 0);
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void *end(void *argument)
{
    struct host *host = argument;
    CHECK(kernel->shutdown(host->session, 10000) == 0);
    return NULL;
}

/* Cells that wait end by the interrupts of another thread, one after the other, and none is lost. */
static void interrupts(void)
{
    struct host *host = host_create(NULL);
    struct disturber disturber = {.host = host};
    pthread_t thread;
    char last[32];
    for (uint64_t i = 1; i <= ROUNDS; i++)
        CHECK(host_execute(host, i, "wait") == 0);
    snprintf(last, sizeof last, "\nreply %d 1", ROUNDS);
    CHECK(pthread_create(&thread, NULL, disturb, &disturber) == 0);
    host_until(host, last);
    atomic_store(&disturber.stop, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(host_count(host, "\nreply ") == ROUNDS && host_count(host, "KeyboardInterrupt") >= ROUNDS);
    CHECK(pthread_create(&thread, NULL, end, host) == 0);
    host_until(host, "status ENDED");
    CHECK(pthread_join(thread, NULL) == 0);
    host_destroy(host);
}

/* A session from its beginning to its end, beside others. */
static void *live(void *argument)
{
    const uint64_t base = *(const uint64_t *)argument;
    struct host *host = host_create(NULL);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        char code[32], told[64];
        snprintf(code, sizeof code, "print cell %d", (int)(base + i));
        snprintf(told, sizeof told, "out %d cell %d\nreply %d 0", (int)(base + i), (int)(base + i),
                 (int)(base + i));
        CHECK(host_execute(host, base + i, i == ROUNDS / 2 ? "exit" : code) == 0);
        if (i == ROUNDS / 2)
            host_until(host, "SessionDied");
        else
            host_until(host, told);
    }
    host_expect(host, host_count(host, "\nreply ") == ROUNDS, "each once");
    CHECK(kernel->shutdown(host->session, 10000) == 0);
    host_until(host, "status ENDED");
    host_destroy(host);
    return NULL;
}

static void two_sessions(void)
{
    static const uint64_t bases[] = {0, 100, 200};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, live, (void *)(uintptr_t)&bases[i]) == 0);
    for (size_t i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* Two in one thread, turn by turn. */
static void turn_by_turn(void)
{
    struct host *one = host_create(NULL), *two = host_create(NULL);
    CHECK(kernel->descriptor(one->session) != kernel->descriptor(two->session));
    CHECK(host_execute(one, 1, "wait") == 0 && host_execute(two, 1, "print two") == 0);
    host_until(two, "reply 1 0");
    host_until(one, "out 1 waiting");
    CHECK(!strstr(two->log, "waiting") && !strstr(one->log, "two"));
    host_destroy(two);
    CHECK(kernel->interrupt(one->session) == 0);
    host_until(one, "reply 1 1");
    host_destroy(one);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(120);
    host_load();
    int descriptors = test_descriptors();
    interrupts();
    turn_by_turn();
    two_sessions();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
