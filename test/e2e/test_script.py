# SPDX-License-Identifier: BSD-3-Clause
"""Write mode: what written scripts do when they run, by themselves, by their runner, and under a real Score-P."""

import ast
import contextlib
import glob
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from typing import List, NamedTuple, Tuple
from unittest import mock

from IPython.core.inputtransformer2 import TransformerManager

from kernel import PYTHON, SANITIZER, TREE, Trace
from measuring import SCOREP, TracedCase, needs_scorep

sys.path.insert(0, os.path.join(TREE, "lib", "scorepkernel", "worker"))
if SANITIZER:  # whose runtime is not in this process
    sys.modules["spk_worker._tracer"] = None  # type: ignore[assignment]
from spk_worker.script import python_helpers, translator, write_mode, written_files  # noqa: E402
from spk_worker.base.errors import NotMeasured  # noqa: E402

ENABLE, FINALIZE = "%%enable_multicellmode", "%%finalize_multicellmode"


def as_marked(code: str) -> dict:
    """What the library says of a marked cell."""
    kinds = {"%%execute_with_scorep": "execute", ENABLE: "enable", FINALIZE: "finalize"}
    first = code.split("\n")[0]
    kind = kinds.get(first.split(" ")[0], "code")
    cell = {"code": code, "kind": kind, "lines": int(kind == "execute"), "id": ""}
    return cell if kind == "code" else {**cell, "directive": first}


def needs_bindings() -> None:
    needs_scorep()
    if subprocess.run([PYTHON, "-c", "import scorep"], cwd="/", capture_output=True).returncode:
        raise unittest.SkipTest(f"{PYTHON} has no Score-P bindings")


class Case(NamedTuple):
    """Cells, and what their script prints. notes: parts of what is said of it, each of which is a note's."""

    cells: List[str]
    printed: str
    notes: Tuple[str, ...] = ()


class InDirectory(unittest.TestCase):
    def setUp(self) -> None:
        self.work = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-test-"))
        self.addCleanup(shutil.rmtree, self.work, True)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.work)

    def write(self, cells, options="it", arguments=""):
        """What is said."""
        cells = [cell if isinstance(cell, dict) else as_marked(cell) for cell in cells]
        wanted = {"write": options, "cells": cells, "arguments": arguments}
        said = write_mode.write(wanted, TransformerManager().transform_cell)
        self.assertTrue(said.startswith(f"Written: {self.work}/"), said)
        return said

    def refused(self, cells, part, options="it"):
        before = sorted(os.listdir(self.work))
        with self.assertRaises((NotMeasured, ValueError)) as caught:
            self.write(cells, options)
        self.assertIn("Nothing was written", str(caught.exception))
        self.assertIn(part, str(caught.exception))
        self.assertEqual(sorted(os.listdir(self.work)), before)

    def run_script(self, name="it.py", **options):
        command = [PYTHON, "-W", "error", name]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)

    def read(self, name):
        with open(name, encoding="utf-8") as file:
            return file.read()


