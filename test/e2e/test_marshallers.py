# SPDX-License-Identifier: BSD-3-Clause
"""%%marshalling_settings MARSHALLER=, MODE=, and what stands around them: the detailed report, the directory of variables
that travel by disk. What is set acts, is pointed out, or is refused with what to do."""

import os
import re
import subprocess
import unittest

from kernel import PYTHON
from launching import ForkedCase, ProcessCase
from measuring import SCOREP, TracedCase
from ranked import RanksCase

IN_THE_SESSION = "In the session nothing is marshalled: MODE and MARSHALLER are for cells that run in other processes.\n"
REPORT = "SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT"
DIRECTORY = "SCOREP_JUPYTER_PERSISTENCE_DIR"
# Each: a module, and what is said of it.
NO_MARSHALLERS = {
    "has_none": ("x = 1", "the module has_none has neither dump and load nor dumps and loads."),
    "half": ("def dump(*_): pass\nloads = 5", "the module half has neither dump and load nor dumps and loads."),
    "raises": ("1 / 0", "its import failed: ZeroDivisionError: division by zero."),
    "ends": ("import sys; sys.exit(3)", "its import failed: SystemExit: 3."),
    "needs_more": ("import no_such_module_either", "its import failed: No module named 'no_such_module_either'."),
    "says_text": ("import json\ndumps, loads = json.dumps, json.loads", "it failed with a list: TypeError: "),
    "writes_text": ("import json\ndump, load = json.dump, json.load", "it failed with a list: TypeError: "),
    "refuses": ("def dumps(obj): raise KeyError('no')\nloads = dumps", "it failed with a list: KeyError: 'no'."),
    "forgets": ("def dumps(obj): return b''\nloads = dumps", "it failed with a list: "),
    "loses": ("import json\ndef dumps(obj): return json.dumps(obj).encode()\nloads = json.loads", "of a list with two names it made two lists."),
}
# Says who calls it, and marshals by pickle.
OWN = """
import os, pickle
HERE = os.path.dirname(os.path.abspath(__file__))
def note(what):
    with open(os.path.join(HERE, "calls"), "a") as file:
        file.write(f"{what} {os.getpid()}\\n")
def dump(obj, file):
    note("dump")
    pickle.dump(obj, file)
def load(file):
    note("load")
    return pickle.load(file)
"""


def has_dill() -> bool:
    return subprocess.run([PYTHON, "-c", "import dill"], capture_output=True).returncode == 0


class WithModules:
    """A directory of modules, which the session finds."""

    def make(self, name: str, code: str) -> None:
        directory = os.path.join(self.work, "modules")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"{name}.py"), "w") as file:
            file.write(code)
        self.ok(f"import sys, importlib\nif {directory!r} not in sys.path: sys.path.insert(0, {directory!r})\nimportlib.invalidate_caches()")

    def calls(self) -> list:
        """Of own_marshaller, since the last time: what, and in which process."""
        path = os.path.join(self.work, "modules", "calls")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            found = [(what, int(pid)) for what, pid in map(str.split, file)]
        os.unlink(path)
        return found

    def in_force(self) -> str:
        return self.ok("%%marshalling_settings").text()


