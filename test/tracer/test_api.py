# SPDX-License-Identifier: BSD-3-Clause
"""The interface: regions of the user's, suspend and resume, states, arguments."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, Case  # noqa: E402


class Regions(Case):
    def test_begin_and_end(self):
        cell = """
def f(): pass
tracer.region_begin("user:solve", "/home/me/a.py", 12)
f()
tracer.region_begin("user:inner", "/home/me/a.py", 14)
tracer.region_end("user:inner")
tracer.region_end("user:solve")
"""
        result, trace = self.measure(cell)
        solve, inner, f = "user:solve", "user:inner", "__main__:f"
        self.assertEqual(
            trace.order(), ["+" + CELL, "+" + solve, "+" + f, "-" + f, "+" + inner, "-" + inner, "-" + solve, "-" + CELL]
        )
        self.assertIn([solve, "/home/me/a.py", 12, 1], [row[:4] for row in result["regions"]])

    CONTEXT = """
helper = load('''
class region:
    def __init__(self, tracer, name): self.tracer, self.name = tracer, name
    def __enter__(self): self.tracer.region_begin(self.name, "/home/me/a.py", 1)
    def __exit__(self, *exc): self.tracer.region_end(self.name)
''', "<own>")
names = dict(new_names(), region=helper["region"])
begin()
"""

    def test_context_manager_of_ours(self):
        """The frames that begin and end the region are not recorded: it belongs to the user's function."""
        cell = """
def f(): pass
def g():
    with region(tracer, "a"):
        f()
        with region(tracer, "b"): f()
    f()
g()
"""
        (result,) = self.drive("%s\nrun(%r, names)\nreport(tracer.end())" % (self.CONTEXT, cell))
        trace = self.trace()
        self.check_result(result, trace)
        f, g = "__main__:f", "__main__:g"
        calls = ["+a", "+" + f, "-" + f, "+b", "+" + f, "-" + f, "-b", "-a", "+" + f, "-" + f]
        self.assertEqual(trace.order(), ["+" + CELL, "+" + g] + calls + ["-" + g, "-" + CELL])

    def test_left_by_an_exception(self):
        cell = "try:\n    with region(tracer, 'a'): 1 / 0\nexcept ZeroDivisionError: pass"
        self.drive("%s\nrun(%r, names)\nreport(tracer.end())" % (self.CONTEXT, cell))
        self.assertEqual(self.trace().order(), ["+" + CELL, "+a", "-a", "-" + CELL])

    def test_not_ended(self):
        """It ends with the function that began it."""
        cell = "def f(): tracer.region_begin('a', 'x', 1)\nf()\ntracer.region_begin('b', 'x', 2)"
        _, trace = self.measure(cell)
        self.assertEqual(trace.order(), ["+" + CELL, "+__main__:f", "+a", "-a", "-__main__:f", "+b", "-b", "-" + CELL])

    def test_ended_by_a_function_called_since(self):
        """It waits until that function is left: events nest."""
        cell = "def f(): tracer.region_end('a')\ntracer.region_begin('a', 'x', 1)\nf()\nlen('')"
        _, trace = self.measure(cell)
        self.assertEqual(trace.order(), ["+" + CELL, "+a", "+__main__:f", "-__main__:f", "-a", "-" + CELL])

    def test_crossed(self):
        cell = "for n in 'ab': tracer.region_begin(n, 'x', 1)\nfor n in 'abcb': tracer.region_end(n)"
        _, trace = self.measure(cell)
        self.assertEqual(trace.order(), ["+" + CELL, "+a", "+b", "-b", "-a", "-" + CELL])

    def test_of_one_name_in_two_places(self):
        cell = "for i in 1, 2:\n    tracer.region_begin('a', 'x', i)\n    tracer.region_end('a')"
        result, _ = self.measure(cell)
        self.assertEqual(sorted(row[2:4] for row in result["regions"] if row[0] == "a"), [[1, 1], [2, 1]])

    def test_nothing_is_active(self):
        driver = """
for active in False, True:
    if active: begin()
    tracer.region_begin("a", "x", 1); tracer.region_end("a"); tracer.region_end("b")
    tracer.suspend(); tracer.resume(); tracer.stop()
run("")
tracer.region_begin("a", "x", 1); tracer.region_end("a")
report(tracer.end())
tracer.region_begin("a", "x", 1); tracer.region_end("a"); tracer.suspend(); tracer.resume()
"""
        (result,) = self.drive(driver)
        self.assertEqual(result["events"], 2)