CASES = {
    # --- what stands in magics' places ---
    "plain": Case(["x = 1\nprint(x)", "print(x + 1)"], "1\n2\n"),
    "system": Case(["print(1)\n!echo two\nprint(3)\n!exit 5\nprint(_exit_code)"], "1\ntwo\n3\n5\n"),
    "output": Case(["files = !echo a; echo b >&2\nprint(files)"], "['a', 'b']\n"),
    "output, said": Case(["!!echo a"], "a\n"),
    "in blocks": Case(
        [
            "for i in range(2):\n    !echo $i\n    if i:\n        %who\n    else:\n        !echo no\n"
            "def f(n):\n    '''doc'''\n    %cd -q /\n    !echo {n * 2} $n\nf(4)\nimport os\nprint(os.getcwd())"
        ],
        "0\nno\n1\n8 4\n/\n",
        ("cell 1: not translated, and a comment in the script: %who",),
    ),
    "a block of nothing else": Case(["if True:\n    %load_ext nothing\nelse:\n    ?len\nprint(1)"], "1\n", ("%load_ext nothing", "len?")),
    "values in commands": Case(
        [
            "path, d, n = 'p q', {'k': \"it's\"}, 3.14159\n!echo \"{path}\" $n\n!echo \"{d['k']}\" {path[1:]!r} {{n}}\n"
            "!echo '$n'$$n {n}\n!echo {n:.2f}\n!echo {nothing} $path\n!for word in a b; do echo $word; done\n!echo a b | awk '{print $2}'"
        ],
        "p q 3.14159\nit's  q {n}\n$n 3.14159\n{n:.2f}\n{nothing}\na\nb\nb\n",
        ("no cell gives nothing a value",),
    ),
    "names of a function": Case(
        ["def show(a, *b, c=3):\n    d = [1]\n    !echo $a {b[0]} $c {d}\nshow(1, 2)\n[get_ipython().system(f'echo {q}') for q in 'xy']"],
        "1 2 3 [1]\nx\ny\n",
    ),
    "values of magics": Case(
        ["import os\nos.environ['GIVEN'] = 'yes'", "x = %env GIVEN\nd = %pwd\nprint(x, d == os.getcwd())\n%env GIVEN"],
        "yes True\nyes\n",
    ),
    "environment": Case(
        ["v = 5\n%env A=1\n%env B two words\n%set_env C=$v/{v + 1}\n%env D=\nimport os\nprint([os.environ[n] for n in 'ABCD'])"],
        "['1', 'two words', '5/6', '']\n",
    ),
    "another os": Case(["os = 'mine'\n%env A=1\n%cd /\n!echo $A {os}\n!echo \"$A\"; pwd\nprint(os)"], "1 {os}\n1\n/\nmine\n"),
    "time and its like": Case(
        ["def f():\n    print('called')\n    return 7\n%time f()\nx = %time f()\nprint(x)\n%timeit -n 100 -r3 -q f()\n%prun -l 5 -s time y = f()\nprint(y)"],
        "called\ncalled\n7\ncalled\ncalled\n7\n",
        ("%timeit runs once", "%prun runs in the script without"),
    ),
    "time of a command": Case(["for i in range(2):\n    %time !echo $i"], "0\n1\n"),
    "a result that there is not": Case(
        ["y = %timeit -o pass\nprint(y)\nz = %who_ls\nprint(z)"], "None\nNone\n", ("%timeit -o pass", "%who_ls")
    ),
    "run": Case(
        [
            "%%writefile f.py\nimport sys\nprint(__name__, sys.argv, globals().get('shared'))\nresult = len(sys.argv)\ndef later(): return result",
            "shared = 1\n%run f a '*.txt'\nprint(result, later(), __name__)\n%run -i f.py 'b c'\nprint(result)\nname = 'f'\n%run -n {name} $name",
        ],
        "Writing f.py\n__main__ ['f.py', 'a', '*.txt'] None\n3 3 __main__\n__main__ ['f.py', 'b c'] 1\n2\nf ['f.py', 'f'] None\n",
    ),
    "run of a notebook": Case(["%run other.ipynb\n%run -d f.py\n%run"], "", ("%run other.ipynb", "%run -d f.py", "script: %run\n")),
    "directories": Case(
        ["%mkdir 'a b'\n%cd a b\n%cd ..\n%cd -q 'a b'\n!touch x\n%ls\n%cd -\n%cd -b mark\nwhere = 'nothing'\n%pwd", "%cd ~"],
        "x\nWHERE/a b\n",
        ("script: %cd -\n", "%cd -b mark"),
    ),
    "matplotlib": Case(["%matplotlib qt\n%config InlineBackend.rc = {}\n%autoreload 2"], "", ("%matplotlib qt", "%config", "%autoreload 2")),
    # --- cells under a magic ---
    "a cell's time": Case(["%%time\ntext = '''\n  as it was\n'''\n!echo sh", "print(repr(text))"], "sh\n'\\n  as it was\\n'\n"),
    "magic in magic": Case(["%%time\n%%capture kept\nprint(1)\n!echo 2", "print(repr(kept.stdout))\nkept.show()"], "'1\\n2\\n'\n1\n2\n"),
    "options of a cell's time": Case(["%%time f()\nprint(1)"], "1\n", ("what stands in the line of %%time is left out",)),
    "timeit": Case(["%%timeit -n 5 x = 3\nprint(x)"], "3\n", ("%%timeit: its code runs once",)),
    "prun": Case(["%%prun -s time\nprint('p')", "%%debug\nprint('d')", "%%memit -r 2\nm = 1", "%%pyinstrument\nprint(m)"], "p\nd\n1\n", ("%%prun: its", "%%debug", "%%memit", "%%pyinstrument")),
    "capture": Case(
        ["import sys", "%%capture --no-stderr\nprint('gone')", "%%capture", "%%capture a\n# nothing", "%%capture b\nprint('x', file=sys.stderr)", "print([a.stdout, b.stdout, b.stderr, str(b)])"],
        "['', '', 'x\\n', '']\n",
    ),
    "programs": Case(
        [
            "n = 2",
            "%%bash\nfor i in 1 2; do echo $i; done\ncat <<'END'\n'''\"\\\nEND",
            "%%bash\nread x\nthis line\necho \"<$x>\"",
            "%%bash -s $n {n + 1} --out got --err went\necho \"$@\"; echo e >&2",
            "%%sh\n",
            "%%script bash --no-raise-error --out=only\necho o; exit 3",
            "%%python3\nprint('py')",
            "%%no_such_program_at_all --x\ny",
            "%%script no-such-program\ny",
            "print([got, went, only])",
        ],
        "1\n2\n'''\"\\\n<this line>\npy\nCouldn't find program: 'no-such-program'\n['2 3\\n', 'e\\n', 'o\\n']\n",
        ("%%no_such_program_at_all --x",),
    ),
    "programs in the background": Case(["%%bash --bg --proc p\nsleep 1"], "", ("%%bash --bg --proc p",)),
    "captured programs": Case(["%%capture c\n!echo a", "print([c.stdout])"], "['a\\n']\n"),
    "files": Case(
        ["n = 1", "%%writefile f{n}.txt\n{n} $n '''\n\\", "%%file -a f1.txt\nmore", "%%writefile 'b c'\nx", "for name in ('f1.txt', 'b c'):\n    with open(name) as f: print(f.read(), end='')"],
        "Writing f1.txt\nAppending to f1.txt\nWriting b c\n{n} $n '''\n\\\nmore\nx\n",
    ),
    "pictures": Case(["%%html\n<b>'''</b>", "%%javascript\nalert(1)\n", "%%latex\n\\x", "print(1)"], "1\n", ("%%html", "%%javascript", "%%latex")),
    # --- what IPython gives ---
    "display": Case(["display('a', 1)\nfor i in 'b': display(i)"], "'a'\n1\n'b'\n"),
    "display, imported": Case(["def display(x): print('mine', x)\ndisplay(1)"], "mine 1\n"),
    "await": Case(
        ["import asyncio\nasync def one(): return 1", "x = await one()\nasync with asyncio.Lock():\n    text = '''\n in a block'''\ny = [await one() async for _ in g()] if x < 0 else asyncio.create_task(one())", "print(x, await y, repr(text))"],
        "1 1 '\\n in a block'\n",
        ("no cell defines g",),
    ),
    "await under time": Case(["import asyncio", "%%time\nz = await asyncio.sleep(0, 'z')\nprint(z)"], "z\n"),
    "from the future": Case(
        ["x = 1", "from __future__ import annotations\ndef f(a: later): return a\nclass later: pass\nprint(f(2))", "from __future__ import annotations; from __future__ import (\n    division,\n)\nprint(3)"],
        "2\n3\n",
    ),
    "names that only IPython has": Case(
        ["if False:\n    print(_, __, Out[1], In, _i1, _3, get_ipython(), _exit_code)\n    _oh"],
        "",
        tuple(f"cell 1: {name} is IPython's" for name in ("_", "__", "Out", "In", "_i1", "_3", "get_ipython", "_exit_code", "_oh")),
    ),
    "names of one's own": Case(
        ["_ = 1\nfor __ in range(1): print(_, __)\ntry:\n    get_ipython\nexcept NameError:\n    print('plain')", "import os.path, gettext as _g\nclass A:\n    x = _\n    y = x\nprint(A.y, __name__)"],
        "1 0\nplain\n1 __main__\n",
        ("cell 1: get_ipython is IPython's",),
    ),
    "IPython's shell": Case(
        ["from IPython import get_ipython\nshell = get_ipython()\nget_ipython().system('echo a')\nprint(shell)"],
        "a\nNone\n",
        ("cell 1: get_ipython is IPython's",),
    ),
    "long lines": Case(["n = " + " + ".join("1" * 2000) + "\n!echo {n}"], "2000\n"),
    "modules of ours": Case(["if False: types, contextlib, nullcontext, subprocess, sys"], "", tuple(f"no cell defines {name}" for name in ("types", "contextlib", "nullcontext", "subprocess", "sys"))),
    "names of other cells": Case(["if False: data + before"], "", ("cell 1: no cell defines before", "cell 1: no cell defines data")),
    "lists of lines": Case(["files = !echo a\nif False: print(files.n, files.grep('a'), files.sort)"], "", ("files.n is IPython's", "files.grep is IPython's")),
    "names of magics": Case(["ls = 5", "ls", "print(ls)"], "5\n"),
    "Score-P's variables": Case(
        ["import os\nos.environ['SCOREP_TOTAL_MEMORY'] = '1'\nos.environ.update(SCOREP_A='1', B='2')\nos.putenv('SCOREP_C', '')\nos.environ['B']"],
        "",
        tuple(f"Score-P reads SCOREP_{name} as the script starts" for name in ("TOTAL_MEMORY", "A", "C")),
    ),
    # --- text stays ---
    "texts in blocks": Case(
        ["a = '''\n1\n\t2\\\n3'''; b = f'''\n{\n1 +\n2}\n'''\nc = ('x'\n'y')\nd = \\\n'''z\n'''\nif a:\n\tprint(repr(a), repr(b), c, repr(d))  # ü\n\n# the end"],
        "'\\n1\\n\\t23' '\\n3\\n' xy 'z\\n'\n",
    ),
    "other letters": Case(["ü = 'ä'; é = 1\nfor ñ in ü:\n    !echo $ü ñ {ñ}\nprint('ß', é); get_ipython().system('echo é'); print('é')"], "ä ñ ä\nß 1\né\né\n"),
    "no code": Case(["# a comment", "", "%%execute_with_scorep\n", "%%execute_with_scorep\n# x"], ""),
    "ends of lines": Case(["x = 1\r\nif x:\r\n    print('''a\r\nb''')\r\n"], "a\nb\n"),
    "prompts": Case([">>> x = 1\n>>> print(x)"], "1\n"),
    "main": Case(["if __name__ == '__main__':\n    import sys\n    print(len(sys.argv), __file__)"], "1 WHERE/it.py\n"),
}