class Settings(WithModules, TracedCase):
    def tearDown(self) -> None:
        self.ok("%%marshalling_settings PROCESS=auto MODE=memory MARSHALLER=cloudpickle")

    def warned(self, code: str, *parts: str) -> None:
        """It is pointed out, and changes nothing."""
        before = self.in_force()
        outcome = self.ok(code)
        for part in ("Warning: ", *parts):
            self.assertIn(part, outcome.text("stderr"))
        self.assertTrue(outcome.text().endswith(before), outcome.text())
        self.assertEqual(self.in_force(), before)

    def test_what_is_in_force(self):
        self.assertEqual(self.ok("%%marshalling_settings MARSHALLER=pickle").text(), f"{IN_THE_SESSION}PROCESS=auto MODE=memory MARSHALLER=pickle\n")
        self.assertEqual(self.ok("%%marshalling_settings PROCESS=forked").text(), "PROCESS=forked MODE=memory MARSHALLER=pickle\n")
        self.make("own_marshaller", OWN)
        said = self.ok("%%serializer_settings MODE=disk\nSERIALIZER=own_marshaller").text()
        self.assertEqual(said, "PROCESS=forked MODE=disk MARSHALLER=own_marshaller\n")
        self.assertEqual(self.in_force(), said)
        self.assertEqual(self.ok("%%marshalling_settings MARSHALLER=cloudpickle MODE=memory").text(), "PROCESS=forked MODE=memory MARSHALLER=cloudpickle\n")

    def test_dotted(self):
        self.make("own_package", "")
        os.makedirs(os.path.join(self.work, "modules", "own_parent"), exist_ok=True)
        self.make("own_parent/inner", OWN)
        self.assertIn("MARSHALLER=own_parent.inner\n", self.ok("%%marshalling_settings MARSHALLER=own_parent.inner").text())
        self.warned("%%marshalling_settings MARSHALLER=own_parent.other", "its import failed: No module named 'own_parent.other'.")
        self.warned("%%marshalling_settings MARSHALLER=own_package.inner", "its import failed: No module named 'own_package.inner'")

    def test_dill(self):
        if not has_dill():
            self.warned("%%marshalling_settings MARSHALLER=dill", "no module dill. To have it:", "-m pip install dill")
            self.skipTest("dill is not installed (Debian: python3-dill)")
        self.assertIn("MARSHALLER=dill\n", self.ok("%%marshalling_settings\nMARSHALLER=dill\nMODE=memory").text())
        self.warned("%%marshalling_settings MARSHALLER=no_such_module", "Cells go on with MARSHALLER=dill.")

    def test_what_there_is_not_is_a_warning(self):
        self.warned("%%marshalling_settings MARSHALLER=no_such_module", 'MARSHALLER cannot be "no_such_module": this Python has no module no_such_module. To have it:\n', " -m pip install no_such_module\nCells go on with MARSHALLER=cloudpickle.\n")
        self.warned("%%marshalling_settings\nMARSHALLER=parallel_marshall", "-m pip install scorep-jupyter\n")
        self.warned("%%marshalling_settings MODE=tape", 'MODE cannot be "tape": it is memory or disk.\nCells go on with MODE=memory.')
        for name in ("[dill,cloudpickle]", "a-b", "a..b", ".a", "1", "os;os"):
            self.warned(f"%%marshalling_settings MARSHALLER={name}", f'MARSHALLER cannot be "{name}": that is no module\'s name.')
        # What is right beside it is in force.
        outcome = self.ok("%%marshalling_settings PROCESS=forked MODE=tape MARSHALLER=pickle")
        self.assertIn("PROCESS=forked MODE=memory MARSHALLER=pickle\n", outcome.text())

    def test_modules_that_cannot_marshal(self):
        for name, (code, why) in NO_MARSHALLERS.items():
            self.make(name, code)
            self.warned(f"%%marshalling_settings MARSHALLER={name}", f'MARSHALLER cannot be "{name}": {why}')

    def test_what_is_wrong_stays_an_error(self):
        self.ok("%%marshalling_settings MARSHALLER=pickle")
        for text, part in (("MARSHALLER=", 'MARSHALLER cannot be ""'), (f"MARSHALLER={'a' * 201}", "of up to 200 bytes"), ("MARSHALER=dill", "is no setting")):
            reply = self.fails(f"%%marshalling_settings MODE=disk {text}", "ScorePDirectiveError").reply
            self.assertIn(part, reply["evalue"])
            self.assertIn("Nothing was changed", reply["evalue"])
            self.assertEqual(self.in_force(), "PROCESS=auto MODE=memory MARSHALLER=pickle\n")

    def test_an_interrupt_changes_nothing(self):
        self.make("takes_long", "import time\nprint('on', flush=True)\ntime.sleep(600)")
        request = self.begin("%%marshalling_settings MODE=disk MARSHALLER=takes_long")
        self.km.interrupt_kernel()
        messages = self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.assertIn("The settings are as they were before this cell.\n", [m["content"].get("text") for m in messages])
        self.assertEqual(self.in_force(), "PROCESS=auto MODE=memory MARSHALLER=cloudpickle\n")

    def test_the_end_of_the_session_changes_nothing(self):
        self.ok("%%marshalling_settings MARSHALLER=pickle")
        self.make("crashes", "import os\nos._exit(3)")
        reply = self.fails("%%marshalling_settings MODE=disk MARSHALLER=crashes", "SessionDied").reply
        self.assertIn("The settings that this cell asked for are not in force.", reply["evalue"])
        self.assertEqual(self.in_force(), "PROCESS=auto MODE=memory MARSHALLER=pickle\n")

    def test_while_cells_are_marked(self):
        """It is done at once, and is not marked; the marked cells are run once, by what is in force then."""
        self.make("own_marshaller", OWN)
        self.ok("times = []")
        self.ok("%%enable_multicellmode")
        self.ok("times.append(1)")
        self.assertIn("MARSHALLER=own_marshaller\n", self.ok("%%marshalling_settings PROCESS=launch MARSHALLER=own_marshaller").text())
        self.warned("%%marshalling_settings MARSHALLER=no_such_module", "no module no_such_module")
        self.ok("times.append(2)")
        self.assertEqual(re.findall(r"^ +\d  (.*)$", self.ok("%scorep_marked").text(), re.M), ["times.append(1)", "times.append(2)"])
        self.calls()
        self.ok("%%finalize_multicellmode")
        self.assertEqual(self.value("times"), [1, 2])
        self.assertEqual({what for what, _ in self.calls()}, {"dump", "load"})

    def test_while_cells_are_written(self):
        name = os.path.join(self.work, "written")
        self.ok(f"%%start_writefile {name} --force")
        self.ok("x = 1")
        self.warned("%%marshalling_settings MARSHALLER=no_such_module", "no module no_such_module")
        self.assertIn("MARSHALLER=pickle\n", self.ok("%%marshalling_settings MARSHALLER=pickle").text())
        self.assertEqual(self.ok("%scorep_marked").text().count("\n"), 2)
        self.ok("%%end_writefile")
        with open(f"{name}.py") as file:
            self.assertNotIn("marshalling", file.read())

    def test_directory_that_is_not_there(self):
        open(os.path.join(self.work, "afile"), "w").close()
        self.ok(f"import os; os.environ[{DIRECTORY!r}] = 'afile/in'")
        try:
            outcome = self.ok("%%marshalling_settings PROCESS=launch MODE=disk")
            self.assertIn(f"There is no file in {self.work}/afile/in for variables: Not a directory. Make that directory", outcome.text("stderr"))
            self.assertIn("MODE=disk", outcome.text())
        finally:
            self.ok(f"del os.environ[{DIRECTORY!r}]")
        self.assertEqual(self.ok("%%marshalling_settings PROCESS=launch").text("stderr"), "")