class Suspend(Case):
    def test_suspend_and_resume(self):
        cell = """
def f(): g()
def g(): pass
f(); tracer.suspend(); f(); tracer.region_begin("a", "x", 1); tracer.region_end("a"); tracer.resume(); f()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 2, "__main__:g": 2, "a": 1})

    def test_what_is_open_is_left_in_its_time(self):
        cell = """
import time
def f():
    tracer.suspend()
def g():
    f()
    time.sleep(0.05)
g()
tracer.resume()
def h(): pass
h()
"""
        result, trace = self.measure(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 1, "__main__:g": 1, "__main__:h": 1})
        rows = {row[0]: row for row in result["regions"]}
        self.assertLess(rows["__main__:f"][4], 0.05e9)
        self.assertGreaterEqual(rows["__main__:g"][4], 0.05e9)

    def test_resumed_deeper(self):
        cell = "def f(): tracer.resume(); g()\ndef g(): pass\ntracer.suspend(); f(); g()"
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:g": 2})

    def test_forgotten(self):
        # It holds for what else runs in the cell, and not for the next one.
        driver = "begin()\nrun('tracer.suspend()\\ndef f(): pass\\nf()')\nrun('def g(): pass\\ng()')\nreport(tracer.end())"
        self.drive(driver + "\nmeasure('def h(): pass\\nh()', '2')")
        self.assertEqual(self.trace().visits(), {CELL: 1})
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:h": 1})

    def test_one_thread_does_not_suspend_another(self):
        cell = """
import threading
def f(): pass
def quiet(): tracer.suspend(); f()
thread = threading.Thread(target=quiet); thread.start(); thread.join()
f()
tracer.suspend()
thread = threading.Thread(target=f); thread.start(); thread.join()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:f"], 1)
        self.assertEqual(len(trace.locations), 2)