class Scripts(InDirectory):
    """Scripts run by Python alone; which cells are instrumented makes no difference."""

    def test_scripts(self) -> None:
        for name, case in CASES.items():
            for cells in (case.cells, [ENABLE, *case.cells]):
                if cells is not case.cells and case.notes:
                    continue  # the cells would have other numbers
                with self.subTest(name, instrumented=cells is not case.cells):
                    self._check(cells, case)

    def _check(self, cells, case):
        with tempfile.TemporaryDirectory(dir=self.work) as work, contextlib.ExitStack() as stack:
            outer, self.work = self.work, work
            stack.callback(setattr, self, "work", outer)
            stack.callback(os.chdir, outer)
            os.chdir(work)
            said = self.write(cells)
            done = self.run_script()
            self.assertEqual((done.stdout.replace(work, "WHERE"), done.stderr, done.returncode), (case.printed, "", 0), self.read("it.py"))
        notes = [line + "\n" for line in said.splitlines() if line.startswith("Note: ") and "has no Score-P bindings" not in line]
        for part in case.notes:
            self.assertTrue(any(part in note for note in notes), (part, said))
        self.assertFalse([note for note in notes if not any(part in note for part in case.notes)], said)

    def test_cells_that_are_no_python(self) -> None:
        for code, why in (
            ("x = = 1", "invalid syntax, in `x = = 1`"),
            ("def f(:\n    pass", "in `def f(:`"),
            ("return 1", "'return' outside function"),
            ("break", "'break' outside loop"),
            ("%time x = = 1", "invalid syntax"),
            ("%%time\nx = = 1", "invalid syntax"),
            ("%%capture\n'''", "triple-quoted"),
            ("x = '\udc80'", "surrogates not allowed"),
            ("x = 1\0", "null byte"),
            ("import asyncio\nfrom os import *\nawait asyncio.sleep(0)", "import * only allowed"),
            ("from __future__ import nothing", "future feature"),
            ("(" * 5000 + ")" * 5000, "nest"),
            ("\n".join(" " * n + "if 1:" for n in range(150)) + " pass", "indent"),
        ):
            with self.subTest(code[:40]):
                self.refused(["a = 1", SCOREP + code], "cell 2 cannot be compiled as Python: ")
                with self.assertRaisesRegex(ValueError, re.escape(why)):
                    self.write(["a = 1", SCOREP + code])
        self.refused(["x = 1", "y = 1\nglobal x"], "cell 2 cannot be compiled as Python: name 'x' is")

    def test_directives_options_have_no_effect(self) -> None:
        said = self.write(["%%execute_with_scorep --ranks 4 --gather x\nx = 1", ENABLE, f"{FINALIZE} --guard"])
        self.assertIn("Note: cell 1: --ranks 4 --gather x of %%execute_with_scorep has no effect in a script.\n", said)
        self.assertIn("Note: cell 1: %%start_writefile NAME --mpi N has the script run as N ranks.\n", said)
        self.assertIn("Note: cell 3: --guard of %%finalize_multicellmode has no effect in a script.\n", said)

    def test_a_transformer_that_raises(self) -> None:
        def transform(source: str) -> str:
            raise KeyError("mine")

        with self.assertRaisesRegex(ValueError, "cell 1 cannot be compiled as Python: IPython cannot read it"):
            write_mode.write({"write": "", "cells": [as_marked("x")], "arguments": ""}, transform)

    def test_indenting_changes_nothing(self) -> None:
        """Some of the standard library's source."""
        for path in sorted(glob.glob(os.path.join(os.path.dirname(ast.__file__), "*.py")))[::4]:
            tree = translator.quietly(ast.parse, self.read(path))
            framed = translator.quietly(ast.parse, translator.uninstrumented(self.read(path)))
            self.assertEqual(list(map(ast.dump, framed.body[0].body)), list(map(ast.dump, tree.body)), path)

    def test_helpers_are_whole(self) -> None:
        names = [helper.__name__ for helper in python_helpers._ALL]
        imports, definitions = python_helpers.sources(names)
        compile("\n".join([*imports, *definitions]), "<helpers>", "exec")
        needed = {name for text in definitions for name in re.findall(r"\b(_[a-z]+(?:_util)?)\.", text)} - {"_out", "_err"}
        self.assertEqual(needed, {line.rpartition(" ")[2] for line in imports})


