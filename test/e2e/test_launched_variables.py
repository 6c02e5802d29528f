# SPDX-License-Identifier: BSD-3-Clause
"""The notebook's variables in cells that run in a process of their own, launched afresh or forked: they go there and
come back as if the cell had run in the session."""

import os
import sqlite3
import subprocess
import unittest

from launching import ForkedCase, ProcessCase, plain
from measuring import SCOREP, ByScoreP


class Variables:
    """What holds for both kinds of such processes."""

    def test_it_runs_elsewhere_and_is_measured(self):
        outcome, trace = self.measured("fib(5)\nThing().method()\nos.getpid()")
        self.assertEqual((trace.calls("fib"), trace.calls("leaf")), (15, 1))
        self.assertEqual(trace.calls("__getstate__") + trace.calls_of_method("Thing", "__getstate__"), 0)
        self.assertNotEqual(int(outcome.result), self.value("os.getpid()"))

    def test_variables_go_there_and_come_back(self):
        self.ok("a = [1]; alias = a; d = {'a': a}; kept = [2]; same = kept; before = id(kept); gone = 1; text = 'x'")
        outcome, _ = self.measured(
            "a.append(2)\nalias is a and d['a'] is a\nfor i in range(3): pass\ntext += 'y'\ndel gone\nexec('made = 5')\n"
            "if (w := 7): pass\n[*a, *kept]"
        )
        self.assertEqual(outcome.result, "[1, 2, 2]")
        self.assertEqual(
            self.value("a, alias is a, d['a'] is a, i, text, 'gone' in globals(), made, w, id(kept) == before"),
            ([1, 2], True, True, 2, "xy", False, 5, 7, True),
        )

    def test_what_did_not_change_stays_the_same_object(self):
        self.ok("kept = [2]; holder = [kept]; a = [1]; before = id(kept), id(holder)")
        for code in ("kept[0]", "kept", "a.append(2)"):
            with self.subTest(code):
                self.measured(code)
                self.assertEqual(self.value("before == (id(kept), id(holder)), holder[0] is kept, kept"), (True, True, [2]))
                self.ok("before = id(kept), id(holder)")

    def test_arrays_are_changed_in_place(self):
        self.ok("import numpy as np\na = np.zeros(1_000_000); view = a[10:20]; same = id(a)")
        self.measured("a[15] = 3\na.sum()")
        self.assertEqual(self.value("float(a[15]), float(view[5]), id(a) == same, float(a.sum())"), (3, 3, True, 3))
        self.ok("a[15] = 4")
        self.assertEqual(self.measured("float(view[5])")[0].result, "4.0")

    def test_arrays_stay_on_their_file(self):
        self.ok(
            "import numpy as np\npath = os.path.abspath('mapped'); m = np.memmap(path, 'f8', 'w+', shape=(1000,)); m[1] = 1\n"
            "view = m[10:20]; holder = {'m': m}; same = id(m)"
        )
        try:
            outcome, _ = self.measured("m[15] = 3\nholder['more'] = 1\n(float(m[1]), float(view[5]), type(m).__name__, m.mode)")
            self.assertEqual(outcome.result, "(1.0, 3.0, 'memmap', 'w+')")
            self.ok("m[16] = 4; m.flush()")
            self.assertEqual(
                self.value("[*map(float, [*m[15:17], *view[5:7], *np.fromfile(path)[15:17]])], id(m) == same, holder['m'] is m, holder['more']"),
                ([3, 4, 3, 4, 3, 4], True, True, 1),
            )
        finally:
            self.ok("del m, view, holder; os.unlink(path)")

    def test_shared_memory_stays(self):
        self.ok("from multiprocessing import shared_memory\nsegment = shared_memory.SharedMemory(create=True, size=100)")
        try:
            self.measured("segment.buf[5] = 6\nmade = shared_memory.SharedMemory(create=True, size=100)\nmade.buf[7] = 8")
            check = "[os.path.exists('/dev/shm/' + one.name) for one in (segment, made)], segment.buf[5], made.buf[7]"
            self.assertEqual(self.value(check), ([True, True], 6, 8))
        finally:
            self.ok("for one in (segment, made): one.close(); one.unlink()\ndel segment, made, one")

    def test_classes_and_functions(self):
        self.ok("thing = Thing(); thing.n = 1\ndef twice(f): return lambda n: f(f(n))\nplus = twice(lambda n: n + 1)")
        self.measured(
            "thing.n += 1; Thing.made = 1\nclass Other(Thing):\n    def method(self): return super().method() + 1\n"
            "other = Other()\ndef new(n): return leaf(n) + leaf(n)\nassert isinstance(thing, Thing) and plus(1) == 3"
        )
        self.assertEqual(
            self.value("thing.n, Thing.made, type(thing) is Thing, other.method(), type(other) is Other, issubclass(Other, Thing), new(2)"),
            (2, 1, True, 2, True, True, 4),
        )
        self.ok("def leaf(n): return 10")
        self.assertEqual(self.value("new(2), thing.method()"), (20, 10))
        self.assertEqual(self.measured("new(2), thing.method(), other.method()")[0].result, "(20, 10, 11)")

    def test_sources_are_known_on_both_sides(self):
        outcome, _ = self.measured("def made_there():\n    return 'there'\nprint(inspect.getsource(leaf))")
        self.assertIn("def leaf(n):", outcome.text())
        self.assertIn("return 'there'", self.ok("print(inspect.getsource(made_there))").text())
        outcome, _ = self.measured("fails()", "error")
        self.assertIn("raise ValueError", plain("\n".join(outcome.reply["traceback"])))

    def test_modules(self):
        self.measured("import collections as c, fractions\nx = fractions.Fraction(1, 2)")
        self.assertEqual(self.value("c is sys.modules['collections'], float(x)"), (True, 0.5))

    def test_what_is_around_variables(self):
        self.ok("directory = os.getcwd(); os.environ['SPK_A'] = '1'; os.environ['SPK_B'] = '1'; sys.path.append('/a')")
        try:
            self.measured(
                "assert os.environ['SPK_A'] == '1' and sys.path[-1] == '/a' and os.getcwd() == directory\n"
                "os.environ['SPK_A'] = '2'; del os.environ['SPK_B']; sys.path.append('/b'); os.chdir('/')\n%env SPK_C=3"
            )
            self.assertEqual(
                self.value("os.environ['SPK_A'], 'SPK_B' in os.environ, os.environ['SPK_C'], sys.path[-2:], os.getcwd()"),
                ("2", False, "3", ["/a", "/b"], "/"),
            )
            self.assertEqual(self.measured("os.getcwd()")[0].result, "'/'")
        finally:
            self.ok("os.chdir(directory); sys.path.remove('/a'); sys.path.remove('/b')")

    def test_random_numbers(self):
        self.ok("import numpy.random")
        draw = "[random.random(), numpy.random.random()]"
        seed = "random.seed(1); numpy.random.seed(1)"
        wanted = self.value(f"{seed}\n[{draw} for _ in range(4)]")
        self.ok(seed)
        self.assertEqual(eval(self.measured(draw)[0].result), wanted[0])
        self.assertEqual(self.value(draw), wanted[1])
        self.assertEqual(eval(self.measured(draw)[0].result), wanted[2])
        self.assertEqual(self.value(draw), wanted[3])

    def test_results(self):
        outcome, _ = self.measured("[leaf(1), 'two']")
        number = outcome.reply["execution_count"]
        self.assertEqual(outcome.result, "[1, 'two']")
        self.assertEqual(outcome.of("execute_result")[0]["execution_count"], number)
        self.assertEqual(self.value(f"_, _{number}, Out[{number}] is _{number}"), ([1, "two"],) * 2 + (True,))
        self.assertIsNone(self.measured("x = 1")[0].result)
        self.measured("'in a process'")
        self.ok("'in the session'")
        self.assertEqual(self.value("_"), "in the session")

    def test_results_of_earlier_cells(self):
        if self.process == "launch":
            self.skipTest("earlier results do not travel: only variables do")
        number = self.ok("'an earlier result'").reply["execution_count"]
        self.assertEqual(self.measured("_")[0].result, "'an earlier result'")
        self.assertEqual(self.measured(f"Out[{number}]")[0].result, "'an earlier result'")
        self.assertEqual(self.measured(f"_{number}")[0].result, "'an earlier result'")

    def test_a_variable_of_score_ps_that_is_no_more(self):
        self.ok("os.environ['SCOREP_VERBOSE'] = 'false'")
        self.assertEqual(self.ok(SCOREP + "os.environ.get('SCOREP_VERBOSE')").result, "'false'")
        self.ok("del os.environ['SCOREP_VERBOSE']")
        self.assertIsNone(self.ok(SCOREP + "os.environ.get('SCOREP_VERBOSE')").result)

    def test_a_result_that_cannot_travel(self):
        outcome = self.ok(SCOREP + "x = 1\nthreading.Lock()")
        self.assertRegex(outcome.result, "lock object")
        self.assertIn("lock", outcome.report)
        self.assertNotIn("_scorepkernel", outcome.report)
        self.assertEqual(self.value("x, [name for name in globals() if 'scorepkernel' in name]"), (1, []))

    def test_what_cannot_come_back_is_named(self):
        # What the session does not have afterwards raises a NameError where it is used.
        outcome = self.ok(SCOREP + "fine = 1\nhandle = open('/dev/null')")
        self.assertRegex(outcome.report, r"Warning: handle \(.*\) did not come back.*the session does not have it")
        self.assertEqual(self.value("fine, 'handle' in globals()"), (1, False))

    def test_what_the_cell_changed_and_cannot_come_back_is_an_error(self):
        self.ok("mixed = [1]; replaced = 'before'")
        code = "mixed.append(threading.Lock())\nreplaced = (i for i in ())\nfine = 2\nhandle = open('/dev/null')"
        outcome = self.fails(SCOREP + code, "VariablesNotReturned")
        said = outcome.reply["evalue"]
        for name in ("mixed", "replaced"):
            self.assertRegex(said, rf"{name} \(.*\) did not come back.*the session keeps its old value")
        self.assertEqual([c["evalue"] for c in outcome.of("error")], [said])
        self.assertNotIn("handle", said)
        self.assertRegex(outcome.report, r"Warning: handle \(.*\) did not come back.*the session does not have it")
        self.assertNotIn("mixed", outcome.report)
        self.assertEqual(self.value("mixed, fine, replaced"), ([1], 2, "before"))
        # The cell's own error is the one that counts.
        outcome = self.fails(SCOREP + "mixed.append(threading.Lock())\n1/0", "ZeroDivisionError")
        self.assertRegex(outcome.report, r"Warning: mixed \(.*\) did not come back")
        self.ok("del mixed, replaced")

    def test_what_cannot_be_told_is_no_error(self):
        self.ok(
            "class Bad:\n    def __getstate__(self): raise TypeError('no')\n    __reduce_ex__ = __getstate__\n"
            "nested = []\nfor _ in range(100_000): nested = [nested]\nbad = Bad()"
        )
        self.ok(SCOREP + "fine = 3")
        self.assertEqual(self.value("fine"), 3)
        self.ok("del bad, nested, Bad")

    def test_objects_that_cannot_be_looked_at(self):
        self.ok(
            "import weakref\nclass Gone: pass\nproxy = weakref.proxy(Gone())\n"
            "class Odd(list):\n    __class__ = property(lambda self: 1 / 0)\n    def __getattribute__(self, name): raise MemoryError\n"
            "class Strange(type):\n    def __eq__(self, other): raise MemoryError\n    __hash__ = type.__hash__\n"
            "class Kind(metaclass=Strange): pass\nkept = [Odd()]; kind = Kind(); fine = 1"
        )
        self.ok(SCOREP + "fine += 1")
        self.assertEqual(self.value("fine"), 2)
        self.ok("del proxy, kept, kind, Gone, Odd, Strange, Kind")

    def test_classes_that_raise_at_each_look(self):
        self.ok(
            "class Shy(type):\n    def __getattribute__(cls, name): raise RuntimeError(name)\n"
            "    def __hash__(cls): raise RuntimeError('hash')\n    def __eq__(cls, other): raise RuntimeError('eq')\n"
            "class Kind(metaclass=Shy): pass\nkinds = [Kind()]; fine = 1"
        )
        outcome = self.ok(SCOREP + "fine += 1")
        if self.process == "launch":
            self.assertRegex(outcome.report, r"Warning: kinds \(Kind at kinds\[0\]\) was not taken to the process of the cell")
        self.assertEqual(self.value("fine"), 2)
        if self.process == "forked":
            self.assertIn("more (Kind) did not come back", self.ok(SCOREP + "fine += 1\nmore = Kind()").report)
            self.assertEqual(self.value("fine"), 3)
        self.ok("del kinds, Kind, Shy")

    def test_interrupts_that_did_not_come(self):
        self.ok("class Own:\n    def __reduce__(self): raise KeyboardInterrupt('own')\nown = Own(); fine = 1")
        outcome = self.ok(SCOREP + "fine += 1")
        if self.process == "launch":
            self.assertRegex(outcome.report, r"Warning: own \(Own\) was not taken to .*: KeyboardInterrupt: own")
        self.assertEqual(self.value("fine"), 2)
        self.ok("class Loaded:\n    def __setstate__(self, state): raise KeyboardInterrupt('loaded')\nown = Loaded(); own.n = 1")
        self.ok(SCOREP + "fine += 1")
        self.assertEqual(self.value("fine"), 3)
        self.ok("del own, Own, Loaded")

    def test_no_room_for_the_variables(self):
        small = os.path.join(self.work, "small")
        os.makedirs(small, exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no permission to mount a small file system")
        try:
            self.ok(f"%env SCOREP_JUPYTER_PERSISTENCE_DIR={small}")
            self.ok(f"%%marshalling_settings\nPROCESS={self.process}\nMODE=disk")
            self.ok("import numpy as np\nx = 'before'")
            code = SCOREP + "x = 'after'\nmade = np.ones(2_000_000)"
            later = self.kc.execute(code, allow_stdin=False), self.kc.execute("x = 'later'", allow_stdin=False)
            self.outputs_of(later[0])
            reply = self.reply_of(later[0])
            self.assertEqual((reply["status"], reply["ename"]), ("error", "VariablesNotReturned"))
            parts = (small, "No space left", "16 MB are needed", " free", "%env SCOREP_JUPYTER_PERSISTENCE_DIR=", "MODE=memory")
            for part in parts:
                self.assertIn(part, reply["evalue"])
            self.assertEqual(self.reply_of(later[1])["status"], "aborted")
            self.assertEqual(self.value("x, 'made' in globals()"), ("before", False))
            if self.process == "launch":
                self.ok("made = np.ones(2_000_000)")
                outcome = self.fails(code, "NotMeasured")
                for part in parts:
                    self.assertIn(part, outcome.reply["evalue"])
            self.ok(f"%%marshalling_settings\nPROCESS={self.process}\nMODE=memory")
            self.measured("x = 'after'\nmade = np.ones(2_000_000)")
            self.assertEqual(self.value("x, float(made.sum())"), ("after", 2e6))
        finally:
            self.ok("import os; del os.environ['SCOREP_JUPYTER_PERSISTENCE_DIR']; made = None")
            subprocess.run(["umount", "-l", small], check=True)

    def test_history(self):
        self.measured("first_in_process = 1")
        self.measured("second_in_process = 2")
        shown = self.ok("%history").text()
        self.ok("get_ipython().history_manager.writeout_cache()")
        self.measured("third_in_process = 3")  # each process has had its time to write what it would write
        profile = os.path.join(self.directory, "ipython", "profile_default")
        connection = sqlite3.connect(os.path.join(profile, "history.sqlite"))
        try:
            lines = "".join(line for (line,) in connection.execute("SELECT source_raw FROM history"))
        finally:
            connection.close()
        for name in ("first_in_process", "second_in_process"):
            self.assertEqual((shown.count(name), lines.count(name)), (1, 1))
        self.assertEqual([name for name in os.listdir(profile) if "corrupt" in name], [])

    def test_mode_disk(self):
        directory = os.path.join(self.work, "persistence")
        os.makedirs(directory, exist_ok=True)
        self.ok(f"%env SCOREP_JUPYTER_PERSISTENCE_DIR={directory}")
        said = self.ok(f"%%marshalling_settings\nPROCESS={self.process}\nMODE=disk").text()
        self.assertEqual(said, f"PROCESS={self.process} MODE=disk MARSHALLER=cloudpickle\n")
        try:
            self.ok("import numpy as np\na = np.zeros(100_000); b = [1]")
            self.measured("a[3] = 1; b.append(2)\nleaf(1)")
            self.assertEqual(self.value("float(a[3]), b"), (1, [1, 2]))
            self.measured("a[4] = 1")
            self.assertEqual(os.listdir(directory), [])
        finally:
            self.ok("del os.environ['SCOREP_JUPYTER_PERSISTENCE_DIR'], a, b")


class Launched(Variables, ProcessCase):
    def test_what_cannot_go_there_is_named(self):
        self.ok("lock = threading.Lock(); numbers = (i for i in range(3)); fine = 1")
        try:
            outcome = self.ok(SCOREP + "fine += 1\nleaf(1)")
            for name in ("lock", "numbers"):
                self.assertRegex(outcome.report, rf"Warning: {name} \(.*\) was not taken to the process of the cell")
            self.assertEqual(self.value("fine, lock.locked(), next(numbers)"), (2, False, 0))
            outcome = self.fails(SCOREP + "lock.locked()", "VariableNotTransferred")
            self.assertIn("lock", outcome.reply["evalue"])
            self.ok(SCOREP + "lock = 5")
            self.assertEqual(self.value("lock"), 5)
        finally:
            self.ok("del lock, numbers")

    def test_what_cannot_go_there_is_named_where_the_process_ends(self):
        self.ok("numbers = (i for i in range(3))")
        try:
            for code, name in (("os._exit(3)", "LaunchedProcessEnded"), ("os.kill(os.getpid(), 9)", "LaunchedProcessEnded")):
                said = self.fails(SCOREP + code, name).reply["evalue"]
                self.assertRegex(said, r"(?s)ended the process that it ran in.*\nnumbers \(generator\)")
        finally:
            self.ok("del numbers")

    def test_memory_that_nobody_else_gets_is_named(self):
        self.ok("import numpy as np\ngone = np.memmap('gone', 'u1', 'w+', shape=(10,)); os.unlink('gone'); fine = 1")
        try:
            outcome = self.ok(SCOREP + "fine += 1\nleaf(1)")
            self.assertRegex(outcome.report, r"Warning: gone \(numpy.*memmap\) was not taken .*/gone, which was deleted")
            self.assertIn("gone", self.fails(SCOREP + "gone[0]", "VariableNotTransferred").reply["evalue"])
            self.assertEqual(self.value("fine, int(gone[0])"), (2, 0))
        finally:
            self.ok("del gone")


class LaunchedByScoreP(ByScoreP, Launched):
    pass


class Forked(Variables, ForkedCase):
    def test_what_cannot_travel_is_there(self):
        self.ok("lock = threading.Lock(); numbers = (i for i in range(3))")
        outcome, _ = self.measured("(lock.locked(), 5)")
        self.assertEqual(outcome.result, "(False, 5)")
        outcome = self.ok(SCOREP + "next(numbers)\nfine = 3")
        self.assertEqual(self.value("next(numbers), fine"), (0, 3))
        self.ok("del lock, numbers")

    def test_a_thread_among_the_variables(self):
        self.ok("t = threading.Thread(target=leaf, args=(1,)); t.start(); t.join()")
        try:
            for _ in range(2):
                self.measured("t.is_alive()")
        finally:
            self.ok("del t")

    def test_context_variables(self):
        self.ok("import decimal; decimal.getcontext().prec = 5")
        try:
            self.assertEqual(self.measured("str(decimal.Decimal(1) / 3)")[0].result, "'0.33333'")
        finally:
            self.ok("decimal.getcontext().prec = 28")


class ForkedByScoreP(ByScoreP, Forked):
    pass


if __name__ == "__main__":
    unittest.main()
