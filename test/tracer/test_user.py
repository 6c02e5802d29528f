# SPDX-License-Identifier: BSD-3-Clause
"""What the user's code asks of the tracer: one region for the cell's statements, regions of functions, ends without a
beginning, parameters, rewinding, switching off, ending early, threads that ask for themselves."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, VERSION, Case  # noqa: E402

PARAMETER = re.compile(r'^PARAMETER_(\w+) +(\d+) +\d+ +Parameter: "(.*?)" <\d+>, Value: (.*)$', re.M)
SWITCH = re.compile(r"^MEASUREMENT_ON_OFF +(\d+) +(\d+) +Mode: (\w+)", re.M)
# A cell is several code objects, as IPython runs its statements.
STATEMENTS = """
def statements(*sources, **options):
    begin(**options)
    names = new_names()
    codes = [compile(source, "<cell>", "exec") for source in sources]
    tracer.start()
    for code in codes:
        tracer.refresh()
        exec(code, names)
    tracer.stop()
    report(tracer.end())
"""


class User(Case):
    def check_balance(self, trace):
        """Events that are neither enter nor leave are counted in the definitions, too."""
        others = [int(where) for _, where, _, _ in PARAMETER.findall(trace.text)]
        others += [int(where) for where, _, _ in SWITCH.findall(trace.text)]
        counts = {where: (name, count - others.count(where)) for where, (name, count) in trace.locations.items()}
        trace.locations = counts
        super().check_balance(trace)

    def run_cell(self, *sources, **options):
        (result,) = self.drive("%s\nstatements(*%r, **%r)" % (STATEMENTS, sources, options))
        return result, self.trace()

    def parameters(self, trace):
        return [(kind, name, re.sub(r" <\d+>$", "", value)) for kind, _, name, value in PARAMETER.findall(trace.text)]


class Cells(User):
    def test_all_statements_are_one_visit(self):
        result, trace = self.run_cell("def f(): pass\nf()", "f()", "g = 1\nf()")
        self.assertEqual(trace.order(), ["+" + CELL] + ["+__main__:f", "-__main__:f"] * 3 + ["-" + CELL])
        self.assertEqual([row[3] for row in result["regions"] if row[0] == CELL], [1])

    def test_a_region_over_several_statements(self):
        _, trace = self.run_cell("tracer.region_begin('a', 'x', 1)", "def f(): pass\nf()", "print(end='')", "tracer.region_end('a')", "f()")
        f = ["+__main__:f", "-__main__:f"]
        self.assertEqual(trace.order(), ["+" + CELL, "+a", *f, "-a", *f, "-" + CELL])

    def test_long_names_are_cut_between_characters(self):
        name = "n" + "\u20ac" * 2000
        cell = "exec('def %s(): pass\\n%s(); %s()')" % ((name.replace("\u20ac", "\u00e9\u3042"),) * 3)
        result, trace = self.run_cell(cell, "def g(): pass", f"g.__code__ = g.__code__.replace(co_filename='/tmp/{name}'); g(); g()")
        names = [row[0] for row in result["regions"]]
        self.assertFalse([text for row in result["regions"] for text in row[:2] if "\uFFFD" in text])
        self.assertEqual(sorted(row[3] for row in result["regions"] if row[0] != CELL and row[0] != "__main__:<module>")[-2:], [2, 2])
        self.assertTrue(any(name.startswith("__main__:n") and 4090 < len(name.encode()) <= 4096 for name in names))
        self.assertFalse("\uFFFD" in trace.text)

    def test_several_cells(self):
        driver = """
begin(); tracer.end()
import os
os.makedirs(os.path.join(DIRECTORY, "2"))
tracer.begin(os.path.join(DIRECTORY, "2"), cell=(("<cell>", "cell 1"), ("<other>", "cell 2")), own=OWN, library=LIBRARY)
for name, call in ("<cell>", "begin('left open', 'x', 1)"), ("<other>", "end('left open')"):
    tracer.start()
    for source in "def f(): pass\\nf()", "tracer.region_" + call, "f()":
        exec(compile(source, name, "exec"), globals())
    tracer.stop()
