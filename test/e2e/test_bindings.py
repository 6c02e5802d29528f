# SPDX-License-Identifier: BSD-3-Clause
"""The Python interface and the arguments of Score-P's bindings, in every way of measuring: what the trace holds. That it is
what the bindings' own trace holds is test_corpus.py's business."""

import os
import re
import subprocess
import unittest

from kernel import Trace
from measuring import SCOREP, ByScoreP, TracedCase

# In the place of the bindings: as if they were not installed, in the session and in whatever it starts.
HIDDEN = """
import importlib.machinery as machinery
_find = machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition('.')[0] == 'scorep' else _find(name, path, target)
machinery.PathFinder.find_spec = find_spec
"""
DEFINITIONS = """
import os, threading
def leaf(n):
    return n
def work(n):
    for i in range(n):
        leaf(i)
    return n
"""
ARGUMENTS = "%%scorep_python_binding_arguments "
PARAMETER = re.compile(r'^PARAMETER_(\w+) +\d+ +\d+ +Parameter: "(.*?)" <\d+>, Value: (.*?)(?: <\d+>)?$', re.M)


class Basics(TracedCase):
    """The little that is tried in every way of measuring there is."""

    process = "auto"

    def setUp(self):
        self.ok(DEFINITIONS)
        self.ok(f"%%marshalling_settings PROCESS={self.process}")
        self.addCleanup(self.ok, ARGUMENTS + "-")

    def measured(self, code, status="ok"):
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        return outcome

    def events(self, outcome):
        """Enter and leave of what is the cell's, shortly."""
        found = []
        for kind, name in re.findall(r'^(ENTER|LEAVE) .*?Region: "(.*)" <\d+>$', self.printed(outcome), re.M):
            if name.startswith(("__main__", "user", "error_region")):
                found.append(("+" if kind == "ENTER" else "-") + name.replace("__main__:", ""))
        return [name for name in found if name[1:] not in ("<module>", "find_spec")]

    def printed(self, outcome):
        anchor = os.path.join(outcome.experiment, "traces.otf2")
        done = subprocess.run(["otf2-print", anchor], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def visits(self, outcome):
        return {name: count for name, count in Trace(outcome.experiment).enters.items() if name.startswith(("__main__", "user"))}

    def arguments(self, text):
        outcome = self.ok(ARGUMENTS + text)
        self.assertIn(text, outcome.text())
        return outcome.text()

    def refused(self, text, *parts):
        before = self.ok(ARGUMENTS).text()
        outcome = self.fails(ARGUMENTS + text, "ScorePDirectiveError")
        for part in (*parts, "Nothing was changed"):
            self.assertIn(part, outcome.reply["evalue"])
        self.assertNotIn("Install Score-P", outcome.reply["evalue"])
        self.assertEqual(self.ok(ARGUMENTS).text(), before)

    def test_one_import_is_enough(self):
        forget = "import sys\nfor name in [n for n in sys.modules if n.split('.')[0] == 'scorep']: del sys.modules[name]"
        use = "with scorep.instrumenter.disable('dark'):\n    leaf(1)\nwith scorep.user.region('lit'): leaf(2)\nversion = scorep.__version__"
        for before in ("", "import scorep"):
            self.ok(forget)
            self.ok(before)
            outcome = self.measured("import scorep\n" + use)
            self.assertEqual(self.events(outcome), ["+user_instrumenter:dark", "-user_instrumenter:dark", "+user:lit", "+leaf", "-leaf", "-user:lit"])
        self.assertRegex(self.ok("import scorep; scorep.__version__").result, r"'\d+\.\d+")

    def test_nested_in_any_order(self):
        code = """
import scorep
from scorep.instrumenter import enable, disable
with disable():
    with disable(): leaf(1)
    leaf(2)
    with enable():
        leaf(3)
        with enable(): leaf(4)
        leaf(5)
        with disable(): leaf(6)
        leaf(7)
    leaf(8)
leaf(9)
"""
        self.assertEqual(self.visits(self.measured(code))["__main__:leaf"], 5)

    def test_an_end_without_a_beginning(self):
        outcome = self.measured("import scorep\nscorep.user.region_end('a')\nscorep.user.region_end('b')\nleaf(1)")
        self.assertEqual(self.events(outcome), ["+error_region", "-error_region"] * 2 + ["+leaf", "-leaf"])
        names = [value for _, name, value in PARAMETER.findall(self.printed(outcome)) if name == "leave-region"]
        self.assertEqual(names, ['"user:a"', '"user:b"'])
        self.assertEqual(outcome.text("stderr").count("scorep.user.region_end('a')"), 1)
        self.assertNotIn("('b')", outcome.text("stderr"))

    def test_without_instrumenter(self):
        for argument in ("--noinstrumenter", "--nopython"):
            self.arguments(argument)
            code = "import scorep\nwork(2)\nwith scorep.instrumenter.enable('lit'):\n    leaf(1)\nwith scorep.user.region('seen'): leaf(2)"
            self.assertEqual(
                self.events(self.measured(code)),
                ["+user_instrumenter:lit", "+leaf", "-leaf", "-user_instrumenter:lit", "+user:seen", "-user:seen"],
            )
            self.assertEqual(self.visits(self.measured("work(2)")), {})
        self.ok(ARGUMENTS + "-")
        self.assertEqual(self.visits(self.measured("work(2)"))["__main__:leaf"], 2)


class Interface(Basics):
    """In the session, by the built-in tracer."""

    def test_in_an_ordinary_cell(self):
        outcome = self.ok(
            """
import scorep, scorep.user, scorep.instrumenter
from scorep.user import region
from scorep.instrumenter import enable, disable
with enable(), enable("a"), disable(), disable("b"), region("c"):
    leaf(1)
@region()
@enable("d")
@disable()
def f(n):
    return leaf(n)
scorep.instrumenter.register(); f(1); scorep.instrumenter.unregister()
i = scorep.instrumenter.get_instrumenter()
i.register(); i.unregister(); i.run("leaf(1)", globals())
scorep.user.region_begin("e"); scorep.user.region_end("e"); scorep.user.region_end("never begun")
scorep.user.rewind_begin("r"); scorep.user.rewind_end("r", True); scorep.user.rewind_end("never begun", True)
scorep.user.parameter_int("p", 1); scorep.user.parameter_uint("p", 1); scorep.user.parameter_string("p", "1")
scorep.user.enable_recording(); scorep.user.disable_recording()
scorep.user.force_finalize(); scorep.user.reregister_exit_handler()
assert scorep.instrumenter.has_c_instrumenter() and not i.get_registered()
f(2)
"""
        )
        self.assertEqual((outcome.text(), outcome.text("stderr")), ("", ""))
        self.assertEqual(self.visits(self.measured("leaf(1)"))["__main__:leaf"], 1)  # nothing of it is left

    # --- functions and regions ---------------------------------------------------------------------------------

    def test_decorators(self):
        self.ok(
            """
import scorep
class Solver:
    @scorep.user.region()
    def step(self, n): return leaf(n)
    @scorep.user.region("named")
    def named(self, n): return leaf(n)
@scorep.instrumenter.disable()
def dark(n): return scorep.instrumenter.enable("lit")(work)(n)
"""
        )
        each = ["+__main__.Solver:step", "-__main__.Solver:step"]
        self.assertEqual(self.events(self.measured("s = Solver()\ns.step(1)")), [each[0], "+leaf", "-leaf", each[1]])
        self.assertEqual(
            self.events(self.measured("with scorep.instrumenter.disable():\n    s.step(1)\n    s.named(1)")),
            [*each, "+user:named", "-user:named"],
        )
        self.assertEqual(
            self.events(self.measured("dark(1)")),
            ["+user_instrumenter:lit", "+work", "+leaf", "-leaf", "-work", "-user_instrumenter:lit"],
        )

    def test_instrumented_modules(self):
        self.ok(
            """
import types, math, scorep
mine = types.ModuleType("mine")
exec("def f(n): return g(n)\\ndef g(n): return n\\nclass C: pass", mine.__dict__)
for i in range(3): scorep.user.instrument_module(mine)
sqrt = scorep.user.instrument_function(math.sqrt)
"""
        )
        code = "with scorep.instrumenter.disable():\n    mine.f(1)\n    sqrt(4)"
        if self.process == "launch":
            self.skipTest("a module that is not on disk does not travel")
        found = re.findall(r'^ENTER .*?Region: "((?:mine|math):.*)" <\d+>$', self.printed(self.measured(code)), re.M)
        self.assertEqual(found, ["mine:f", "mine:g", "math:sqrt"])

    def test_phases_for_online_access(self):
        outcome = self.measured("import scorep\nscorep.user.oa_region_begin('__main__:phase')\nleaf(1)\nscorep.user.oa_region_end('__main__:phase')")
        self.assertEqual(self.events(outcome), ["+phase", "+leaf", "-leaf", "-phase"])
        self.assertIn("oa_region_end('b')", self.measured("scorep.user.oa_region_end('b')").text("stderr"))

    def test_over_statements_cells_and_the_end(self):
        outcome = self.measured("import scorep\nscorep.user.region_begin('a')\nleaf(1)\nscorep.user.region_end('a')\nleaf(2)")
        self.assertEqual(self.events(outcome), ["+user:a", "+leaf", "-leaf", "-user:a", "+leaf", "-leaf"])
        outcome = self.measured("scorep.user.region_begin('open')\nleaf(1)")
        self.assertEqual(self.events(outcome), ["+user:open", "+leaf", "-leaf", "-user:open"])
        outcome = self.measured("scorep.user.region_end('open')")
        self.assertEqual(self.events(outcome), ["+error_region", "-error_region"])

    def test_one_region_for_the_cell(self):
        outcome = self.measured("leaf(1)\nleaf(2)\nfor i in range(2): leaf(i)\nleaf(3)")
        self.assertEqual(self.visits(outcome), {"__main__:<module>": 1, "__main__:leaf": 5})

    def test_names(self):
        code = "def outer():\n    def inner(): pass\n    inner()\n    return lambda: 1\nouter()()\nclass A:\n    class B:\n        def m(self): pass\nA.B().m()"
        found = set(self.visits(self.measured(code)))
        self.assertLessEqual({"__main__:outer", "__main__:inner", "__main__:<lambda>"}, found)
        self.assertIn("__main__.B:m", found)

    def test_parameters(self):
        code = "import scorep\nscorep.user.parameter_int('i', -3)\nscorep.user.parameter_uint('u', 2**64 - 1)\nscorep.user.parameter_string('s', 'ü')\ndef f():\n    scorep.user.parameter_int('i', 4)\nfor i in range(3): f()"
        self.ok("import scorep.user")
        outcome = self.measured(code)
        said = [("INT64", "i", "-3"), ("UINT64", "u", str(2**64 - 1)), ("STRING", "s", '"ü"')] + [("INT64", "i", "4")] * 3
        self.assertEqual(PARAMETER.findall(self.printed(outcome)), said)
        self.assertRegex(outcome.report, r"\b3  f  \(")  # Score-P's profile has one of its visits

    def test_rewinding(self):
        code = "import scorep\nleaf(0)\nscorep.user.rewind_begin('r')\nwork(5)\nscorep.user.rewind_end('r', {})\nleaf(1)"
        outcome = self.measured(code.format(True))
        self.assertEqual(self.events(outcome), ["+leaf", "-leaf"] * 2)
        self.assertEqual(re.findall(r"^MEASUREMENT_ON_OFF .*Mode: (\w+)", self.printed(outcome), re.M), ["OFF", "ON"])
        self.assertEqual(self.visits(self.measured(code.format(False)))["__main__:leaf"], 7)
        outcome = self.measured("def f(): scorep.user.rewind_begin('r')\nf()\nscorep.user.rewind_end('r', True)")
        self.assertIn("scorep.user.rewind_end could not take events back once", outcome.report)
        outcome = self.measured("scorep.user.rewind_end('never', True)")
        self.assertIn("no rewind region of that name has begun", outcome.text("stderr"))

    def test_recording_off_and_on(self):
        outcome = self.measured("import scorep\nleaf(1)\nscorep.user.disable_recording()\nleaf(2)\nscorep.user.enable_recording()\nleaf(3)")
        self.assertEqual(self.visits(outcome)["__main__:leaf"], 2)

    def test_force_finalize(self):
        code = """
import scorep
leaf(1)
scorep.user.force_finalize()
leaf(2)
with scorep.user.region("late"), scorep.instrumenter.disable("late"): leaf(3)
scorep.user.region_end("late"); scorep.user.parameter_int("late", 1); scorep.user.rewind_begin("late"); scorep.user.rewind_end("late", True)
scorep.instrumenter.unregister(); scorep.instrumenter.register(); scorep.user.force_finalize()
after = 1
"""
        outcome = self.measured(code)
        self.assertEqual(self.events(outcome), ["+leaf", "-leaf"])
        self.assertEqual((outcome.text("stderr"), self.ok("after").result), ("", "1"))
        self.assertEqual(self.visits(self.measured("leaf(1)"))["__main__:leaf"], 1)

    def test_threads(self):
        code = """
import scorep
def run(function):
    thread = threading.Thread(target=function); thread.start(); thread.join()
def own():
    with scorep.instrumenter.enable("in a thread"): leaf(1)
    leaf(2)
    with scorep.user.region("of a thread"): pass
with scorep.instrumenter.disable():
    run(own)
def dark():
    with scorep.instrumenter.disable(): leaf(3)
    leaf(4)
run(dark)
leaf(5)
"""
        found = self.visits(self.measured(code))
        self.assertEqual(found["__main__:leaf"], 3)
        self.assertEqual((found["user_instrumenter:in a thread"], found["user:of a thread"]), (1, 1))

    def test_children_of_the_cell(self):
        code = """
import scorep
with scorep.user.region("parent"):
    pid = os.fork()
    if pid == 0:
        scorep.user.region_begin("child"); leaf(1); scorep.user.region_end("child"); scorep.user.region_end("never begun")
        scorep.user.parameter_int("child", 1); scorep.user.force_finalize()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""
        self.assertEqual(self.events(self.measured(code)), ["+user:parent", "-user:parent"])

    # --- bad input -----------------------------------------------------------------------------------------------

    def test_bad_arguments_of_functions(self):
        code = """
import scorep
u, i = scorep.user, scorep.instrumenter
calls = [
    (u.region_begin,), (u.region_begin, 1), (u.region_begin, "a", 1, 1), (u.region_begin, "a", "b", "c"), (u.region_begin, "a", "b", -1),
    (u.region_begin, "x" * 5000), (u.region_begin, "a\\0b"), (u.region_begin, "\\udc80"), (u.region_end,), (u.region_end, None),
    (u.region, 1, 2), (u.region, 5), (i.enable, 5), (i.disable, 5), (u.rewind_begin,), (u.rewind_begin, 5), (u.rewind_end, "a"), (u.rewind_end, 5, True),
    (u.parameter_int, "a"), (u.parameter_int, "a", "1"), (u.parameter_int, "a", 1.5), (u.parameter_int, "a", 2**64), (u.parameter_int, "a", None),
    (u.parameter_int, 1, 1), (u.parameter_uint, "a", -1), (u.parameter_string, "a", 1), (u.parameter_string, "a", "x" * 5000),
    (u.instrument_module, 5), (u.instrument_function,), (i.get_instrumenter, True, "nonsense"), (i.enable, 1, 2),
]
wrong = []
for function, *arguments in calls:
    try: function(*arguments)
    except (TypeError, ValueError, OverflowError, RuntimeError): pass
    else: wrong.append((function.__name__, arguments))
try: u.region().__enter__()
except RuntimeError: pass
else: wrong.append("a context without a name")
wrong
"""
        outcome = self.measured(code)
        self.assertIn(outcome.result, ("[]", None), outcome.result)
        self.assertEqual(self.ok("wrong").result, "[]")
        self.assertEqual([name for name in self.visits(outcome) if name.startswith("user:")], [])

    # --- arguments -----------------------------------------------------------------------------------------------

    def test_types_of_instrumenter(self):
        for kind in ("profile", "trace", "cProfile", "cTrace"):
            said = self.arguments(f"--instrumenter-type={kind}")
            self.assertEqual("by the kernel's own hook" in said, kind != "cProfile", said)
            self.assertEqual(self.visits(self.measured("work(2)"))["__main__:leaf"], 2)
        self.assertIn("nothing is recorded", self.arguments("--instrumenter-type=dummy"))
        outcome = self.measured("import scorep\nwith scorep.instrumenter.enable('a'), scorep.user.region('b'): work(2)\ndummy = 1")
        self.assertEqual((self.visits(outcome), self.ok("dummy").result), ({}, "1"))
        self.assertTrue(os.path.exists(outcome.experiment))
        for bad in ("--instrumenter-type=nonsense", "--instrumenter-type=", "--instrumenter-type"):
            self.refused(bad, bad, "profile, trace, cProfile, cTrace and dummy")

    def test_instrumenter_file(self):
        path = os.path.join(self.work, "hook it.py")
        self.refused(f"--instrumenter-file='{path}'", "there is no file", path)
        self.refused("--instrumenter-file=", "names no file")
        module = os.path.join(self.work, "hooked_module.py")
        with open(module, "w") as file:
            file.write("def inside(n): return n\ndef around(n): return inside(n)\n")
        with open(path, "w") as file:
            file.write("import scorep.user, hooked_module\nscorep.user.instrument_module(hooked_module)\nown = 1\n")
        self.arguments(f"--noinstrumenter --instrumenter-file='{path}'")
        for _ in range(3):
            outcome = self.measured("import hooked_module\nhooked_module.around(1)\nassert 'own' not in globals()")
            found = re.findall(r'^ENTER .*?Region: "(.*)" <\d+>$', self.printed(outcome), re.M)
            self.assertEqual(found, ["hooked_module:around", "hooked_module:inside"])
        with open(path, "w") as file:
            file.write("x = 1\ny = 1 / 0\n")
        before = set(os.listdir(self.work))
        outcome = self.run_cell(SCOREP + "never = 1")
        self.assertEqual((outcome.reply["status"], outcome.reply["ename"]), ("error", "ZeroDivisionError"))
        self.assertIn("y = 1 / 0", re.sub("\x1b.*?m", "", "\n".join(outcome.reply["traceback"])))
        self.assertIn("The cell was not run", outcome.text("stderr"))
        with open(path, "w") as file:
            file.write("x = (\n")
        self.assertIn("hook it.py", self.fails(SCOREP + "never = 1", "NotMeasured").reply["evalue"])
        os.unlink(path)
        self.assertIn("No such file", self.fails(SCOREP + "never = 1", "NotMeasured").reply["evalue"])
        self.assertEqual(self.ok("'never' in globals()").result, "False")
        self.assertEqual(set(os.listdir(self.work)), before - {"hook it.py"})  # no experiment was begun

    def test_instrumenter_file_that_registers(self):
        path = os.path.join(self.work, "registers.py")
        with open(path, "w") as file:
            file.write("import functools, scorep.instrumenter, scorep.user, with_root as m\nscorep.instrumenter.register()\n")
            file.write("m.root = scorep.user.instrument_function(m.root, functools.partial(scorep.user.region, 'root'))\n")
            file.write("scorep.user.force_finalize()\n")
        with open(os.path.join(self.work, "with_root.py"), "w") as file:
            file.write("import math\nroot = math.sqrt\n")
        self.ok(f"import os, sys\nsys.path.append({self.work!r})\nimport with_root\nos.chdir({self.work!r})")
        self.arguments("--noinstrumenter --instrumenter-file=registers.py")
        self.ok("os.chdir('/')")  # where the arguments were set decides
        for _ in range(3):
            outcome = self.measured("work(1); with_root.root(4)")
            self.assertEqual(self.events(outcome), ["+work", "+leaf", "-leaf", "-work", "+user:root", "-user:root"])
            self.assertIn("nothing is measured yet", outcome.text("stderr"))
        self.ok(f"os.chdir({self.work!r})")

    def test_cells_within_the_cell(self):
        for code in ("%%time\nwork(1)", "%%capture\nwork(1)", "%time work(1)", "%%time\nfor i in range(1): pass\nwork(1)"):
            with self.subTest(code=code):
                outcome = self.measured(code)
                found = {name: count for name, count in Trace(outcome.experiment).enters.items() if name.startswith("__main__")}
                self.assertEqual(found, {"__main__:<module>": 1, "__main__:work": 1, "__main__:leaf": 1})

    def test_registered_within_the_kernels_code(self):
        self.arguments("--noinstrumenter")
        outcome = self.measured("import scorep.instrumenter\nscorep.instrumenter.register()\nwork(1)\nprint(1)\n4")
        self.assertEqual(set(Trace(outcome.experiment).enters) - {"__main__:work", "__main__:leaf"}, set())

    def test_a_switch_that_another_thread_ends(self):
        code = (
            "import scorep.instrumenter\nswitch = scorep.instrumenter.disable()\nswitch.__enter__()\n"
            "thread = threading.Thread(target=switch.__exit__, args=(None,) * 3)\nthread.start(); thread.join()\n"
            "switch.__exit__()"
        )
        self.assertNotIn("Traceback", self.measured(code).text("stderr"))

    def test_a_profiler_of_ones_own(self):
        code = (
            "import scorep.instrumenter, sys\nseen = []\nsys.setprofile(lambda *what: seen.append(1))\n"
            "with scorep.instrumenter.disable():\n    pass\nwork(1)\nsys.setprofile(None)\nassert seen"
        )
        self.measured(code)

    def test_what_is_told(self):
        self.assertIn("no temporary files", self.arguments("--keep-files"))
        self.assertNotIn("Note", self.arguments("--user --nocompiler --thread=pthread"))
        self.arguments("--verbose")
        outcome = self.measured("leaf(1)")
        self.assertRegex(outcome.text("stderr"), r"scorep: measured by .*; experiment /")
        self.arguments("-v")
        self.assertIn("scorep: measured by", self.measured("leaf(1)").text("stderr"))

    def test_what_is_refused(self):
        self.refused("--nonsense", "--nonsense")
        self.refused("--verbose --thread", "--thread")
        self.refused("program.py", "program.py")
        self.refused("-- program.py", "leave it out")
        self.refused("--help", "scorep-config --help")
        self.refused("--libs", "asks scorep-config")
        self.refused("--nouser", "switch off all")
        self.refused("--keep-files=yes", "--keep-files=yes")

    def test_said_twice(self):
        self.arguments("--noinstrumenter --noinstrumenter --instrumenter-type=dummy --instrumenter-type=cProfile")
        self.assertEqual(self.visits(self.measured("import scorep\nleaf(1)\nwith scorep.instrumenter.enable(): leaf(2)")), {"__main__:leaf": 1})


class InterfaceByScoreP(ByScoreP, Interface):
    def test_what_score_p_refuses(self):
        self.refused("--thread=nonsense", "--thread=nonsense", "Unknown threading system")
        self.refused("--mpi", "--mpp=mpi", "mpi")
        if self.process == "auto":
            self.assertIn("measured cells are launched", self.arguments("--io=runtime:posix"))
            self.assertRegex(self.measured("leaf(1)").report, "launched.*--io=runtime:posix")
            self.fails("%%marshalling_settings PROCESS=session", "ScorePDirectiveError")
            self.ok(ARGUMENTS + "-")
            self.ok("%%marshalling_settings PROCESS=session")
            self.refused("--io=runtime:posix", "PROCESS=session asks for the session")


class Tracer(Basics):
    def test_what_the_tracer_does_not_know(self):
        said = self.arguments("--io=runtime:posix --memory")
        self.assertIn("the built-in tracer, which measures here", said)
        self.assertIn("in the session", self.measured("leaf(1)").report)


class WithoutBindings(Interface):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        case.ok(HIDDEN)
        assert case.ok("import scorep; scorep.__version__").result == "'4.5.1'"


class WithoutBindingsByScoreP(ByScoreP, Basics):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().ok(HIDDEN)


class Launched(Interface):
    process = "launch"


class LaunchedByScoreP(InterfaceByScoreP):
    process = "launch"


class Forked(Basics):
    process = "forked"


class ForkedByScoreP(ByScoreP, Basics):
    process = "forked"


if __name__ == "__main__":
    unittest.main()