class Elsewhere(WithModules):
    """What holds for launched and forked cells."""

    goes_there = True

    def tearDown(self) -> None:
        self.ok("%%marshalling_settings MODE=memory MARSHALLER=cloudpickle")
        self.ok(f"import os; os.environ.pop({REPORT!r}, None); os.environ.pop({DIRECTORY!r}, None)")

    def test_own_module_acts_on_both_sides(self):
        self.make("own_marshaller", OWN)
        self.ok("%%marshalling_settings MARSHALLER=own_marshaller")
        self.ok("del leaf, fib, fails, Thing")  # it takes them by name
        self.ok("data = [1]; alias = data; other = {'x': 1}; old = id(other)")
        self.calls()
        outcome, _ = self.measured("there = os.getpid()\nalias.append(2)\ndata is alias")
        calls, here, there = self.calls(), self.value("os.getpid()"), self.value("there")
        self.assertEqual(outcome.result, "True")
        self.assertEqual(self.value("data, data is alias, id(other) == old"), ([1, 2], True, True))
        self.assertEqual({what for what, pid in calls if pid == here}, {"dump", "load"} if self.goes_there else {"load"})
        self.assertEqual({what for what, pid in calls if pid == there}, {"dump", "load"} if self.goes_there else {"dump"})

    def test_dill_takes_more(self):
        if not has_dill():
            self.skipTest("dill is not installed (Debian: python3-dill)")
        self.ok("class Owner: pass\nowner = Owner(); owner.lock = threading.Lock(); owner.n = 1")
        self.ok("%%marshalling_settings MARSHALLER=dill")
        outcome, _ = self.measured("with owner.lock: owner.n += leaf(1)\ntype(owner) is Owner")
        self.assertEqual(outcome.result, "True")
        self.assertEqual(self.value("owner.n, owner.lock.locked(), type(owner) is Owner"), (2, False, True))
        self.ok("del owner, Owner")

    def test_pickle_and_definitions(self):
        self.ok("%%marshalling_settings MARSHALLER=pickle")
        self.ok(SCOREP + "def leaf(n): return -n\nmade = [1]")
        self.assertEqual(self.value("made, leaf(1)"), ([1], -1))

    def test_pickle_names_what_it_cannot_take(self):
        self.ok("%%marshalling_settings MARSHALLER=pickle")
        reply = self.fails(SCOREP + "made = (n for n in 'ab')", "VariablesNotReturned").reply
        self.assertRegex(reply["evalue"], r"made \(generator\) did not come back")

    def test_module_that_is_gone(self):
        self.make("own_marshaller", OWN)
        self.ok("%%marshalling_settings MARSHALLER=own_marshaller")
        self.ok("kept = list(sys.path); sys.path[:] = [p for p in sys.path if not p.endswith('/modules')]; sys.modules.pop('own_marshaller')")
        reply = self.fails(SCOREP + "ran = 1", "NotMeasured").reply
        self.assertIn("The cell was not run", reply["evalue"])
        self.assertIn("this Python has no module own_marshaller.", reply["evalue"])
        self.assertFalse(self.value("sys.path.extend(set(kept) - set(sys.path)) or 'ran' in globals()"))

    # --- the directory -------------------------------------------------------------------------------

    def test_directories(self):
        """A relative one stays where it is when the cell goes elsewhere; blanks are its own."""
        self.ok("%%marshalling_settings MODE=disk")
        for name in ("relative", "with a blank", "./deep/er"):
            self.ok(f"os.environ[{DIRECTORY!r}] = {name!r}; back = []")
            self.measured(f"back.append(1); os.chdir('/'); os.environ[{DIRECTORY!r}] = '/nowhere'")
            self.assertEqual(self.value("back, os.getcwd()"), ([1], "/"))
            self.ok(f"os.chdir({self.work!r})")
            self.assertEqual(os.listdir(os.path.join(self.work, name)), [])

    def test_directory_that_is_not_there(self):
        self.ok("%%marshalling_settings MODE=disk")
        self.ok(f"os.environ[{DIRECTORY!r}] = 'made/for it'")
        self.measured("leaf(1)")
        self.assertEqual(os.stat(os.path.join(self.work, "made", "for it")).st_mode & 0o777, 0o700)
        for name, why in (("afile/in", "Not a directory"), ("afile", "Not a directory")):
            open(os.path.join(self.work, "afile"), "w").close()
            self.ok(f"os.environ[{DIRECTORY!r}] = {name!r}")
            reply = self.fails(SCOREP + "ran = 1", "NotMeasured").reply
            self.assertRegex(reply["evalue"], rf"^The cell was not run\. There is no file in {self.work}/{name} for variables: {why}\. Make that directory, .*MODE=memory")
            self.assertFalse(self.value("'ran' in globals()"))

    # --- the detailed report -------------------------------------------------------------------------

    def test_detailed_report(self):
        self.ok("import numpy as np; big = np.zeros(100_000); pair = big[:5], 'x'; text = 'a' * 5000")
        self.ok(f"%env {REPORT}=1")
        outcome, _ = self.measured("print('out'); print('err', file=sys.stderr); big[1] = 5; made = [1]\n[7, leaf(1)]")
        self.assertEqual((outcome.text(), outcome.result), ("out\n", "[7, 1]"))
        told = outcome.text("stderr")
        self.assertTrue(told.startswith("err\nVariables on their way, by cloudpickle:\n  there: "), told)
        there = r"pickled in [\d.]+ ms \([\d.]+ [km]?B\), taken over in [\d.]+ ms" if self.goes_there else "nothing, as a forked copy of the session has all"
        self.assertRegex(told, rf"(?i)\n  there: {there}\n")
        self.assertRegex(told, r"(?i)\n  back: pickled in [\d.]+ ms \([\d.]+ [km]?B\), taken over in [\d.]+ ms\n")
        first, back = told.split("\n  back: ")
        self.assertEqual(bool(re.search(r"\n +8[01]\d kB  big, pair \(numpy\.ndarray, tuple\)\n", first)), self.goes_there)
        self.assertRegex(back, r"\n +8[01]\d kB  big, pair \(numpy\.ndarray, tuple\)\n( .*\n)* +\d+ B  made \(list\)\n")
        self.assertRegex(back, r"\n +\d+ B  the cell's result \(list\)\n")
        self.assertNotIn("text", back)
        self.ok("del big, pair, text")

    def test_detailed_report_of_many(self):
        self.ok(f"%env {REPORT}=2")
        code = "\n".join(f"v{i} = [0] * {i}000" for i in range(1, 15)) + "\ns = [1]; " + "; ".join(f"s{i} = s" for i in range(6))
        outcome, _ = self.measured(code)
        back = outcome.text("stderr").split("\n  back: ")[1].splitlines()[1:]
        self.assertEqual([line.split()[2] for line in back], [f"v{i}" for i in range(14, 4, -1)])
        outcome, _ = self.measured("s.append(2)")
        self.assertRegex(outcome.text("stderr"), r"B  s, s0, s1, s2 and 3 more \(list\)\n")

    def test_detailed_report_of_a_cell_that_fails(self):
        self.ok(f"%env {REPORT}=1")
        outcome = self.fails(SCOREP + "done = 1; 1 / 0", "ZeroDivisionError")
        self.assertRegex(outcome.text("stderr"), r"\n  back: pickled in .*taken over in ")
        outcome = self.fails(SCOREP + "os._exit(3)", "LaunchedProcessEnded")
        self.assertIn("\n  back: nothing\n", outcome.text("stderr"))

    def test_what_the_report_is_asked_by(self):
        for value in ("0", "", "  ", "00"):
            self.ok(f"os.environ[{REPORT!r}] = {value!r}")
            self.assertEqual(self.measured("leaf(1)")[0].text("stderr"), "")
        for value in ("x", "yes", "1.5"):
            self.ok(f"os.environ[{REPORT!r}] = {value!r}")
            told = self.measured("leaf(1)")[0].text("stderr")
            self.assertTrue(told.startswith(f"{REPORT} is '{value}', which is no number. 1 asks for a report"), told)
            self.assertNotIn("Variables on their way", told)
            self.assertEqual(self.measured("leaf(1)")[0].text("stderr"), "")


