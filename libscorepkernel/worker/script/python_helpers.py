# SPDX-License-Identifier: BSD-3-Clause
"""What IPython does for notebooks and plain Python does not, as functions that a written script takes with it: they
are copied into it by their source, with the imports that they need."""

import asyncio as _asyncio
import glob as _glob
import importlib.util
import inspect
import io as _io
import os as _os
import re
import subprocess as _subprocess
import sys as _sys
from typing import Any, Iterable, List, Tuple

_import_util = importlib.util
_exit_code = 0


def _notebook_system(command: str) -> None:
    """!command; its exit code is kept in _exit_code, as IPython does."""
    global _exit_code
    _sys.stdout.flush()
    if _sys.stdout is _sys.__stdout__:
        _exit_code = _subprocess.run(command, shell=True).returncode
        return
    pipe, both = _subprocess.PIPE, _subprocess.STDOUT
    done = _subprocess.run(command, shell=True, stdout=pipe, stderr=both, text=True, errors="replace")
    _exit_code = done.returncode
    print(done.stdout, end="")


def _notebook_output(command: str) -> list:
    """lines = !command, run by the user's shell, as IPython does."""
    shell = _os.environ.get("SHELL") or None
    pipe, both = _subprocess.PIPE, _subprocess.STDOUT
    done = _subprocess.run(
        command, shell=True, executable=shell, stdout=pipe, stderr=both, text=True, errors="replace"
    )
    return done.stdout.splitlines()


def _notebook_program(command: list, text: str, out: bool = False, err: bool = False, check: bool = True) -> tuple:
    """%%bash and its like: a program reads the text. What it writes is returned where that is asked for."""
    _sys.stdout.flush()
    captured = _sys.stdout is not _sys.__stdout__
    stdout = _subprocess.PIPE if out or captured else None
    stderr = _subprocess.PIPE if err or captured else None
    try:
        done = _subprocess.run(command, input=text, stdout=stdout, stderr=stderr, text=True, errors="replace")
    except FileNotFoundError:
        print(f"Couldn't find program: {command[0]!r}")
        return "", ""
    if captured and not out:
        _sys.stdout.write(done.stdout)
    if captured and not err:
        _sys.stderr.write(done.stderr)
    if check:
        done.check_returncode()
    return done.stdout, done.stderr


def _notebook_write(path: str, text: str, append: bool = False) -> None:
    """%%writefile"""
    print("Writing" if not _os.path.exists(path) else "Appending to" if append else "Overwriting", path)
    with open(path, "a" if append else "w", encoding="utf-8") as file:
        file.write(text)


def _notebook_run(
    words: list, shared: bool = False, module: bool = False, main: bool = True, glob: bool = True
) -> None:
    """%run: a file as a program, whose variables are the script's afterwards. shared: from the beginning."""
    path = _os.path.expanduser(words[0])
    if module:
        path = getattr(_import_util.find_spec(path), "origin", path)
    elif not _os.path.isfile(path) and _os.path.isfile(path + ".py"):
        path += ".py"
    arguments: list = []
    for word in map(_os.path.expanduser, words[1:]) if glob else words[1:]:
        arguments += (_glob.glob(word) if glob else []) or [word]
    before = {name: globals()[name] for name in ("__name__", "__file__", "__builtins__") if name in globals()}
    names: dict = globals() if shared else {}
    names.update(__name__="__main__" if main else _os.path.splitext(_os.path.basename(path))[0], __file__=path)
    argv, directory = _sys.argv, _os.path.dirname(_os.path.abspath(path))
    _sys.argv = [path, *arguments]
    _sys.path.insert(0, directory)
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec", dont_inherit=True), names)
    except SystemExit as end:
        if end.code:
            raise
    finally:
        _sys.argv = argv
        if directory in _sys.path:
            _sys.path.remove(directory)
        globals().update({**names, **before})


class _notebook_capture:
    """%%capture: what is printed within the block is kept."""

    def __init__(self, out: bool = True, err: bool = True) -> None:
        self._out, self._err = _io.StringIO() if out else None, _io.StringIO() if err else None
        self.outputs: list = []

    def __enter__(self) -> "_notebook_capture":
        self._before = _sys.stdout, _sys.stderr
        _sys.stdout, _sys.stderr = self._out or _sys.stdout, self._err or _sys.stderr
        return self

    def __exit__(self, *_: object) -> None:
        _sys.stdout, _sys.stderr = self._before

    @property
    def stdout(self) -> str:
        return self._out.getvalue() if self._out else ""

    @property
    def stderr(self) -> str:
        return self._err.getvalue() if self._err else ""

    def show(self) -> None:
        _sys.stdout.write(self.stdout)
        _sys.stderr.write(self.stderr)

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


def _notebook_await(cell: object, loops: list = []) -> None:
    """A cell with await at its top level: all of them on one loop."""
    if not loops:
        loops.append(_asyncio.new_event_loop())
        _asyncio.set_event_loop(loops[0])
    loops[0].run_until_complete(cell)


def display(*objects: object, **options: object) -> None:
    """IPython's display, as text."""
    print(*map(repr, objects), sep="\n")


_ALL: Tuple[Any, ...] = (
    _notebook_system,
    _notebook_output,
    _notebook_program,
    _notebook_write,
    _notebook_run,
    _notebook_capture,
    _notebook_await,
    display,
)
_IMPORTS = {
    "_asyncio": "import asyncio as _asyncio",
    "_glob": "import glob as _glob",
    "_import_util": "import importlib.util as _import_util",
    "_io": "import io as _io",
    "_os": "import os as _os",
    "_shlex": "import shlex as _shlex",
    "_subprocess": "import subprocess as _subprocess",
    "_sys": "import sys as _sys",
}


def sources(names: Iterable[str]) -> Tuple[List[str], List[str]]:
    """The imports and the definitions of those that are named, which may be imports' own names."""
    wanted = set(names)
    definitions = [inspect.getsource(helper).rstrip() for helper in _ALL if helper.__name__ in wanted]
    used = wanted | set(re.findall(r"\b(_[a-z_]+)\.", "\n".join(definitions)))
    return [line for name, line in _IMPORTS.items() if name in used], definitions