class Files(InDirectory):
    def test_names(self) -> None:
        self.assertIn(f"{self.work}/jupyter_to_script_run.sh", self.write(["x = 1"], ""))
        self.assertEqual(sorted(os.listdir()), ["jupyter_to_script.py", "jupyter_to_script.sh", "jupyter_to_script_run.sh"])
        os.mkdir("sub")
        for given, name in (("a.py", "a"), (" sub/b", "sub/b"), ("'c d'\n# a comment", "c d"), ("./e.tar", "e.tar")):
            self.write(["x = 1"], given)
            for ending in (".py", ".sh", "_run.sh"):
                self.assertTrue(os.path.exists(name + ending), name)
        if hasattr(sys, "stdlib_module_names"):
            self.assertIn("random.py hides Python's own module random", self.write(["x = 1"], "random"))

    def test_bad_names(self) -> None:
        os.mkdir("taken.py")
        for given, part in (
            ("none/x", "No such file or directory"),
            ("taken", "taken.py is a directory"),
            ("sub/", "is a directory's name"),
            ("a b", "does not know 'b'"),
            ("a\nx = 1", "does not know"),
            ("'unclosed", "No closing quotation"),
            ("'a\nb'", r"does not know 'a\nb'"),
            ("a --mpi", "does not know '--mpi'"),
            ("a --mpi 0", "does not know '--mpi'"),
            ("a --what", "does not know '--what'"),
            ("x" * 300, "File name too long"),
            ("./scorep.py", "Python would take that for Score-P's bindings"),
        ):
            with self.subTest(given[:20]):
                self.refused(["x = 1"], part, given)

    def test_what_was_written_is_replaced_and_what_was_changed_is_kept(self) -> None:
        self.write(["x = 1"])
        self.write(["x = 2"], "it")
        self.assertIn("x = 2", self.read("it.py"))
        for name in ("it.py", "it_run.sh", "it.sh"):
            before = self.read(name)
            for content in (before + "# mine\n", before.replace("\n", "\n# mine\n", 1), before[:-1], "mine", "", before.replace("it.py", "other.py")):
                with open(name, "w") as file:
                    file.write(content)
                self.refused(["x = 3"], f"{self.work}/{name} exists already")
                self.refused(["x = 3"], "%%start_writefile it --force")
                self.assertEqual(self.read(name), content)
            self.write(["x = 2"], "it --force")
            self.assertEqual(self.read(name), before)
        os.rename("it_run.sh", "real")
        os.symlink("real", "it_run.sh")
        self.refused(["x = 3"], "it_run.sh exists already")
        os.remove("it_run.sh")
        os.symlink("nowhere", "it_run.sh")
        self.refused(["x = 3"], "it_run.sh exists already")
        self.write(["x = 3"], "it --force")
        self.assertFalse(os.path.islink("it_run.sh") or os.path.exists("nowhere"))

    def test_a_script_does_not_replace_anothers_runner(self) -> None:
        self.write(["x = 1"], "a")
        self.refused(["x = 2"], "a_run.sh exists already", "a_run")

    def test_all_or_none(self) -> None:
        """Whichever step fails."""
        for number in range(12):
            with self.subTest(number), contextlib.suppress(FileNotFoundError):
                for name in os.listdir():
                    os.remove(name)
            for there in (False, True):
                if there:
                    self.write(["x = 'before'"])
                before = {name: self.read(name) for name in os.listdir()}
                calls = 0

                def failing(real):
                    def call(*arguments, **options):
                        nonlocal calls
                        calls += 1
                        if calls == number + 1:
                            raise OSError(28, "No space left on device")
                        return real(*arguments, **options)

                    return call

                with contextlib.ExitStack() as stack:
                    for name in ("_create", "os.rename"):
                        real = written_files._create if name == "_create" else os.rename
                        stack.enter_context(mock.patch(f"spk_worker.script.written_files.{name}", failing(real)))
                    try:
                        self.write(["x = 'after'"])
                    except NotMeasured as problem:
                        self.assertIn("No space left on device", str(problem))
                        self.assertEqual({name: self.read(name) for name in os.listdir()}, before)
                    else:
                        self.assertLessEqual(calls, number)
                        self.assertEqual(sorted(os.listdir()), ["it.py", "it.sh", "it_run.sh"])
                        self.assertIn("after", self.read("it.py"))
        self.assertLessEqual(calls, number)  # there was no further step

    def test_modes(self) -> None:
        for mask, mode in ((0o022, 0o755), (0o077, 0o700), (0o002, 0o775)):
            before = os.umask(mask)
            try:
                self.write(["x = 1"])
            finally:
                os.umask(before)
            for name in os.listdir():
                self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), mode)

    def test_no_bindings(self) -> None:
        said = self.write(["x = 1"])
        missing = subprocess.run([PYTHON, "-c", "import scorep"], cwd="/", capture_output=True).returncode != 0
        self.assertEqual("has no Score-P bindings, which the runner needs" in said, missing)