class Launched(Elsewhere, ProcessCase):
    def test_pickle_takes_definitions_there(self):
        self.ok("%%marshalling_settings MARSHALLER=pickle")
        self.ok("thing = Thing(); data = [1]; made = (n for n in 'ab')")
        outcome = self.ok(SCOREP + "data.append(leaf(2)); thing.n = Thing()")
        self.assertRegex(outcome.report, r"Warning: made \(generator\) was not taken to the process of the cell")
        self.assertEqual(self.value("data, type(thing) is type(thing.n) is Thing"), ([1, 2], True))
        self.ok("del thing, made")

    def test_module_whose_session_has_ended(self):
        """The settings outlive it; the module is imported anew."""
        self.make("own_marshaller", OWN)
        self.ok("%%marshalling_settings MARSHALLER=own_marshaller")
        self.fails("os._exit(3)", "SessionDied")
        self.assertIn("MARSHALLER=own_marshaller", self.in_force())
        self.assertIn("has no module own_marshaller", self.fails(SCOREP + "1", "NotMeasured").reply["evalue"])
        self.make("own_marshaller", OWN)
        self.calls()
        self.ok("n = [1]")
        self.ok(SCOREP + "n.append(2)")
        self.assertEqual(self.value("n"), [1, 2])
        self.assertTrue(self.calls())