report(tracer.end())
"""
        self.drive(driver)
        f, order = ["+__main__:f", "-__main__:f"], self.trace("2").order()
        first = ["+cell", *f, "+left open", *f, "-left open", "-cell"]
        second = ["+cell", "+left open", *f, "-left open", *f, "-cell"]  # it goes on until it is ended
        self.assertEqual([name[:5] if name[1:5] == "cell" else name for name in order], first + second)

    def test_a_cell_within_the_cell(self):
        # As %%time compiles it, and as %%capture runs it.
        inner = "exec(compile('f()', %r, 'exec'))"
        _, trace = self.run_cell("def f(): pass\nf()", inner % "<timed exec>", "tracer.cell('<inner>')\n" + inner % "<inner>", "f()")
        self.assertEqual(trace.order(), ["+" + CELL] + ["+__main__:f", "-__main__:f"] * 4 + ["-" + CELL])

    def test_what_was_never_left_within_a_statement(self):
        # The user's own hook hides leaves from ours: what it left open must not hold the cell's region.
        if VERSION >= (3, 12):
            self.skipTest("from 3.12 on each tool has events of its own")
        result, trace = self.run_cell(
            "import sys\ndef f(): sys.setprofile(lambda *_: None)\nf()", "sys.setprofile(None)", "def g(): pass\ng()"
        )
        self.assertTrue(result["replaced"])
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 1, "__main__:g": 1})

    def test_another_profiler_stays_on(self):
        result, trace = self.run_cell(
            "import cProfile\np = cProfile.Profile()\ndef f(): pass", "p.enable()", "f()", "p.disable()", "f()",
            "assert any('f' == row[0][2] for row in __import__('pstats').Stats(p).stats.items()), 'its own hook was taken out'",
        )
        self.assertEqual(result["replaced"], VERSION < (3, 12))
        self.assertEqual(trace.visits()["__main__:f"], 1 if VERSION < (3, 12) else 2)


class Functions(User):
    def test_the_function_s_own_region(self):
        cell = """
class A:
    def m(self): pass
def f():
    def g(): pass
    return g
a, g = A(), f()
def by_hand(function, *arguments):
    number = tracer.function_begin(function)
    function(*arguments)
    tracer.function_end(number)
for on in True, False:
    if not on: tracer.suspend()
    by_hand(A.m, a); by_hand(g)
"""
        result, trace = self.run_cell(cell)
        self.assertEqual((trace.visits()["__main__.A:m"], trace.visits()["__main__:g"]), (2, 2))
        self.assertEqual(len([row for row in result["regions"] if row[0].endswith((":m", ":g"))]), 2)

    def test_names_that_libraries_give(self):
        if VERSION < (3, 11):
            self.skipTest("code objects have qualified names from 3.11 on")
        cell = "def f(): pass\nf.__code__ = f.__code__.replace(co_name='other')\nf()"
        self.assertIn("__main__:other", self.run_cell(cell)[1].visits())

    def test_what_has_no_code(self):
        cell = "assert tracer.function_begin(len) == -1\ntracer.suspend()\nassert tracer.function_begin(len) == tracer.function_begin(3) == -1\ntracer.function_end(-1); tracer.function_end(12345)"
        self.assertEqual(self.run_cell(cell)[1].visits(), {CELL: 1})

    def test_wrappers_let_through(self):
        driver = """
wrapper = load("def call(f):\\n    return f()", "<through>")["call"]
lib = load("def leaf(): pass", "<library>", __name__="lib")["leaf"]
begin(through=("<through>",))
run("call(leaf)", dict(new_names(), call=wrapper, leaf=lib))
report(tracer.end())
"""
        self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 1, "lib:leaf": 1})


class StrayEnds(User):
    def test_told_and_marked(self):
        cell = """
