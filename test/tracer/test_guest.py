# SPDX-License-Identifier: BSD-3-Clause
"""The tracer is a guest: other profilers, forks and child processes go on as if it were not there."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, SANITIZED, VERSION, Case  # noqa: E402

CLEAN = """
def hooks():
    found = [sys.getprofile() is not None, sys.gettrace() is not None]
    if hasattr(sys, "monitoring"):
        found += [sys.monitoring.get_tool(i) == "scorepkernel" for i in range(6)]
    return any(found)
"""


class Profilers(Case):
    def test_profile_function_comes_back(self):
        driver = """
calls = []
def mine(frame, event, argument):
    if event == "call": calls.append(frame.f_code.co_name)
f = load("def f(): pass", "/home/me/mine.py")["f"]
sys.setprofile(mine)
begin(); run("def g(): pass\\ng()"); result = tracer.end()
report(sys.getprofile() is mine)
f()
sys.setprofile(None)
report("f" in calls); report(result["events"])
"""
        self.assertEqual(self.drive(driver), [True, True, 4])
        self.assertEqual(self.trace().visits(), {CELL: 1, "__main__:g": 1})

    def test_cprofile_around(self):
        driver = """
import cProfile, pstats, io
f = load("def f(): pass", "/home/me/mine.py")["f"]
profile = cProfile.Profile()
profile.enable()
f()
begin(); run("def g(): pass\\ng()"); result = tracer.end()
f()
profile.disable()
text = io.StringIO(); pstats.Stats(profile, stream=text).print_stats("mine.py")
report(text.getvalue().split("filename:lineno(function)")[1].split()[0]); report(result["events"])
"""
        self.assertEqual(self.drive(driver), ["2", 4])
        self.trace()

    def test_cprofile_inside(self):
        """The user's profiler works, and the trace stays balanced; before 3.12 there can be one profiler only."""
        cell = """
import cProfile, pstats, io
def f(): pass
def g():
    profile = cProfile.Profile()
    profile.enable(); f(); f(); profile.disable()
    return profile
f()
text = io.StringIO(); pstats.Stats(g(), stream=text).print_stats("<cell>")
f()
calls = text.getvalue().split("filename:lineno(function)")[1].split()[0]
"""
        driver = CLEAN + "report(measure(%r)['calls']); report(hooks())" % cell
        _, calls, left = self.drive(driver)
        self.assertEqual((calls, left), ("2", False))
        self.assertGreaterEqual(self.trace().visits()["__main__:f"], 4 if VERSION >= (3, 12) else 1)

    def test_profile_function_set_inside_stays(self):
        driver = """
def mine(frame, event, argument): pass
begin(); run("def f(): sys.setprofile(mine)\\ndef g(): f()\\ng()", dict(new_names(), sys=sys, mine=mine))
report(tracer.end())
report(sys.getprofile() is mine)
sys.setprofile(None)
measure("def h(): pass\\nh()", "2")
"""
        self.assertTrue(self.drive(driver)[1])
        self.assertEqual(self.trace().visits()[CELL], 1)
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:h": 1})

    def test_trace_function_is_none_of_our_business(self):
        driver = """
lines = []
def mine(frame, event, argument):
    lines.append(event)
    return mine
sys.settrace(mine)
begin(); run("def f():\\n    x = 1\\n    return x\\nf()"); result = tracer.end()
report(sys.gettrace() is mine)
sys.settrace(None)
report("line" in lines); report(result["events"])
"""
        self.assertEqual(self.drive(driver), [True, True, 4])

    def test_nothing_is_left(self):
        driver = CLEAN + "measure('def f(): pass\\nf()')\nreport(hooks())\nimport threading\nreport(threading._profile_hook is None)"
        self.assertEqual(self.drive(driver)[1:], [False, True])

    @unittest.skipIf(VERSION < (3, 12), "sys.monitoring is new in Python 3.12")
    def test_all_tools_taken(self):
        driver = """
for i in range(6): sys.monitoring.use_tool_id(i, "tool %d" % i)
begin()
try: tracer.start()
except RuntimeError as problem: report(str(problem))
report(tracer.active())
sys.monitoring.free_tool_id(1)
run("def f(): pass\\nf()")
report(sys.monitoring.get_tool(1))
report(tracer.end())
report(sys.monitoring.get_tool(1))
"""
        said = self.drive(driver)
        self.assertIn("in use", said[0])
        self.assertEqual((said[1], said[2], said[4]), (True, "scorepkernel", None))
        self.assertEqual(self.trace().visits(), {CELL: 1, "__main__:f": 1})

    @unittest.skipIf(VERSION < (3, 12), "sys.monitoring is new in Python 3.12")
    def test_the_user_frees_our_tool(self):
        cell = "import sys\nfor i in range(6):\n    if sys.monitoring.get_tool(i): sys.monitoring.set_events(i, 0); sys.monitoring.free_tool_id(i)"
        driver = "measure('def f(): pass\\nf()\\n' + %r)\nmeasure('def g(): pass\\ng()', '2')" % cell
        self.drive(driver)
        self.assertEqual(self.trace("2").visits()["__main__:g"], 1)