class Forked(Elsewhere, ForkedCase):
    goes_there = False


class Ranks(WithModules, RanksCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    def test_own_module_acts_in_each_rank(self):
        self.make("own_marshaller", OWN)
        self.ok("%%marshalling_settings MARSHALLER=own_marshaller")
        self.ok("del leaf, rank; data = [1]; twice = data")
        self.calls()
        self.measured(2, "there = os.getpid(); data.append(2); part = [os.getpid(), data is twice]", "--gather part")
        calls, here, parts = self.calls(), self.value("os.getpid()"), self.value("part")
        self.assertEqual(self.value("data"), [1, 2])
        self.assertEqual([same for _, same in parts], [True, True])
        for pid in [here, *(pid for pid, _ in parts)]:
            self.assertEqual({what for what, by in calls if by == pid}, {"dump", "load"}, (pid, calls))
        self.ok("%%marshalling_settings MARSHALLER=cloudpickle")

    def test_detailed_report(self):
        self.ok(f"os.environ[{REPORT!r}] = '1'")
        outcome = self.measured(2, "mine = list(range(1000)); other = [1]", "--gather mine")
        told = outcome.text("stderr")
        self.assertRegex(told, r"\n  there: pickled in .*B\), taken over in [\d.]+ ms by rank 0\n")
        self.assertRegex(told, r"\n  back: pickled in .*B\), taken over in [\d.]+ ms, gathered in [\d.]+ ms \([\d.]+ kB\)\n")
        self.assertRegex(told.split("\n  back: ")[1], r"B  other \(list\)\n")
        self.ok(f"del os.environ[{REPORT!r}]")


if __name__ == "__main__":
    unittest.main()