report(tracer.region_end("nothing"))
tracer.stray_end("nothing", "here.py", 7)
tracer.region_begin("a", "x", 1)
report(tracer.region_end("a")); report(tracer.region_end("a"))
"""
        said = self.drive("%s\nbegin()\nrun(%r, dict(new_names(), report=report))\nreport(tracer.end())" % (STATEMENTS, cell))
        trace = self.trace()
        self.assertEqual(said[:3], [False, True, False])
        self.assertEqual(trace.order(), ["+" + CELL, "+error_region", "-error_region", "+a", "-a", "-" + CELL])
        self.assertEqual(self.parameters(trace), [("STRING", "leave-region", '"nothing"')])

    def test_of_another_thread(self):
        cell = """
import threading
tracer.region_begin("a", "x", 1)
found = []
t = threading.Thread(target=lambda: found.append(tracer.region_end("a"))); t.start(); t.join()
assert found == [False]
assert tracer.region_end("a")
"""
        self.assertEqual(self.run_cell(cell)[1].visits()["a"], 1)


class Parameters(User):
    def test_types_and_limits(self):
        cell = """
def refused(*arguments):
    try: tracer.parameter(*arguments)
    except (OverflowError, TypeError, ValueError): return
    raise AssertionError(arguments)
def f(n):
    tracer.parameter("n", n)
f(-5); f(2**63 - 1); f(-2**63); f(2**63)
tracer.parameter("u", 5, False)
tracer.parameter("t", "ü\\n\\"quoted\\""); tracer.parameter("t", ""); tracer.parameter("t", "x" * 4096); tracer.parameter("n", "same name")
for bad in (2**64,), (-2**63 - 1,), (-1, False), (1.5,), (None,), ("a\\0b",), ("x" * 4097,), ("\\udc80",):
    refused("p", *bad)
refused("", 1); refused("a\\0", 1); refused(1, 1); refused("x" * 5000, 1)
"""
        result, trace = self.run_cell(cell)
        self.assertEqual(result["lost"], 0)
        said = self.parameters(trace)
        self.assertEqual(
            [row[:2] for row in said],
            [("INT64", "n")] * 3 + [("UINT64", "n"), ("UINT64", "u")] + [("STRING", "t")] * 3 + [("STRING", "n")],
        )
        self.assertEqual([row[2] for row in said[:5]], ["-5", str(2**63 - 1), str(-(2**63)), str(2**63), "5"])
        self.assertEqual(said[-1][2], '"same name"')
        self.assertEqual(result["events"], len(trace.events) + len(said))

    def test_very_many_texts(self):
        result, trace = self.run_cell("for i in range(20000): tracer.parameter('p', 'text %d' % (i % 5000))")
        self.assertEqual((result["lost"], len(self.parameters(trace))), (0, 20000))
        self.assertEqual(self.parameters(trace)[4999][2], '"text 4999"')

    def test_where_nothing_is_recorded(self):
        self.drive("tracer.parameter('a', 1)\nbegin()\ntracer.parameter('a', 1)\nrun('')\ntracer.parameter('a', 1)\nreport(tracer.end())")
        self.assertEqual(self.parameters(self.trace()), [])


class Rewinding(User):
    F = "def f(): pass\n"

    def modes(self, trace):
        return [mode for _, _, mode in SWITCH.findall(trace.text)]

    def test_taken_back(self):
        cell = self.F + "f()\ntracer.rewind_begin('r', 'x', 1)\nfor i in range(1000): f()\ntracer.rewind_end('r', True)\nf()"
        result, trace = self.run_cell(cell)
        self.assertEqual((trace.visits()["__main__:f"], self.modes(trace)), (2, ["OFF", "ON"]))
        self.assertEqual((result["rewinds_refused"], result["events"]), (0, len(trace.events) + 2))

    def test_kept(self):
        result, trace = self.run_cell(self.F + "tracer.rewind_begin('r', 'x', 1)\nf()\ntracer.rewind_end('r', False)\nf()")
        self.assertEqual((trace.visits()["__main__:f"], self.modes(trace), result["rewinds_refused"]), (2, [], 0))

    def test_nested(self):
        cell = self.F + """
