# SPDX-License-Identifier: BSD-3-Clause
"""The directives: their good, bad and repeated use. By the built-in tracer, and by Score-P where there is one."""

import os
import re
import shlex
import shutil
import subprocess
import unittest
import uuid

from kernel import PYTHON, Trace
from measuring import DEFINITIONS, SCOREP, ByScoreP, TracedCase

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Directives(TracedCase):

    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def entered(self, outcome):
        """How often each region was entered, by its name."""
        return Trace(outcome.experiment).enters

    def bad(self, code, part):
        outcome = self.fails(code, "ScorePDirectiveError")
        self.assertIn(part, outcome.reply["evalue"])

    def mark(self, code, cell_id=""):
        """Run a cell as a client that names its cells."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.kc.session.msg("execute_request", content)
        message["metadata"] = {"cellId": cell_id} if cell_id else {}
        self.kc.shell_channel.send(message)
        request = message["header"]["msg_id"]
        messages = self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")

    # --- environment ---------------------------------------------------------------------------------

    def test_env(self):
        text = "%%scorep_env\n# a comment\n\nSCOREP_A_B=1 # one\nexport SCOREP_B='x # y'\nPLAIN=\"a\\\"b $c\"\n"
        shown = self.ok(text).text()
        self.assertIn("SCOREP_A_B=1\n", shown)
        self.assertIn("SCOREP_B=x # y\n", shown)
        found = self.ok("import os; [os.environ[k] for k in ('SCOREP_A_B', 'SCOREP_B', 'PLAIN')]").result
        self.assertEqual(found, "['1', 'x # y', 'a\"b $c']")
        self.ok("%env SCOREP_A_B=2")  # the later one wins
        self.assertIn("SCOREP_A_B=2\n", self.ok("%%scorep_env").text())
        self.ok("%%scorep_env\n-SCOREP_A_B\n-SCOREP_B\n-PLAIN\n-NEVER_SET")
        self.assertEqual(self.ok("[k in os.environ for k in ('SCOREP_A_B', 'SCOREP_B', 'PLAIN')]").result, "[False, False, False]")

    def test_bad_env(self):
        for line, part in (("A B=1", "no KEY=VALUE"), ("A='x", "quote"), ("1A=2", "no KEY=VALUE"), ("-", "no KEY=VALUE")):
            self.bad(f"%%scorep_env\nGOOD_ONE=1\n{line}", part)
        self.assertEqual(self.ok("import os; 'GOOD_ONE' in os.environ").result, "False")

    # --- settings ------------------------------------------------------------------------------------

    def test_settings(self):
        self.assertIn("PROCESS=auto MODE=memory", self.ok("%%marshalling_settings").text())
        self.assertIn("MODE=disk", self.ok("%%serializer_settings MODE=disk\nMARSHALLER=cloudpickle").text())
        self.assertIn("MODE=disk", self.ok("%%marshalling_settings").text())
        self.bad("%%marshalling_settings MODE=memory PROCESS=nowhere", "auto, session, forked or launch")
        self.bad("%%marshalling_settings x = 1", "no setting")
        self.assertIn("MODE=disk", self.ok("%%marshalling_settings").text())
        self.ok("%%marshalling_settings MODE=memory")

    def test_arguments(self):
        self.assertIn("no arguments", self.ok("%%scorep_python_binding_arguments").text())
        self.bad("%%scorep_python_binding_arguments --verbose '", "a quote is not closed")
        self.assertIn(": --verbose --keep-files", self.ok("%%scorep_python_binding_arguments --verbose\n--keep-files\n").text())
        outcome = self.ok(SCOREP + "leaf(1)")  # they concern the bindings only
        self.assertIn("in the session", outcome.report)
        self.ok("%%scorep_python_binding_arguments -")
        self.assertIn("no arguments", self.ok("%%scorep_python_binding_arguments").text())

    # --- ranks ---------------------------------------------------------------------------------------

    no_launcher = "No launcher is set: --ranks N uses srun within a Slurm allocation, else mpirun or mpiexec.\n"
    launcher = "Measured cells are started as ranks by: "

    def test_launcher(self):
        self.addCleanup(self.ok, "%%scorep_launcher -")
        self.assertEqual(self.ok("%%scorep_launcher").text(), self.no_launcher)
        for text, shown in (
            ("%%scorep_launcher mpirun --hostfile hosts", "mpirun --hostfile hosts"),
            ("# why\n%%scorep_launcher\n  salloc  -N 2\n\tsrun\n", "salloc -N 2 srun"),
            ("%%scorep_launcher sbatch \\\n  --comment='two  blanks' \\\n  --partition=\"x\"", "sbatch --comment='two  blanks' --partition=\"x\""),
            ("%%scorep_launcher srun it\\'s ü", "srun it\\'s ü"),
        ):
            for again in (text, text, "%%scorep_launcher", "%%scorep_launcher \n\n"):
                self.assertEqual(self.ok(again).text(), f"{self.launcher}{shown}\n")
        for text, part in (("it's", "a quote is not closed"), ('mpirun "x\n', "a quote"), ("srun \\", "backslash"), ("x" * 9000, "8192")):
            self.bad(f"%%scorep_launcher {text}", part)
            self.bad(f"%%scorep_launcher\n{text}", "Nothing was changed.")
        self.assertIn("srun it", self.ok("%%scorep_launcher").text())
        self.bad("%%execute_with_scorep --repeat 2\nx", "`%%scorep_launcher -` takes")
        for _ in range(2):
            self.assertEqual(self.ok("%%scorep_launcher\n-\n").text(), self.no_launcher)
        self.assertIn("in the session", self.ok(SCOREP + "leaf(1)").report)

    def test_launcher_while_cells_are_marked(self):
        name = os.path.join(self.work, "launched")
        self.addCleanup(self.ok, "%%scorep_launcher -")
        for begin, abort in (("enable_multicellmode", "abort_multicellmode"), (f"start_writefile {name}", "abort_writefile")):
            self.ok(f"%%{begin}")
            self.mark("%%execute_with_scorep --gather x\nx = 1")  # it has no effect here
            self.assertEqual(self.ok("%%scorep_launcher srun -N 2").text(), f"{self.launcher}srun -N 2\n")
            self.bad("%%scorep_launcher 'srun", "a quote is not closed")
            self.assertEqual(self.ok("%%scorep_launcher").text(), f"{self.launcher}srun -N 2\n")
            self.assertEqual(self.ok("%%scorep_launcher -").text(), self.no_launcher)
            if begin == "enable_multicellmode":
                self.bad("%%finalize_multicellmode --gather x", "--ranks N")
            self.assertRegex(self.ok("%scorep_marked").text(), r"\A.*:\n  1[ *] x = 1\n\Z")
            self.assertIn("1 marked cell is forgotten", self.ok(f"%%{abort}").text())

    def test_bad_ranks(self):
        for directive in ("execute_with_scorep", "finalize_multicellmode"):
            for options, part in (
                ("--ranks", 'from 1 to 65536, not ""'),
                ("--ranks=0", 'from 1 to 65536, not "0"'),
                ("--ranks 65537", 'not "65537"'),
                ("--ranks 2 --repeat 3", "repeat inside the cell's code"),
                ("--ranks 2 --gather", '--gather wants names, with commas and no blanks between them, not ""'),
                ("--ranks 2 --gather=a,,b", 'not "a,,b"'),
                ("--rank 2", f"%%{directive} has no option"),
            ):
                self.bad(f"%%{directive} {options}\nranks_ran = 1", part)
        self.bad("%%execute_with_scorep --gather a\nranks_ran = 1", "--ranks N, or set what starts them with %%scorep_launcher")
        self.assertEqual(self.ok("'ranks_ran' in globals()").result, "False")

    # --- many cells as one ---------------------------------------------------------------------------

    def test_many_cells(self):
        self.ok("%%enable_multicellmode")
        self.assertIn("is on already", self.ok("%%enable_multicellmode").text())
        self.assertIn("cell 1: a = leaf(1)", self.mark("a = leaf(1)\nleaf(2)"))
        self.assertIn("cell 2: b = '''", self.mark(SCOREP + "b = '''x\\\n\"\"\" ü\n'''\nleaf(3)"))
        self.assertIn("cell 3: !echo three", self.mark("!echo three"))
        self.assertIn("  2  b = '''x", self.ok("%scorep_marked").text())
        outcome = self.ok("%%finalize_multicellmode")
        entered = self.entered(outcome)
        self.assertEqual(entered["__main__:leaf"], 3)
        names = [name for name in entered if name.startswith("cell ")]
        self.assertEqual(names, ["cell 1: a = leaf(1)", "cell 2: b = '''x\\", "cell 3: !echo three"])
        shown = outcome.text()
        order = [shown.index(part) for part in ("--- cell 1 of 3: a = leaf(1)", "--- cell 2 of 3", "--- cell 3 of 3", "three\n")]
        self.assertEqual(order, sorted(order))
        self.assertEqual(self.ok("a, b").result, "(1, 'x\"\"\" ü\\n')")
        with open(outcome.experiment + "/cell.py", encoding="utf-8") as file:
            self.assertIn("# --- cell 2 ---", file.read())

    def test_what_a_terminal_obeys_is_written_out(self):
        escape, order = chr(0x1B), chr(0x202E)
        self.bad(f"%%scorep_env\n{escape}[2J{order}", r'"\x1b[2J\u202e" is no KEY=VALUE')
        self.bad(f"%%marshalling_settings\nX{escape}=1", r"X\x1b")
        self.bad(f"%%execute_with_scorep --{order}x\npass", r"--\u202ex")
        self.ok("%%enable_multicellmode")
        shown = self.mark(f"text = '{escape}[31m{order}'\tif 1 else 2")
        self.assertIn(r"cell 1: text = '\x1b[31m\u202e' if 1 else 2", shown)
        self.assertIn(r"  1  text = '\x1b[31m\u202e'", self.ok("%scorep_marked").text())
        self.ok("%%abort_multicellmode")

    def test_words_are_cut_between_characters(self):
        for ahead in range(4):
            word = "a" * ahead + "\U0001F600" * 60
            for cell in (f"%%scorep_env\n{word}", f"%%marshalling_settings\n{word}", f"%%execute_with_scorep --{word}\npass"):
                evalue = self.fails(cell, "ScorePDirectiveError").reply["evalue"]
                self.assertIn("\U0001F600", evalue)
                self.assertNotIn("\uFFFD", evalue)

    def test_marking_again_replaces(self):
        first, second = str(uuid.uuid4()), str(uuid.uuid4())
        self.ok("%%enable_multicellmode")
        self.mark("c = 1", first)
        self.mark("c += 10", second)
        self.assertIn("cell 1, in place of what it was: c = 2", self.mark("c = 2", first))
        self.ok("%%finalize_multicellmode")
        self.assertEqual(self.ok("c").result, "12")

    def test_move_and_unmark(self):
        self.ok("%%enable_multicellmode")
        for number in (1, 2, 3):
            self.mark(f"d{number} = len([n for n in globals() if n[0] == 'd' and n[1:].isdigit()])")
        self.bad("%scorep_move 1 4", "There is no marked cell 4: there are 1 to 3")
        self.bad("%%scorep_move 1 2", "%scorep_move is written with one %")
        self.bad("%scorep_unmark", "wants 1 number")
        self.bad("%scorep_unmark 0", "wants 1 number")
        self.ok("%scorep_move 3 1")
        shown = self.ok("%scorep_unmark 2").text()
        self.assertEqual(re.findall(r"^ +\d  (d\d)", shown, re.M), ["d3", "d2"])
        self.ok("%%finalize_multicellmode")
        self.assertEqual(self.ok("d3, d2, 'd1' in globals()").result, "(0, 1, False)")

    def test_an_error_stops_the_rest(self):
        self.ok("%%enable_multicellmode")
        for code in ("e1 = leaf(1)", "e2 = 1\n\n1/0", "e3 = 1", "e4 = 1"):
            self.mark(code)
        outcome = self.fails("%%finalize_multicellmode", "ZeroDivisionError")
        self.assertIn("Cell 2 failed; not run: 3, 4.", outcome.text("stderr"))
        self.assertIn("line 3", "\n".join(outcome.reply["traceback"]))
        self.assertEqual(self.entered(outcome)["__main__:leaf"], 1)
        self.assertEqual(self.ok("e1, e2, 'e3' in globals()").result, "(1, 1, False)")

    def test_abort(self):
        self.bad("%%abort_multicellmode", "not on")
        self.bad("%%finalize_multicellmode", "not on")
        self.ok("%%enable_multicellmode")
        self.bad("%%finalize_multicellmode", "No cell is marked")
        self.mark("f = 1")
        self.assertIn("1 marked cell is forgotten", self.ok("%%abort_multicellmode").text())
        self.assertEqual(self.ok("'f' in globals()").result, "False")

    # --- write mode ----------------------------------------------------------------------------------

    def test_write(self):
        name = os.path.join(self.work, "it's a script")
        self.ok(f"%%start_writefile {shlex.quote(name)}")
        self.assertIn("Write mode is on already", self.ok("%%start_writefile").text())
        self.mark("from __future__ import annotations\ndef leaf(n): return n\nleaf(1)\ntext = '''\n  a\n'''")
        self.mark(SCOREP + "print([leaf(i) for i in range(3)], repr(text))\n%env WRITTEN=1\n!echo $WRITTEN\n%who")
        said = self.ok("%%end_writefile").text()
        self.assertIn("cell 2: not translated, and a comment in the script: %who", said)
        for ending in (".py", "_run.sh", ".sh"):
            self.assertIn(name + ".py" if ending == ".py" else shlex.quote(name + ending), said)
            self.assertTrue(os.access(name + ending, os.X_OK))
        with open(name + ".py") as file:
            compile(file.read(), name, "exec")
        self.assertEqual(self.ok("%scorep_marked").text(), "No cell is marked.\n")
        bindings = subprocess.run([PYTHON, "-c", "import scorep"], capture_output=True)
        if shutil.which("scorep-config") and bindings.returncode == 0:
            where = os.path.join(self.work, "written")
            environment = {**os.environ, "SCOREP_EXPERIMENT_DIRECTORY": where}
            done = subprocess.run([name + ".sh"], env=environment, capture_output=True, text=True, cwd=self.work)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, "[0, 1, 2] '\\n  a\\n'\n1\n")
            self.assertEqual(Trace(where).calls("leaf"), 3)

    def test_write_refuses_to_overwrite_and_keeps_the_cells(self):
        name = os.path.join(self.work, "twice")
        for _ in range(2):
            self.ok(f"%%start_writefile {name} --mpi 2 --slurm")
            self.mark("x = 1")
            self.ok("%%end_writefile")
        with open(name + ".sbatch", "a") as file:
            file.write("# the user's\n")
        self.ok(f"%%start_writefile {name} --slurm")
        self.mark("x = 1")
        outcome = self.fails("%%end_writefile", "NotWritten")
        self.assertIn(f"{name}.sbatch exists already", outcome.reply["evalue"])
        self.assertIn("--force", outcome.reply["evalue"])
        self.assertIn("  1  x = 1", self.ok("%scorep_marked").text())
        self.ok("%%abort_writefile")
        self.bad("%%end_writefile", "not on")
        self.ok(f"%%start_writefile {name} --force --mpi 4 --slurm")
        self.mark("x = 2")
        self.ok("%%end_writefile")
        with open(name + ".sbatch") as file:
            text = file.read()
        self.assertIn("#SBATCH --ntasks=4\n", text)
        self.assertIn("exec srun ", text)
        self.assertIn(" --mpp=mpi ", text)

    def test_write_to_what_is_no_word(self):
        self.ok("%%start_writefile 'unclosed")
        self.mark("x = 1")
        self.assertIn("%%start_writefile", self.fails("%%end_writefile", "NotWritten").reply["evalue"])
        self.ok("%%abort_writefile")

    # --- viewers -------------------------------------------------------------------------------------

    def test_viewer_is_started_and_outlives_the_session(self):
        self.ok("import os, stat, tempfile; there = tempfile.mkdtemp(); kept = dict(os.environ)")
        self.ok(
            "for name in ('vampir', 'cube'):\n"
            "    with open(f'{there}/{name}', 'w') as program:\n"
            "        program.write(f'#!/bin/sh\\necho \"$@\" $PPID > {there}/{name}.got')\n"
            "    os.chmod(f'{there}/{name}', 0o755)\n"
            "os.environ.update(PATH=f'{there}:' + os.environ['PATH'], DISPLAY=':77')\n"
            "gone = os.environ.pop('JUPYTERHUB_USER', None)"
        )
        try:
            shown = self.ok("%%enable_vampir_launch_on_scorep_instrumented").text()
            self.assertEqual(shown, "After each measured cell, Vampir is started with its traces.otf2.\n")
            shown = self.ok("%%execute_with_scorep\nprint(1)").text()
            path = re.search(r"Vampir shows (.*/traces\.otf2)\.", shown).group(1)
            wait = "import time\nwhile not (os.path.exists(p := f'{there}/vampir.got') and open(p).read()): time.sleep(0.01)\n"
            got, parent = self.ok(wait + "open(p).read().strip()").result.strip("'").split()
            self.assertEqual((got, os.path.exists(got)), (path, True))
            self.assertNotEqual(parent, self.ok("os.getpid()").result)  # nobody's child: never ended with the session
            self.assertIn("not started any more", self.ok("%%disable_vampir_launch").text())
            self.assertNotIn("Vampir", self.ok("%%execute_with_scorep\nprint(1)").text())
        finally:
            self.ok("%%disable_vampir_launch")
            self.ok("os.environ.clear(); os.environ.update(kept); import shutil; shutil.rmtree(there)")

    def test_viewer_without_display_or_program(self):
        self.ok("import os; kept = dict(os.environ); os.environ.pop('DISPLAY', None); os.environ.pop('WAYLAND_DISPLAY', None)")
        try:
            self.assertIn("no display", self.ok("%%enable_vampir_launch_on_scorep_instrumented").text())
            shown = self.ok("%%execute_with_scorep\nprint(1)").text()
            self.assertRegex(shown, r"scp -r \S+:\S+ \.")
            self.ok("%%marshalling_settings\nPROCESS=launch")
            shown = self.ok("%%execute_with_scorep\nprint(1)").text()
            self.assertEqual(len(re.findall(r"scp -r \S+:\S+ \.", shown)), 1, shown)
            self.ok("%%marshalling_settings\nPROCESS=auto")
            self.ok("os.environ.update(DISPLAY=':77', PATH='/nonexistent'); os.environ.pop('JUPYTERHUB_USER', None)")
            self.assertIn("not on PATH", self.ok("%%scorep_enable_cube_launch").text())
            self.assertIn("Vampir was not started: vampir is not on PATH", self.ok("%%execute_with_scorep\nprint(1)").text())
        finally:
            self.ok("os.environ.clear(); os.environ.update(kept)")
            for line in ("disable_vampir_launch", "scorep_disable_cube_launch", "marshalling_settings\nPROCESS=auto"):
                self.ok(f"%%{line}")

    # --- repetitions ---------------------------------------------------------------------------------

    def test_repeat(self):
        self.ok("g = 0")
        outcome = self.ok("%%execute_with_scorep --repeat 4\ng += 1\nfib(5)")
        self.assertIn("(the median of 4, from ", outcome.report)
        self.assertRegex(outcome.report, r" 15 +fib +\(In \[\d+\]:\d+\)  exclusive .* to ")
        self.assertEqual(self.ok("g").result, "4")
        self.assertEqual(self.entered(outcome)["__main__:fib"], 15)
        self.bad("%%execute_with_scorep --repeat\nx", "a number from 1 to 1000")
        self.bad("%%execute_with_scorep --repeat 1001\nx", "a number from 1 to 1000")

    # --- help ----------------------------------------------------------------------------------------

    def test_help_and_completion(self):
        with open(os.path.join(ROOT, "libscorepkernel", "directives", "directives.def"), encoding="utf-8") as file:
            names = re.findall(r'^(?:DIRECTIVE|ALIAS)\(\w+, "(\w+)", (?:CODE|LINES|NOTHING)', file.read(), re.M)
        self.assertGreater(len(names), 10)
        for name in names:
            outcome = self.ok(f"%%{name}?")
            self.assertIn(name, outcome.reply["payload"][0]["data"]["text/plain"])
            self.kc.complete(f"%%{name[:6]}")
            self.assertIn(f"%%{name}", self.kc.get_shell_msg(timeout=60)["content"]["matches"])
            misplaced = self.run_cell(f"x = 1\n%%{name}\n")
            self.assertIn("must be the cell's first line", misplaced.text("stderr"))

    def matches(self, code: str) -> list:
        return self.reply_of(self.kc.complete(code))["matches"]

    def test_completion_of_what_stands_behind(self):
        options = ["--guard", "--no-guard", "--repeat", "--ranks", "--gather"]
        self.assertEqual(self.matches("%%execute_with_scorep --"), options)
        self.assertEqual(self.matches("# measured\n%%execute_with_scorep --repeat 3 --gu"), ["--guard"])
        self.assertEqual(self.matches("%%marshalling_settings\nPROCESS=l"), ["PROCESS=launch"])
        self.assertEqual(self.matches("%%marshalling_settings MO"), ["MODE="])
        self.assertIn("SCOREP_TOTAL_MEMORY=", self.matches("%%scorep_env\nX=1\nSCOREP_TOTAL"))
        self.assertIn("SCOREPKERNEL_MEASUREMENT=", self.matches("%%scorep_env\nscorepkernel_me"))
        # Below it is the user's code, which IPython completes.
        self.ok("value_of_mine = 1")
        self.assertEqual(self.matches("%%execute_with_scorep --guard\nvalue_of_m"), ["value_of_mine"])


class DirectivesByScoreP(ByScoreP, Directives):
    def test_unknown_variables_are_pointed_out(self):
        shown = self.ok("%%scorep_env\nSCOREP_NONSENSE=1\nSCOREP_TOTAL_MEMORY=32M").text()
        self.assertIn("knows no variable SCOREP_NONSENSE", shown)
        self.assertNotIn("no variable SCOREP_TOTAL_MEMORY", shown)
        self.ok("%%scorep_env\n-SCOREP_NONSENSE\n-SCOREP_TOTAL_MEMORY")
        shown = self.ok("%%scorep_env\nSCOREP_METRIC_PLUGINS=mine\nSCOREP_METRIC_MINE=x\nSCOREP_WRAPPER=off").text()
        self.assertNotIn("knows no variable", shown)
        self.ok("%%scorep_env\n-SCOREP_METRIC_PLUGINS\n-SCOREP_METRIC_MINE\n-SCOREP_WRAPPER")


if __name__ == "__main__":
    unittest.main()