class States(Case):
    def test_order_of_calls(self):
        driver = """
def refused(function, *arguments, **options):
    try: function(*arguments, **options)
    except Exception as problem: report("%s: %s" % (type(problem).__name__, problem))
    else: report("accepted")
report(tracer.active())
refused(tracer.start); refused(tracer.end); refused(tracer.stop)
begin()
report(tracer.active())
refused(begin, "2")
refused(tracer.stop)
tracer.start(); tracer.start(); tracer.stop(); tracer.stop()
import threading
for function in tracer.start, tracer.stop:
    thread = threading.Thread(target=refused, args=(function,)); thread.start(); thread.join()
tracer.start()
thread = threading.Thread(target=refused, args=(tracer.stop,)); thread.start(); thread.join()
result = tracer.end()
report(sorted(result)); report([result["flushes"], result["lost"], result["error"]])
report(tracer.active())
"""
        said = self.drive(driver)
        self.assertEqual(said[0], False)
        self.assertRegex(said[1], "RuntimeError: no measurement is active")
        self.assertRegex(said[2], "RuntimeError: no measurement is active")
        self.assertEqual(said[3:5], ["accepted", True])
        self.assertRegex(said[5], "RuntimeError: a measurement is active already")
        self.assertEqual(said[6], "accepted")
        self.assertRegex(said[7], "RuntimeError: start\\(\\) belongs to the thread")
        self.assertEqual(said[8], "accepted")
        self.assertRegex(said[9], "RuntimeError: stop\\(\\) belongs to the thread")
        self.assertEqual(said[10], ["error", "event_ns", "events", "flushes", "locations", "lost", "parameters", "regions", "replaced", "rewinds_refused", "seconds", "timed", "unwritten"])
        self.assertEqual(said[11:], [[0, 0, None], False])

    def test_never_started(self):
        (result,) = self.drive("begin()\nreport(tracer.end())")
        self.assertEqual(result["seconds"], 0.0)
        self.assertEqual(self.trace().events, [])

    def test_ended_by_another_thread(self):
        driver = """
import threading
begin()
tracer.start()
exec(compile("def f(): pass\\nf()", "<cell>", "exec"), new_names())
thread = threading.Thread(target=lambda: report(tracer.end())); thread.start(); thread.join()
report(sys.getprofile() is None)
measure("def g(): pass\\ng()", "2")
"""
        result, clean, _ = self.drive(driver)
        self.assertTrue(clean)
        self.assertEqual(self.trace().visits()["__main__:f"], 1)
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:g": 1})

    def test_arguments(self):
        driver = r"""
def refused(*arguments, function=tracer.begin, **options):
    options = dict(dict(cell="<cell>", own=(), library=()), **options) if function is tracer.begin else options
    try: function(*arguments, **options)
    except (TypeError, ValueError) as problem: report("TypeError" if isinstance(problem, TypeError) else "ValueError")
    else: report("accepted"); tracer.end() if tracer.active() else None
d = DIRECTORY
refused(); refused(1); refused(d, "c"); refused("a\0b"); refused(d * 2000)
refused(d, cell=1); refused(d, cell=""); refused(d, cell="a\0"); refused(d, cell="\udc80"); refused(d, cell="x" * 5000)
refused(d, own=["a"]); refused(d, own=(1,)); refused(d, own=("",)); refused(d, own=("x",) * 5000)
refused(d, library="abc"); refused(d, process=""); refused(d, process="p" * 256); refused(d, process=None)
refused(d, memory_limit=0); refused(d, memory_limit=1 << 50); refused(d, memory_limit=1 << 62); refused(d, memory_limit="1")
refused(d, surprise=1)
begin_region = tracer.region_begin
refused("a", "b", function=begin_region); refused(1, "b", 1, function=begin_region); refused("a", 1, 1, function=begin_region)
refused("", "b", 1, function=begin_region); refused("a", "b", -1, function=begin_region); refused("a", "b", 1 << 40, function=begin_region)
refused("a" * 5000, "b", 1, function=begin_region); refused(1, function=tracer.region_end); refused("", function=tracer.region_end)
"""
        said = self.drive(driver)
        self.assertEqual(set(said), {"TypeError", "ValueError"}, said)
        self.assertEqual(os.listdir(self.directory), [])

    def test_every_function_explains_itself(self):
        driver = "report([n for n in dir(tracer) if not n.startswith('_') and not getattr(tracer, n).__doc__])\nreport(sorted(n for n in dir(tracer) if not n.startswith('_')))"
        without, names = self.drive(driver)
        self.assertEqual(without, [])
        own = {"active", "begin", "end", "recording", "region_begin", "region_end", "resume", "start", "stop", "suspend"}
        own |= {"cell", "finalize", "function_begin", "take_time", "function_end", "refresh", "stray_end"}
        scorep = {"join_ranks", "load_scorep", "make_umbrella", "parameter", "record", "rewind_begin", "rewind_end"}
        own |= {"read_call_paths", "read_profile", "read_trace"}
        scorep |= {"scorep_directory", "scorep_messages"}
        own |= {"progress_begin", "progress_end", "progress_ends", "progress_open"}
        own |= {"sampling_begin", "sampling_end", "sampling_start", "sampling_statement", "sampling_stop"}
        own |= {"sampling_go_on", "sampling_pause"}
        self.assertEqual(set(names), own | scorep | {"die_with_parent", "fork_plainly", "hold_child_signal", "merge", "prepare_fork"})


class Definitions(Case):
    def test_as_score_p_writes_them(self):
        _, trace = self.measure("def f(): pass\nf()", process="my process")
        for expected in (
            r"CLOCK_PROPERTIES +Ticks per Seconds: 1000000000, Global Offset: \d+, Length: \d+, Date: 20\d\d-",
            r'SYSTEM_TREE_NODE +0 +Name: "Linux" <\d+>, Class: "machine"',
            r'SYSTEM_TREE_NODE +1 +Name: ".+" <\d+>, Class: "node" <\d+>, Parent: "machine::Linux"',
            r'LOCATION_GROUP +0 +Name: "my process" <\d+>, Type: PROCESS, Parent: "node::',
            r'LOCATION +0 +Name: "Master thread" <\d+>, Type: CPU_THREAD, # Events: 4, Group: "my process"',
            r'REGION +1 +Name: "__main__:f" <(\d+)> \(Aka. "__main__:f" <\1>\), Descr.: "" <\d+>, Role: FUNCTION, '
            r'Paradigm: USER, Flags: NONE, File: "<cell>" <\d+>, Begin: 1, End: 0',
        ):
            self.assertRegex(trace.definitions, expected)

    def test_files(self):
        self.measure("import threading\nt = threading.Thread(target=int); t.start(); t.join()")
        found = sorted(os.path.relpath(os.path.join(where, name), self.directory) for where, _, names in os.walk(self.directory) for name in names)
        locations = ["0", str(1 << 32)]
        expected = ["1/traces.def", "1/traces.otf2"] + ["1/traces/%s.%s" % (n, kind) for n in locations for kind in ("def", "evt")]
        self.assertEqual(found, sorted(expected))


if __name__ == "__main__":
    unittest.main()