for outer in True, False:
    tracer.rewind_begin('outer', 'x', 1); f()
    tracer.rewind_begin('inner', 'x', 2); f()
    assert tracer.rewind_end('inner', True); f()
    assert tracer.rewind_end('outer', outer)
    tracer.rewind_begin('outer', 'x', 1); tracer.rewind_begin('inner', 'x', 2); f()
    assert tracer.rewind_end('outer', True) and not tracer.rewind_end('inner', True)
"""
        result, trace = self.run_cell(cell)
        self.assertEqual(trace.visits()["__main__:f"], 2)
        self.assertEqual(result["rewinds_refused"], 0)

    def test_what_cannot_be_taken_back(self):
        cell = self.F + """
def g(): tracer.rewind_begin('begun deeper', 'x', 1)
g(); tracer.rewind_end('begun deeper', True)
def h(): tracer.rewind_end('ended deeper', True)
tracer.rewind_begin('ended deeper', 'x', 1); h()
tracer.rewind_begin('twice', 'x', 1); f(); tracer.rewind_begin('twice', 'x', 1); f()
tracer.rewind_end('twice', True); tracer.rewind_end('twice', True)
tracer.region_begin('open before', 'x', 1); tracer.rewind_begin('crossed', 'x', 1)
tracer.region_end('open before'); tracer.region_begin('another', 'x', 2)
tracer.rewind_end('crossed', True)
assert not tracer.rewind_end('never begun', True)
"""
        result, trace = self.run_cell(cell)
        self.assertEqual(result["rewinds_refused"], 4)
        self.assertEqual(trace.visits()["__main__:f"], 0)  # "twice" can be taken back once, from its first beginning

    def test_of_what_was_written_already(self):
        cell = self.F + "tracer.rewind_begin('r', 'x', 1)\nfor i in range(100000): f()\ntracer.rewind_end('r', True)\nf()"
        result, trace = self.run_cell(cell, memory_limit=1 << 20)
        self.assertGreater(result["flushes"], 0)
        self.assertEqual((result["rewinds_refused"], result["error"]), (1, None))
        self.assertEqual(trace.visits()["__main__:f"], 100001)

    def test_again_and_again(self):
        cell = self.F + "for i in range(3000):\n    tracer.rewind_begin('r', 'x', 1)\n    for j in range(20): f()\n    tracer.rewind_end('r', i % 3 > 0)"
        result, trace = self.run_cell(cell)
        self.assertEqual((trace.visits()["__main__:f"], result["rewinds_refused"]), (20000, 0))

    def test_what_is_taken_back_takes_no_room(self):
        cell = self.F + "for i in range(3000):\n    tracer.rewind_begin('r', 'x', 1)\n    for j in range(50): f()\n    tracer.rewind_end('r', True)"
        result, trace = self.run_cell(cell, memory_limit=1 << 20)
        self.assertEqual((trace.visits()["__main__:f"], result["rewinds_refused"], result["flushes"]), (0, 0, 0))

    def test_an_exception_in_between(self):
        work = "def work(n):\n    tracer.rewind_begin('r', 'x', 1)\n    f()\n    1 / n\n    tracer.rewind_end('r', True)\n"
        cell = self.F + work + "try: work(0)\nexcept ZeroDivisionError: pass\nfor i in range(3): work(1)"
        result, trace = self.run_cell(cell)
        self.assertEqual((trace.visits()["__main__:f"], result["rewinds_refused"]), (1, 0))

    def test_never_ended(self):
        result, trace = self.run_cell(self.F + "for i in range(5): tracer.rewind_begin('r%d' % i, 'x', 1); f()")
        self.assertEqual((trace.visits()["__main__:f"], result["error"]), (5, None))


class Switching(User):
    def test_off_and_on(self):
        cell = "def f(): pass\ndef g(): tracer.record(False); f()\nf(); g(); f()\ntracer.region_begin('a', 'x', 1); tracer.region_end('a')\ntracer.record(False); tracer.record(True); tracer.record(True); f()"
        _, trace = self.run_cell(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 2, "__main__:g": 1})
        # Of g the leave is there, too, or the trace would not nest.
        self.assertEqual([mode for _, _, mode in SWITCH.findall(trace.text)], ["OFF", "ON"] * 2)


class Ending(User):
    def test_while_it_is_being_ended(self):
        # An audit hook is told of each hook of ours that goes in or out.
        hook = "import sys\nsys.addaudithook(lambda event, _: tracer.finalize() if event in ('sys.setprofile', 'sys.monitoring.register_callback') and armed else None)\narmed = False\n"
        work = "def f(): pass\ntracer.resume(); f(); armed = True; tracer.suspend(); tracer.resume(); f()"
        result, _ = self.run_cell(hook + work)
        self.assertEqual(result["error"], None)

    def test_while_it_begins_to_see_functions(self):
        hook = "import sys\nsys.addaudithook(lambda event, _: tracer.finalize() if event in ('sys.setprofile', 'sys.monitoring.register_callback') else None)\n"
        result, trace = self.run_cell(hook + "def f(): pass\ntracer.resume(); f()\ntracer.resume(); f()", instrument=False)
        self.assertEqual((result["error"], trace.visits()), (None, {}))

    def test_more_regions_than_there_is_room_for(self):
        cell = "for i in range(262200): tracer.region_begin(str(i), 'x', 1); assert tracer.region_end(str(i))"
        (result,) = self.drive(f"{STATEMENTS}\nstatements({cell!r}, instrument=False)")  # otf2-print would take a minute
        self.assertGreater(result["lost"], 0)
        self.assertEqual((result["events"] + result["lost"], result["error"]), (2 * 262200, None))


class WithoutInstrumenter(User):
    def test_only_where_it_is_asked_for(self):
        cell = "def f(): pass\ndef g(): f()\ng()\ntracer.region_begin('a', 'x', 1); g(); tracer.region_end('a')\ntracer.resume(); g(); tracer.suspend(); g()"
        _, trace = self.run_cell(cell, "g(); tracer.resume(); f(); tracer.suspend()", instrument=False)
        self.assertEqual(trace.visits(), {"a": 1, "__main__:g": 1, "__main__:f": 2})

    def test_within_the_kernels_code(self):
        # The functions that the thread is in when it is asked for are unseen, and count all the same.
        own = "<own kernel>"
        cell = f"""