class Runners(InDirectory):
    """Runners, with a program in Python's place that shows what it is given."""

    def setUp(self) -> None:
        super().setUp()
        self.python = os.path.join(self.work, "the python")
        with open(self.python, "w") as file:
            file.write('#!/bin/bash\nprintf "<%s>" "$@"; echo; env | grep "^SCOREP_" | sort\n')
        os.chmod(self.python, 0o755)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SCOREP")}

    def write(self, cells, options="it", arguments="", **environment):
        with mock.patch.object(write_mode.sys, "executable", self.python):
            with mock.patch.dict(os.environ, {**self.environment, **environment}, clear=True):
                return super().write(cells, options, arguments)

    def run_runner(self, *command, **options):
        environment = {**self.environment, **options.pop("more", {})}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        first, *rest = done.stdout.splitlines()
        return re.findall("<(.*?)>", first), dict(line.split("=", 1) for line in rest)

    defaults = {
        "SCOREP_ENABLE_TRACING": "true",
        "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "1000",
        "SCOREP_TOTAL_MEMORY": "256M",
    }

    def test_by_all_names_from_anywhere(self) -> None:
        os.mkdir("it's $here")
        self.write(["x = 1"], "'it'\"'s $here/a `b` \"'\"c\"'", "--verbose --instrumenter-file='my file'")
        os.rename("it's $here", "moved")
        names = [name for name in os.listdir("moved") if name.endswith(".sh")]
        self.assertEqual(len(names), 2)
        expected = ["-m", "scorep", "--verbose", f"--instrumenter-file={self.work}/my file", f"{self.work}/moved/a `b` \"c\".py", "x  y", "--z"]
        os.mkdir("links")
        for name in names:
            os.symlink(f"../moved/{name}", f"links/{name}")
            for cwd, command in (
                ("/", [f"{self.work}/moved/{name}"]),
                (f"{self.work}/moved", [f"./{name}"]),
                (f"{self.work}/moved", ["bash", name]),
                (f"{self.work}/moved", ["sh", name]),
                ("/tmp", [f"{self.work}/links/{name}"]),
            ):
                given, environment = self.run_runner(*command, "x  y", "--z", cwd=cwd)
                self.assertEqual((given, environment), (expected, self.defaults), command)

    def test_environment(self) -> None:
        cells = [
            "%env SCOREP_A=1\n%env SCOREP_B='it is'\n%env SCOREP_C=\"$GIVEN/${GIVEN}$(touch made)`touch made`\\\"\n%env SCOREP_D a b",
            {"kind": "environment", "code": "", "lines": 0, "environment": [["SCOREP_A", "$GIVEN '2'"], ["SCOREP_TAKEN"], ["SCOREP_ENABLE_TRACING"], ["OTHER", "3"], ["GONE"]]},
            "%env SCOREP_D=last\n%env SCOREP_JUPYTER_X=1\nif False:\n    %env SCOREP_E=5\nv = 7\n%env SCOREP_F=$v",
            "import os\nprint([os.environ.get(n) for n in ('OTHER', 'GONE', 'SCOREP_JUPYTER_X', 'SCOREP_F')])",
        ]
        session = {"SCOREP_TAKEN": "1", "SCOREP_KEPT": "it's", "SCOREP_ENABLE_TRACING": "no", "SCOREP_JUPYTER_Y": "1", "SCOREP_PYTHON_BINDINGS_INITIALISED": "true"}
        said = self.write(cells, **session)
        self.assertIn("cell 3: the runner sets SCOREP_E, whether the script comes by there or not", said)
        self.assertIn("cell 3: Score-P reads SCOREP_F as the script starts, when its value is not known", said)
        _, environment = self.run_runner("./it_run.sh", more={"GIVEN": "a  b", "SCOREP_TAKEN": "2"})
        self.assertEqual(
            environment,
            {**self.defaults, "SCOREP_A": "$GIVEN '2'", "SCOREP_B": "it is", "SCOREP_C": "a  b/a  b$(touch made)`touch made`\\", "SCOREP_D": "last", "SCOREP_E": "5", "SCOREP_KEPT": "it's"},
        )
        self.assertFalse(os.path.exists("made"))
        done = self.run_script(env={**self.environment, "GONE": "1"})
        self.assertEqual((done.stdout, done.stderr), ("['3', None, '1', '7']\n", ""))

    def test_a_name_that_no_shell_has(self) -> None:
        said = self.write(["x = 1"], **{"SCOREP_$(touch made)": "1", "SCOREP_a-b": "2", "SCOREP_c": "3\n4"})
        self.assertIn("Note: the variable 'SCOREP_$(touch made)' is left out", said)
        self.assertIn("Note: the variable 'SCOREP_a-b' is left out", said)
        self.assertNotIn("made", self.read("it_run.sh"))
        self.assertIn("SCOREP_c='3\n4'", self.read("it_run.sh"))

    def test_arguments_of_the_cells(self) -> None:
        told = {"kind": "arguments", "code": "", "lines": 0}
        self.write([{**told, "arguments": "--a"}, "x = 1", {**told, "arguments": "--b='c d'"}], "it", "--session")
        self.assertEqual(self.run_runner("./it_run.sh")[0][2:-1], ["--b=c d"])
        self.write([{**told, "arguments": "--x='a\nraise SystemExit(9)'"}], "it")
        self.assertEqual(self.run_script().returncode, 0)
        with self.assertRaisesRegex(NotMeasured, "Nothing was written: c is no argument"):
            self.write([{**told, "arguments": "--b c"}], "it")
        self.write([{**told, "arguments": ""}], "it", "--session")
        self.assertEqual(self.run_runner("./it_run.sh")[0][2:], [f"{self.work}/it.py"])

    def test_ranks_and_jobs(self) -> None:
        os.mkdir("bin")
        for name in ("mpirun", "srun", "sbatch"):
            with open(f"bin/{name}", "w") as file:
                file.write(f'#!/bin/bash\necho "{name} $1" >> calls\n' + {"mpirun": 'shift 2\nexec "$@"', "srun": 'exec "$@"', "sbatch": 'cp "$1" job\nshift\nexec ./job "$@"'}[name])
            os.chmod(f"bin/{name}", 0o755)
        path = {"PATH": f"{self.work}/bin:{os.environ['PATH']}"}
        self.write(["x = 1"], "a --mpi 4")
        given, _ = self.run_runner("./a.sh", "y", more=path)
        self.assertEqual(given, ["-m", "scorep", "--mpp=mpi", f"{self.work}/a.py", "y"])
        self.assertEqual(self.read("calls"), "mpirun -n\n")
        os.mkdir("jobs")
        said = self.write(["x = 1"], "'jobs/b }\"' --mpi 4 --slurm", "--mpp=none")
        self.assertIn("Submit it with: ", said)
        self.assertEqual(sorted(os.listdir("jobs")), ['b }".py', 'b }".sbatch', 'b }"_run.sh'])
        os.rename("jobs", "moved")
        text = self.read('moved/b }".sbatch')
        self.assertIn("\n#SBATCH --ntasks=4\n", text)
        self.assertLess(text.rindex("#SBATCH"), text.index("set -eu"))
        os.remove("calls")
        given, _ = self.run_runner('./moved/b }"_run.sh', "y", more=path)
        self.assertEqual(given, ["-m", "scorep", "--mpp=none", f'{self.work}/moved/b }}".py', "y"])
        self.assertEqual(self.read("calls"), f'sbatch {self.work}/moved/b }}".sbatch\nsrun {self.python}\n')
        given, _ = self.run_runner("bash", 'moved/b }".sbatch', more=path)
        self.assertEqual(given[-1], f'{self.work}/jobs/b }}".py')


