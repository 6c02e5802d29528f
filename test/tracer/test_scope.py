# SPDX-License-Identifier: BSD-3-Clause
"""Whose code is recorded: the user's always, libraries where the user's code calls them, our own never."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, Case  # noqa: E402

# Functions that call what they are given, of each kind.
KINDS = """
own = load("def call(f): return f()\\ndef twice(f): f(); return f()", "<own>", __name__="own")
lib = load("def call(f): return f()\\ndef leaf(): pass", "<library>", __name__="lib")
usr = load("def call(f): return f()\\ndef leaf(): pass", "<ipython-input-7>", __name__="usr")
names = dict(new_names(), own=own, lib=lib, usr=usr)
"""


class Scope(Case):
    def run_cell(self, cell):
        (result,) = self.drive("%s\nbegin()\nrun(%r, names)\nreport(tracer.end())" % (KINDS, cell))
        trace = self.trace()
        self.check_result(result, trace)
        return trace

    def test_libraries_below_the_user(self):
        trace = self.run_cell("lib['call'](lib['leaf'])")
        self.assertEqual(trace.visits(), {CELL: 1, "lib:call": 1, "lib:leaf": 1})

    def test_own_is_never_recorded(self):
        trace = self.run_cell("own['call'](len.__call__ if 0 else int)")
        self.assertEqual(trace.visits(), {CELL: 1})

    def test_libraries_below_own_are_not(self):
        trace = self.run_cell("own['call'](lib['leaf'])\nlib['leaf']()")
        self.assertEqual(trace.visits(), {CELL: 1, "lib:leaf": 1})

    def test_the_user_below_own_is(self):
        trace = self.run_cell("own['twice'](lambda: lib['call'](usr['leaf']))\nlib['leaf']()")
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:<lambda>": 2, "lib:call": 2, "usr:leaf": 2, "lib:leaf": 1})

    def test_own_below_library_below_own(self):
        trace = self.run_cell("own['call'](lambda: own['call'](lambda: 1))\nlib['call'](lambda: own['call'](lib['leaf']))")
        calls = [name for name in trace.order() if name[0] == "+" and name.endswith(":<lambda>")]
        self.assertEqual(len(calls), 3)
        self.assertEqual((trace.visits()["lib:call"], trace.visits()["lib:leaf"]), (1, 0))

    def test_after_an_exception_through_own(self):
        cell = """
def fail(): raise KeyError
try: own['call'](fail)
except KeyError: pass
lib['leaf']()
"""
        trace = self.run_cell(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:fail": 1, "lib:leaf": 1})

    def test_imports(self):
        """The import system is not recorded, nor what a library does as it is imported; the user's module is."""
        with open(os.path.join(self.directory, "mymodule.py"), "w") as file:
            file.write("def f(): pass\nf()\n")
        driver = "sys.path.insert(0, DIRECTORY)\nmeasure('import mymodule, wave\\nmymodule.f()')"
        (result,) = self.drive(driver)
        trace = self.trace()
        self.assertEqual(trace.visits(), {CELL: 1, "mymodule:<module>": 1, "mymodule:f": 2})

    def test_generated_code(self):
        """The methods of a data class belong to whoever calls them."""
        cell = """
from dataclasses import dataclass
@dataclass
class P:
    x: int = 1
p = P()
own['call'](lambda: P())
own['call'](P)
"""
        (result,) = self.drive("%s\nbegin()\nrun(%r, names)\nreport(tracer.end())" % (KINDS, cell))
        self.assertEqual([row[3] for row in result["regions"] if row[1] == "<string>" and row[0].endswith(":__init__")], [2])

    def test_nothing_outside_the_root(self):
        driver = KINDS + """
begin()
tracer.start()
usr["leaf"](); lib["call"](usr["leaf"]); own["call"](usr["leaf"])
exec(compile("usr['leaf']()", "<cell>", "exec"), names)
usr["leaf"]()
tracer.stop()
usr["leaf"]()
report(tracer.end())
"""
        self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 1, "usr:leaf": 1})

    def test_functions_of_the_cell_are_no_roots(self):
        driver = """
begin()
names = run("def f(): pass")
tracer.start(); names["f"](); tracer.stop()
report(tracer.end())
"""
        self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 1})

    def test_a_display_hook(self):
        """As the kernel shows the value of a cell's last line: our code, below the root, calls the user's."""
        cell = """
class Shown:
    def _repr_html_(self): return lib['call'](lambda: "<b>")
own['call'](Shown()._repr_html_)
"""
        trace = self.run_cell(cell)
        self.assertEqual(sum(count for name, count in trace.visits().items() if name.endswith("_repr_html_")), 1)
        self.assertEqual(trace.visits()["lib:call"], 1)

    def test_several_statements(self):
        driver = """
begin()
names = new_names()
for i in range(10): run("def f(): pass\\nf()\\nf()", names)
report(tracer.end())
"""
        (result,) = self.drive(driver)
        trace = self.trace()
        self.check_result(result, trace)
        self.assertEqual(trace.visits(), {CELL: 10, "__main__:f": 20})

    def test_a_long_pause_is_nobodys_time(self):
        driver = """
import time
begin()
names = run("x = 1"); time.sleep(0.3); run("x = 2", names)
report(tracer.end())
"""
        (result,) = self.drive(driver)
        self.assertGreater(result["seconds"], 0.3)
        self.assertLess(result["regions"][0][4], 0.2e9)

    def test_stopped_inside_the_cell(self):
        """What is open is left at the stop, and its own end does not disturb."""
        cell = "def f(): tracer.stop()\ndef g(): f()\ng()\ng()"
        (result,) = self.drive("measure(%r)" % cell)
        trace = self.trace()
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:g": 1, "__main__:f": 1})
        self.assertEqual(result["events"], 6)

    def test_ended_inside_the_cell(self):
        cell = "def f(): report(tracer.end())\ndef g(): f()\ng()\ng2 = g"
        driver = "begin()\nrun(%r, dict(new_names(), report=report))\nreport(tracer.active())" % cell
        result, active = self.drive(driver)
        self.assertFalse(active)
        self.assertEqual(self.trace().visits(), {CELL: 1, "__main__:g": 1, "__main__:f": 1})


if __name__ == "__main__":
    unittest.main()
