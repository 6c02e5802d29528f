# SPDX-License-Identifier: BSD-3-Clause
"""Files beside the notebook that have the names of modules: the session runs all the same, and its cells import them."""

import os
import subprocess
import unittest

from guarding import DEFINITIONS, GUARDED, KILL
from kernel import PYTHON, SANITIZER, TREE
from measuring import SCOREP, TracedCase

# Modules, and packages that end in a slash.
NAMES = """
    random queue string logging json secrets cloudpickle multiprocessing/ socket signal select threading subprocess tempfile
    asyncio/ concurrent/ typing contextlib collections/ dataclasses enum functools operator re struct time_ copy pickle
    inspect platform shlex shutil statistics tokenize token linecache traceback types_ ast dis hashlib hmac base64 decimal
    numbers fractions math_ calendar datetime locale gettext textwrap pprint html http/ email/ urllib/ xml/ sqlite3/ ctypes/
    importlib_ unittest/ doctest pdb bdb cmd code codeop timeit profile cProfile pstats test/ utils parser jedi parso/
    pygments/ traitlets IPython decorator comm scorep matplotlib_inline
""".split()


# What is at work already, and IPython with what it needs, stay what they are.
KEPT = "IPython traitlets cloudpickle asyncio/ threading jedi parso/ pygments/ decorator matplotlib_inline".split()


class Shadowed(TracedCase):
    """With all of them."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for name in NAMES:
            path = os.path.join(cls.work, name.rstrip("/"))
            if name.endswith("/"):
                os.mkdir(path)
                path = os.path.join(path, "__init__")
            with open(path + ".py", "w") as file:
                file.write(f"mine = {name.rstrip('/')!r}\ndef called(): return mine\n")
        cls.km.restart_kernel()
        cls.kc.wait_for_ready(timeout=60)

    def test_cells_run_in_each_way(self) -> None:
        definitions = DEFINITIONS.replace("import asyncio, ctypes, fcntl, os, random, signal, socket, subprocess, sys", "import os, sys")
        self.ok(definitions.replace(", threading, time", ""))
        self.ok("x = 1; text = 'ab'")
        self.assertEqual(self.ok("x + 1").result, "2")
        self.assertEqual(self.fails("1/0", "ZeroDivisionError").of("error")[0]["ename"], "ZeroDivisionError")
        for head in (SCOREP, GUARDED):
            self.assertEqual(self.ok(head + "leaf(1); x + 2").result, "3")
        self.fails(GUARDED + "x = 5\nos.abort()", "SessionRestored")
        self.assertEqual(self.ok("x").result, "1")
        for way in ("launch", "forked"):
            self.ok(f"%%marshalling_settings PROCESS={way}")
            self.assertEqual(self.ok(SCOREP + "leaf(1); y = x + 3; y").result, "4")
        self.ok("%%marshalling_settings PROCESS=auto")
        self.assertIn("text", self.reply_of(self.kc.complete("tex"))["matches"])
        self.assertTrue(self.reply_of(self.kc.inspect("text"))["found"])
        self.assertEqual(self.reply_of(self.kc.history(hist_access_type="tail", n=1))["status"], "ok")
        self.ok("%%scorep_env\nSPK_SHADOWED=1")
        self.assertEqual(self.ok("!echo from the shell").text().strip(), "from the shell")

    def test_cells_import_the_users_files(self) -> None:
        script = "import sys\nprint(__import__(sys.argv[1]).__dict__.get('mine'))"
        names = [name.rstrip("/") for name in NAMES if name not in KEPT]
        with open(os.path.join(self.work, "a_script.py"), "w") as file:
            file.write(script)
        for name in names:
            done = subprocess.run([PYTHON, "a_script.py", name], cwd=self.work, capture_output=True, text=True)
            with self.subTest(name):
                self.assertEqual(self.ok(f"print(__import__({name!r}).__dict__.get('mine'))").text(), done.stdout, done.stderr)

    def test_what_lies_beside_them_is_recorded(self) -> None:
        outcome = self.ok(SCOREP + "import comm, scorep, utils\nfor module in (comm, scorep, utils): module.called()")
        self.assertRegex(outcome.report, " 1  comm:called  ")

    def test_the_doctor(self) -> None:
        program = os.path.join(TREE, "bin", "scorepkernel")
        options: dict = {"cwd": self.work, "env": {**os.environ, **SANITIZER}, "capture_output": True, "text": True}
        done = subprocess.run([program, "doctor", "--python", PYTHON], **options)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertIn("IPython", done.stdout)

    def test_ranks(self) -> None:
        outcome = self.run_cell("%%execute_with_scorep --ranks 2 --gather x\nx = 3")
        if "nothing to start" in outcome.reply.get("evalue", ""):
            self.skipTest("there is no MPI: mpirun is not on PATH")
        self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
        self.assertEqual(self.ok("x").result, "[3, 3]")


class Unshadowed(TracedCase):
    def test_a_file_of_no_modules_name(self) -> None:
        with open(os.path.join(self.work, "mine_alone.py"), "w") as file:
            file.write("value = 5")
        self.km.restart_kernel()
        self.kc.wait_for_ready(timeout=60)
        self.assertEqual(self.ok("import mine_alone, sys\nmine_alone.value, sys.path[0], 'cloudpickle' in sys.modules").result, "(5, '', False)")
        self.fails(KILL.replace("os.", "__import__('os').").replace("signal.SIGKILL", "9"), "SessionDied")


if __name__ == "__main__":
    unittest.main()