class UnderScoreP(InDirectory):
    """Traces of scripts, by the real bindings: nothing of a cell without the directive, and no region in disorder."""

    cells = [
        "import json\ndef hidden(n): return n\ndef shown(n): return n\nhidden(json.dumps(1))\nshown(1)",
        SCOREP + "shown(2)\n!echo system",
        "hidden(3)\n%time hidden(4)\nwith open('f', 'w') as file: file.write('x')",
        ENABLE,
        "shown(5)",
        "import scorep\nwith scorep.instrumenter.enable('mine'):\n    shown(6)\nwith scorep.instrumenter.disable():\n    hidden(7)",
        FINALIZE,
        "hidden(8)",
        "%%capture kept\nhidden(9)\nprint(1)",
    ]

    @classmethod
    def setUpClass(cls) -> None:
        needs_bindings()
        super().setUpClass()

    def measured(self, cells, arguments="", fails=False):
        """How often each region was entered."""
        shutil.rmtree("experiment", True)
        with mock.patch.dict(os.environ, {"SCOREP_EXPERIMENT_DIRECTORY": os.path.join(self.work, "experiment")}):
            with mock.patch.object(write_mode.sys, "executable", PYTHON):
                self.write(cells, "it", arguments)
        done = subprocess.run(["./it_run.sh"], capture_output=True, text=True)
        self.assertEqual(done.returncode != 0, fails, done.stderr)
        if not fails:
            self.assertEqual(done.stderr, "")
        found = Trace("experiment").enters
        self.assertEqual([name for name in found if "error_region" in name], [])
        return found

    def test_cells_with_the_directive_are_recorded_and_no_others(self) -> None:
        found = self.measured(self.cells)
        self.assertEqual((found.get("__main__:shown"), found.get("__main__:hidden")), (3, None))
        self.assertEqual([name for name in found if name.startswith(("json", "importlib"))], [])
        self.assertIn("subprocess:run", found)

    def test_no_instrumenter(self) -> None:
        found = self.measured(self.cells, "--noinstrumenter")
        self.assertEqual(found, {"user_instrumenter:mine": 1, "__main__:shown": 1})

    def test_an_error_in_either_kind_of_cell(self) -> None:
        for code in ("1/0", SCOREP + "1/0"):
            for arguments in ("", "--noinstrumenter"):
                found = self.measured([*self.cells[:2], code], arguments, fails=True)
                self.assertEqual(found.get("__main__:hidden"), None)
                self.assertEqual(found.get("__main__:shown"), None if arguments else 1)

    def test_with_await(self) -> None:
        cells = [self.cells[0] + "\nimport asyncio", SCOREP + "shown(await asyncio.sleep(0, 1))", "hidden(await asyncio.sleep(0, 1))"]
        found = self.measured(cells)
        self.assertEqual((found.get("__main__:shown"), found.get("__main__:hidden")), (1, None))

    def test_by_python_alone(self) -> None:
        self.measured(self.cells)
        done = subprocess.run([PYTHON, "it.py"], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("system\n", "", 0))