def f(): pass
def register(): tracer.region_begin('a', 'x', 1); tracer.resume()
def leave(): tracer.suspend()
exec(compile("def call(*functions):\\n    for each in functions: each()", {own!r}, "exec"))
call(register, f, leave)
exec(compile("import json\\ndef show(): json.dumps(1, indent=1)\\ndef go(): register(); show(); leave()", {own!r}, "exec"))
go(); tracer.resume(); f(); tracer.region_end('a'); f()
"""
        _, trace = self.run_cell(cell, instrument=False)
        f = ["+__main__:f", "-__main__:f"]
        self.assertEqual(trace.order(), ["+a", *f, "+__main__:leave", "-__main__:leave"] + ["+a", "+__main__:leave", "-__main__:leave", *f, "-a", *f, "-a"])

    def test_a_region_over_several_cells(self):
        driver = """
begin(instrument=False)
tracer.start(); tracer.region_begin('a', 'x', 1); tracer.stop()
tracer.start(); ended = tracer.region_end('a'); tracer.stop()
report((ended, tracer.end()["lost"]))
"""
        self.assertEqual(self.drive(driver), [[True, 0]])
        self.assertEqual(self.trace().order(), ["+a", "-a"] * 2)

    def test_it_costs_no_hook(self):
        if VERSION >= (3, 12):
            cell = "import sys\nassert not any(sys.monitoring.get_tool(i) == 'scorepkernel' for i in range(6))"
        else:
            cell = "import sys, threading\nassert sys.getprofile() is None and threading._profile_hook is None"
        self.run_cell(cell, instrument=False)

    def test_of_a_thread_of_its_own(self):
        cell = """