class Forks(Case):
    FORK = """
import os
def f(): pass
f()
child = os.fork()
if child == 0:
    for _ in range(100000): f()
    %s
_, status = os.waitpid(child, 0)
f()
"""

    def check_fork(self, last_words):
        driver = "names = measure(%r, memory_limit=1 << 20)\nreport(names['status'])" % (self.FORK % last_words)
        result, status = self.drive(driver)
        self.assertEqual(status, 0)
        trace = self.trace()
        self.check_result(result, trace)
        self.assertEqual(trace.visits()["__main__:f"], 2)

    def test_child_that_exits_at_once(self):
        self.check_fork("os._exit(0)")

    def test_child_that_exits_in_order(self):
        """Nothing that was buffered in the parent may be written again by the child's exit."""
        self.check_fork("import sys, ctypes; os.dup2(os.open('/dev/null', os.O_WRONLY), 1); ctypes.CDLL(None).exit(0)")

    def test_child_that_calls_us(self):
        self.check_fork("assert not tracer.active(); tracer.stop(); tracer.suspend(); tracer.region_begin('a', 'x', 1); os._exit(0)")

    def test_after_a_flush(self):
        """With files open and half written."""
        cell = """
import os, ctypes
def f(): pass
for _ in range(50000): f()
child = os.fork()
if child == 0:
    for _ in range(50000): f()
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    ctypes.CDLL(None).exit(0)
_, status = os.waitpid(child, 0)
for _ in range(50000): f()
"""
        driver = "names = measure(%r, memory_limit=1 << 20)\nreport(names['status'])" % cell
        result, status = self.drive(driver)
        self.assertEqual(status, 0)
        self.assertGreater(result["flushes"], 1)
        self.assertEqual(self.trace().visits()["__main__:f"], 100000)

    def test_child_that_measures_on_its_own(self):
        driver = CLEAN + """
begin()
names = new_names()
run("def f(): pass\\nf()", names)
tracer.start()
child = os.fork()
if child == 0:
    names["f"]()
    failed = hooks()
    begin("2"); run("def g(): pass\\ng()"); failed |= tracer.end()["events"] != 4
    os._exit(failed)
report(os.waitpid(child, 0)[1])
tracer.stop()
report(tracer.end())
"""
        status, result = self.drive(driver)
        self.assertEqual((status, result["events"]), (0, 4))
        self.assertEqual(self.trace().visits(), {CELL: 1, "__main__:f": 1})
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:g": 1})

    def test_threads_and_fork(self):
        """The other threads' Python states are torn down in the child, while they are open in the parent."""
        cell = """
import os, threading
end = threading.Event()
def work():
    while not end.wait(0.0005): pass
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads: thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0: os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
end.set()
for thread in threads: thread.join()
"""
        driver = "import warnings; warnings.simplefilter('ignore')\nmeasure(%r)" % cell
        (result,) = self.drive(driver)
        trace = self.trace()
        self.check_result(result, trace)
        self.assertEqual(len(trace.locations), 6)

    def test_dying_with_the_parent(self):
        """A process that is not the parent is refused, and not waited for."""
        driver = """
import errno, os, signal
def of_child(parent):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            tracer.die_with_parent(parent)
        except OSError as problem:
            os._exit(problem.errno)
        os._exit(0)
    return os.waitpid(child, 0)[1]
report(os.WEXITSTATUS(of_child(os.getpid())))
report(of_child(os.getppid()) == errno.ESRCH << 8)
"""
        self.assertEqual(self.drive(driver), [0, True])

    def test_multiprocessing(self):
        cell = """
import multiprocessing, warnings
warnings.simplefilter("ignore")
def f(x): return g(x)
def g(x): return x + 1
import __main__; __main__.f = f
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(f, range(20)) == list(range(1, 21))
f(1)
"""
        driver = "import warnings; warnings.simplefilter('ignore')\nmeasure(%r)" % cell
        (result,) = self.drive(driver)
        trace = self.trace()
        self.check_result(result, trace)
        self.assertEqual((trace.visits()["__main__:f"], trace.visits()["__main__:g"]), (1, 1))

    @unittest.skipIf(SANITIZED, "a sanitizer's preloading concerns the child, too")
    def test_child_programs_inherit_nothing(self):
        cell = """
import os
def f(): pass
for _ in range(50000): f()
held = sorted(os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name))
read, write = os.pipe()
os.set_inheritable(write, True)
child = os.fork()
if child == 0: os.execv("/bin/sh", ["sh", "-c", "ls -l /proc/self/fd >&%d" % write])
os.close(write)
listed = os.fdopen(read).read()
os.waitpid(child, 0)
"""
        driver = "names = measure(%r, memory_limit=1 << 20)\nreport([names['held'], names['listed']])" % cell
        _, (held, listed) = self.drive(driver)
        self.assertTrue([path for path in held if path.endswith("0.evt")], "no file was open: the test shows nothing")
        self.assertNotIn(self.directory, listed)

    def test_signals_and_directory_are_untouched(self):
        driver = """
import signal
before = [str(signal.getsignal(i)) for i in range(1, 65) if i in signal.valid_signals()], os.getcwd(), dict(os.environ)
measure("def f(): pass\\nf()")
report(before == ([str(signal.getsignal(i)) for i in range(1, 65) if i in signal.valid_signals()], os.getcwd(), dict(os.environ)))
"""
        self.assertTrue(self.drive(driver)[1])


if __name__ == "__main__":
    unittest.main()