class WriteMode(TracedCase):
    """Through a kernel."""

    def mark(self, code, effect=""):
        said = self.ok(code).text()
        self.assertRegex(said, r"\AMarked as cell \d+")
        self.assertIn(effect, said)

    def run_written(self, name, **options):
        done = subprocess.run([PYTHON, os.path.join(self.work, name)], capture_output=True, text=True, cwd=self.work, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_a_notebook_of_the_existing_kernel_twice(self) -> None:
        """All cells are ok, in both runs."""
        if SANITIZER:
            self.skipTest("python -m scorep is not ours, and leaks, which the sanitizer takes for a failure")
        os.makedirs(os.path.join(self.work, "scripts"), exist_ok=True)
        for turn in range(2):
            self.ok("%%start_writefile")
            self.ok("%env SCOREP_ENABLE_TRACING=1\n%env SCOREP_TOTAL_MEMORY=3g")
            self.ok("%%abort_writefile")
            self.assertFalse(os.path.exists(os.path.join(self.work, "jupyter_to_script.py")))
            self.ok("%%start_writefile scripts/mine")
            self.mark("%env SCOREP_ENABLE_TRACING=1\n%env SCOREP_ENABLE_PROFILING=0\n%env SCOREP_TOTAL_MEMORY=32m\n%env SCOREP_EXPERIMENT_DIRECTORY=scripts/traces")
            self.mark("%%scorep_python_binding_arguments\n--noinstrumenter", "the session's arguments stay as they are")
            self.mark("a, b = 5, 10\ndef total(n): return sum(n)\nprint('a + b =', a + b)", "by %%end_writefile, not instrumented.")
            self.mark("%%execute_with_scorep\nimport scorep\nwith scorep.instrumenter.enable():\n    c = total([a, b])", "by %%end_writefile, instrumented.")
            self.mark("%%enable_multicellmode", "are instrumented, up to")
            self.mark("with scorep.instrumenter.enable():\n    c += total([1])\nd = total([2])", "by %%end_writefile, instrumented.")
            said = self.ok("%%abort_multicellmode").text()
            self.assertIn("%%abort_multicellmode does nothing", said)
            self.mark("print('c =', c, d)", "by %%end_writefile, instrumented.")
            self.mark("%%finalize_multicellmode", "if they begin with %%execute_with_scorep")
            self.mark("print('end')", "by %%end_writefile, not instrumented.")
            self.assertEqual(
                self.ok("%scorep_marked").text(),
                "Marked, to be written by %%end_writefile; those with a * are instrumented:\n"
                "  1  %env SCOREP_ENABLE_TRACING=1\n  2  %%scorep_python_binding_arguments\n  3  a, b = 5, 10\n  4* import scorep\n"
                "  5  %%enable_multicellmode\n  6* with scorep.instrumenter.enable():\n  7* print('c =', c, d)\n"
                "  8  %%finalize_multicellmode\n  9  print('end')\n",
            )
            said = self.ok("%%end_writefile").text()
            self.assertNotIn("not translated", said)
        with open(os.path.join(self.work, "scripts", "mine_run.sh")) as file:
            self.assertIn(" -m scorep --noinstrumenter ", file.read())
        needs_bindings()
        shown = self.ok("%%bash\nchmod u+x scripts/mine_run.sh\n./scripts/mine_run.sh").text()
        self.assertEqual(shown, "a + b = 15\nc = 16 2\nend\n")
        self.assertEqual(Trace(os.path.join(self.work, "scripts", "traces")).enters, {"__main__:total": 2})

    def test_the_session_stays_as_it_was(self) -> None:
        self.ok("%%scorep_python_binding_arguments --verbose")
        self.ok("%%scorep_env\nSCOREP_TOTAL_MEMORY=20M\nPLAIN=1")
        before = self.ok("%%scorep_env").text(), self.ok("%%scorep_python_binding_arguments").text()
        for end in ("abort", "end"):
            self.ok("%%start_writefile session")
            self.mark("%%scorep_python_binding_arguments --keep-files", "what the script's runner gives")
            self.mark("%%scorep_env\n-SCOREP_TOTAL_MEMORY\nSCOREP_VERBOSE='a b'\nPLAIN=2", "the session's stays as it is")
            self.mark("%env SCOREP_A=1\n%env PLAIN=3\nimport os\nprint(os.environ['PLAIN'])")
            for wrong, part in (("%%scorep_env\nA B", "no KEY=VALUE"), ("%%scorep_python_binding_arguments '", "a quote is not closed")):
                self.assertIn(part, self.fails(wrong, "ScorePDirectiveError").reply["evalue"])
            self.assertIn("\n  3  %env SCOREP_A=1\n", self.ok("%scorep_marked").text())
            self.ok(f"%%{end}_writefile")
            self.assertEqual((self.ok("%%scorep_env").text(), self.ok("%%scorep_python_binding_arguments").text()), before)
            self.assertEqual(self.ok("import os; os.environ['PLAIN'], 'SCOREP_A' in os.environ").result, "('1', False)")
        with open(os.path.join(self.work, "session_run.sh")) as file:
            runner = file.read()
        for line in ("unset SCOREP_TOTAL_MEMORY\n", "export SCOREP_VERBOSE='a b'\n", "export SCOREP_A=1\n", " -m scorep --keep-files "):
            self.assertIn(line, runner)
        self.assertNotIn("PLAIN", runner)
        self.assertEqual(self.run_written("session.py"), "3\n")
        self.ok("%%scorep_python_binding_arguments -")
        self.ok("%%scorep_env\n-SCOREP_TOTAL_MEMORY\n-PLAIN")

    def test_a_cell_that_is_no_python_is_named_and_can_be_corrected(self) -> None:
        self.ok("%%start_writefile wrong")
        self.mark("x = 1")
        self.mark("y = = 2")
        error = self.fails("%%end_writefile", "NotWritten").reply["evalue"]
        self.assertIn("cell 2 cannot be compiled as Python: invalid syntax, in `y = = 2`", error)
        self.assertFalse(os.path.exists(os.path.join(self.work, "wrong.py")))
        self.assertIn("  1  x = 1\n  2  y = = 2\n", self.ok("%scorep_marked").text())
        self.ok("%scorep_unmark 2")
        self.mark("%%time\nprint(x)\nls")
        self.assertIn("cell 2: no cell defines ls", self.ok("%%end_writefile").text())

    def test_magics_of_the_session(self) -> None:
        """By IPython's own shell, where a line may be a magic without its sign."""
        self.ok("%%start_writefile magics")
        for code in ("pwd", "cd /", "!pwd", "cd = 5", "cd", "%%capture c\n!echo a", "c.show(); print(cd)"):
            self.mark(code)
        self.ok("%%end_writefile")
        self.assertEqual(self.run_written("magics.py"), f"{self.work}\n/\na\n5\n")

    def test_code_below_a_directive_is_not_dropped_without_a_word(self) -> None:
        self.ok("%%start_writefile below")
        for directive in ("enable_multicellmode", "finalize_multicellmode", "end_writefile"):
            outcome = self.ok(f"%%{directive}\n# why\n\nbelow_ran = 1")
            self.assertEqual(outcome.text("stderr"), f"Note: what stands below %%{directive} in its cell is not run. Put it into a cell of its own.\n")
        self.assertEqual(self.ok("'below_ran' in globals()").result, "False")
        self.assertEqual(self.run_written("below.py"), "")

    def test_silent_requests_are_the_sessions(self) -> None:
        self.ok("%%start_writefile silent")
        self.ok("silent_ran = 1", silent=True)
        self.ok("%%abort_writefile")
        self.assertEqual(self.ok("silent_ran").result, "1")


if __name__ == "__main__":
    unittest.main()
