# SPDX-License-Identifier: BSD-3-Clause
import queue
import threading


def leaf(n):
    return n


def work(n):
    for i in range(n):
        leaf(i)


def fails(n):
    work(n)
    raise SystemExit


def feed(jobs, results):
    while True:
        job = jobs.get()
        if job is None:
            return
        results.put(square(job))


def square(n):
    return n * n


class Worker(threading.Thread):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def run(self):
        self.result = self.compute()

    def compute(self):
        return sum(leaf(i) for i in range(self.n))


threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 3)]
threads += [threading.Thread(target=fails, args=(4,)), threading.Thread(target=lambda: leaf(1)), threading.Thread()]
workers = [Worker(5), Worker(6)]
jobs, results = queue.Queue(), queue.Queue()
threads.append(threading.Thread(target=feed, args=(jobs, results)))
for thread in threads + workers:
    thread.start()
for n in range(4):
    jobs.put(n)
jobs.put(None)
work(2)
for thread in threads + workers:
    thread.join()
print([worker.result for worker in workers], [results.get() for _ in range(4)])
for n in range(3):
    thread = threading.Thread(target=work, args=(n + 10,))
    thread.start()
    thread.join()