import threading
def f(): pass
def work():
    f(); tracer.resume(); f(); tracer.suspend(); f()
    tracer.region_begin('named', 'x', 1); tracer.region_end('named')
for i in range(2):
    t = threading.Thread(target=work); t.start(); t.join()
assert not tracer.recording()
"""
        _, trace = self.run_cell(cell, instrument=False)
        self.assertEqual(trace.visits(), {"__main__:f": 2, "named": 2})

    def test_of_a_thread_that_was_there_before(self):
        driver = """
import queue, threading
jobs = queue.Queue()
def serve():
    while (job := jobs.get()) is not None:
        job()
thread = threading.Thread(target=serve); thread.start()
for name, instrument in (("1", True), ("2", False)):
    begin(name, instrument=instrument)
    names = dict(new_names(), jobs=jobs, threading=threading)
    run('''
def f(): pass
def job():
    f()
    tracer.region_begin("named", "x", 1); f(); tracer.region_end("named")
    tracer.resume(); f(); tracer.suspend()
    done.set()
done = threading.Event()
jobs.put(job)
done.wait()
''', names)
    report(tracer.end())
jobs.put(None); thread.join()
"""
        self.drive(driver)
        for name in "1", "2":
            visits = self.trace(name).visits()
            self.assertEqual((visits["named"], visits["__main__:f"]), (1, 1), name)


class Finalizing(User):
    def test_in_the_middle(self):
        cell = "def f(): pass\ndef g(): pass\ndef h(): f(); tracer.finalize(); g()\nh()\ng(); tracer.region_begin('a', 'x', 1); tracer.parameter('p', 1); tracer.finalize()"
        result, trace = self.run_cell(cell, "g()")
        self.assertEqual(trace.order(), ["+" + CELL, "+__main__:h", "+__main__:f", "-__main__:f", "-__main__:h", "-" + CELL])
        self.assertEqual(result["events"], 6)

    def test_it_is_on_disk_at_once(self):
        cell = "def f(): pass\nf(); tracer.finalize()\nimport os, subprocess\nassert subprocess.run(['otf2-print', os.path.join(directory, 'traces.otf2')], capture_output=True).returncode == 0"
        self.drive("begin()\nrun(%r, dict(new_names(), directory=os.path.join(DIRECTORY, '1')))\nreport(tracer.end())\nmeasure('x = 1', '2')" % cell)
        self.assertEqual(self.trace("2").visits(), {CELL: 1})

    def test_by_another_thread(self):
        cell = "import threading\ndef f(): pass\nf()\nt = threading.Thread(target=tracer.finalize); t.start(); t.join()\nf()"
        result, trace = self.run_cell(cell, "f()")
        self.assertEqual((trace.visits()["__main__:f"], result["error"]), (1, None))

    def test_where_nothing_is_measured(self):
        driver = """
tracer.finalize()
report(tracer.active())
begin()
tracer.finalize()
report(tracer.active())
tracer.start(); tracer.stop()
report(tracer.end()["events"])
begin("2")
run("tracer.finalize()")
measure("x = 1", "3")
"""
        self.assertEqual(self.drive(driver)[:3], [False, True, 0])
        self.assertEqual(self.trace("3").visits(), {CELL: 1})


if __name__ == "__main__":
    unittest.main()
