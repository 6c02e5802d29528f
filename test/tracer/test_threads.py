# SPDX-License-Identifier: BSD-3-Clause
"""Threads: which are recorded, where, and what becomes of those that outlive the cell."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, Case  # noqa: E402

FIB = "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"


class Threads(Case):
    def test_each_has_a_location(self):
        cell = FIB + """
import threading
threads = [threading.Thread(target=fib, args=(6,)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
        _, trace = self.measure(cell)
        self.assertEqual(sorted(trace.locations), [i << 32 for i in range(4)])
        self.assertEqual([trace.locations[i << 32][0] for i in range(4)], ["Master thread", "Thread 1", "Thread 2", "Thread 3"])
        for i in range(1, 4):
            self.assertEqual(trace.visits(i << 32)["__main__:fib"], 25)
            self.assertEqual(trace.visits(i << 32)["threading.Thread:run"], 1)
        self.assertNotIn("__main__:fib", trace.visits(0))

    def test_pool(self):
        cell = FIB + """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool: assert list(pool.map(fib, [5] * 20)) == [5] * 20
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:fib"], 20 * 15)
        self.assertIn(len(trace.locations), (2, 3))

    def test_started_before_is_not_recorded(self):
        driver = """
import threading, queue
names = load(%r + "def work(q, r):\\n    while True: r.put(fib(q.get()))", "/home/me/mine.py")
q, r = queue.Queue(), queue.Queue()
threading.Thread(target=names["work"], args=(q, r), daemon=True).start()
q.put(3); r.get()
begin()
run("for i in range(10):\\n    q.put(5); r.get()", dict(new_names(), q=q, r=r))
report(tracer.end())
""" % FIB
        self.drive(driver)
        trace = self.trace()
        self.assertEqual(list(trace.locations), [0])
        self.assertNotIn("loaded:fib", trace.visits())

    OUTLIVES = FIB + """
import threading
go, done, end = threading.Event(), threading.Semaphore(0), threading.Event()
def work():
    while True:
        go.wait()
        fib(5)
        done.release()
        if end.wait(0.001): return
thread = threading.Thread(target=work); go.set(); thread.start(); done.acquire()
"""

    def test_outlives_the_cell(self):
        """It goes on while nothing is measured, and while something else is."""
        driver = """
names = measure(%r)
for _ in range(3): names["done"].acquire()
measure("def f(): pass\\nf()\\nfor _ in range(20): done.acquire()\\nf()".replace("done", "sys.done"), "2") if 0 else None
begin("2"); run("def f(): pass\\nf()\\nfor _ in range(20): done.acquire()\\nf()", dict(new_names(), done=names["done"])); report(tracer.end())
for _ in range(3): names["done"].acquire()
names["end"].set(); names["thread"].join()
measure("def g(): pass\\ng()", "3")
""" % self.OUTLIVES
        self.drive(driver)
        first, second, third = self.trace(), self.trace("2"), self.trace("3")
        self.assertEqual(len(first.locations), 2)
        self.assertGreaterEqual(first.visits(1 << 32)["__main__:fib"], 15)
        self.assertEqual(list(second.locations), [0])
        self.assertEqual(second.visits()["__main__:f"], 2)
        self.assertNotIn("__main__:fib", second.visits())
        self.assertEqual(third.visits(), {CELL: 1, "__main__:g": 1})

    def test_ends_between_measurements(self):
        driver = """
names = measure(%r)
names["end"].set(); names["thread"].join()
for i in range(2, 12): measure(%r, str(i))
""" % (self.OUTLIVES, FIB + "import threading\nt = threading.Thread(target=fib, args=(5,)); t.start(); t.join()")
        self.drive(driver)
        for i in range(2, 12):
            trace = self.trace(str(i))
            self.assertEqual((len(trace.locations), trace.visits(1 << 32)["__main__:fib"]), (2, 15))

    def test_begun_in_one_measurement_and_first_run_in_the_next(self):
        """The hook for new threads is fetched before a thread begins, and may be called much later."""
        driver = """
import threading, _thread
names = new_names()
begin("1")
run("import threading\\nhook = threading._profile_hook\\ndef f(): pass", names)
tracer.end()
ready, go = _thread.allocate_lock(), _thread.allocate_lock()
ready.acquire(); go.acquire()
def late():
    sys.setprofile(names["hook"])
    names["f"]()
    ready.release(); go.acquire()
    names["f"]()
    ready.release()
begin("2")
_thread.start_new_thread(late, ()); ready.acquire()
run("def g(): pass\\ng()", names)
go.release(); ready.acquire()
report(tracer.end())
"""
        self.drive(driver)
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:g": 1})

    def test_begun_while_recording_is_off(self):
        driver = """
import threading
names = new_names()
def spawn():
    thread = threading.Thread(target=names["f"]); thread.start(); thread.join()
begin()
run("def f(): pass\\nf()", names)
spawn()
run("f()", names)
report(tracer.end())
"""
        self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 2, "__main__:f": 2})

    def test_between_stop_and_start_nothing_is_entered(self):
        """A thread of the cell lives through a pause: what it left then was entered before, or not at all."""
        cell = """
import threading
pause, paused, again, done = (threading.Semaphore(0) for _ in range(4))
def unseen(): pass
def seen(): pass
def work():
    seen(); done.release(); pause.acquire()
    for _ in range(5): unseen()
    paused.release(); again.acquire()
    seen()
    done.release()
thread = threading.Thread(target=work); thread.start(); done.acquire()
"""
        driver = """
begin()
names = run(%r)
names["pause"].release(); names["paused"].acquire()
run("again.release(); done.acquire(); thread.join()", names)
report(tracer.end())
""" % cell
        self.drive(driver)
        trace = self.trace()
        self.assertEqual(trace.visits(1 << 32)["__main__:seen"], 2)
        self.assertEqual(trace.visits(1 << 32)["__main__:work"], 1)
        self.assertNotIn("__main__:unseen", trace.visits())

    def test_locations_of_ended_threads_are_used_again(self):
        cell = """
import threading
def f(): pass
for _ in range(1100):
    thread = threading.Thread(target=f); thread.start(); thread.join()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:f"], 1100)
        self.assertEqual(len(trace.locations), 1024)

    def test_many_at_a_time(self):
        cell = """
import threading
gate, n = threading.Event(), 200
def f(): pass
def work():
    f(); gate.wait(); f()
threads = [threading.Thread(target=work) for _ in range(n)]
for thread in threads: thread.start()
gate.set()
for thread in threads: thread.join()
"""
        _, trace = self.measure(cell, memory_limit=1 << 20)
        self.assertEqual(len(trace.locations), 201)
        self.assertEqual(trace.visits()["__main__:f"], 400)

    def test_the_end_comes_while_threads_run(self):
        driver = """
import threading
names = measure(%r)
names["end"].set()
for thread in names["threads"]: thread.join()
""" % (FIB + """
import threading
end = threading.Event()
def work():
    while not end.is_set(): fib(8)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
""")
        for _ in range(3):
            self.drive(driver)
            self.trace()
            self.setUp()

    def test_what_the_user_set_for_new_threads_comes_back(self):
        driver = """
import threading
calls = []
def mine(frame, event, argument): calls.append(event)
threading.setprofile(mine)
measure("import threading\\nt = threading.Thread(target=len, args=('',)); t.start(); t.join()")
report(threading._profile_hook is mine)
thread = threading.Thread(target=load("def f(): pass", "/home/me/mine.py")["f"]); thread.start(); thread.join()
report(len(calls) > 0)
def other(frame, event, argument): pass
run_names = None
begin("2"); run("import threading\\nthreading.setprofile(other)", dict(new_names(), other=other)); tracer.end()
report(threading._profile_hook is other)
"""
        self.assertEqual(self.drive(driver)[1:], [True, True, True])

    def test_a_thread_that_leaves_things_to_its_end(self):
        """Python code that runs while a thread's own state is torn down."""
        cell = """
import threading
local = threading.local()
def f(): pass
class Last:
    def __del__(self): f()
def work(): local.last = Last()
for _ in range(20):
    thread = threading.Thread(target=work); thread.start(); thread.join()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:work"], 20)


if __name__ == "__main__":
    unittest.main()
