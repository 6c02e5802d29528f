# SPDX-License-Identifier: BSD-3-Clause
import threading

together = threading.Barrier(4)
results = {}


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def ping(n):
    return 0 if n == 0 else 1 + pong(n - 1)


def pong(n):
    return 0 if n == 0 else 1 + ping(n - 1)


def begin(function, n):
    together.wait()
    results[function.__name__, n] = function(n)


def explore(n):
    if n == 0:
        raise LookupError
    try:
        explore(n - 1)
    except LookupError:
        if n < 5:
            raise
    return n


threads = [threading.Thread(target=begin, args=job) for job in ((fib, 8), (fib, 9), (ping, 30), (explore, 7))]
for thread in threads:
    thread.start()
fib(7)
for thread in threads:
    thread.join()
print(sorted(results.items()))
