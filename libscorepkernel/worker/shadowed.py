# SPDX-License-Identifier: BSD-3-Clause
"""Files beside the notebook that have the names of modules: a random.py, a queue.py. The worker and IPython are not to
import them, the user's cells are, as a script in that directory would. So the directory is not on sys.path while the
worker begins; what it imports later is imported then, too, but only where there are such files, as that takes time; and
then the names of the standard library stand for the user's files, while the modules that are there go on with those
that they have."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import os
import sys
from typing import Any, Iterator, Set

from .base import unpatched

# What the worker, or IPython for it, imports when it is needed; not all of it need be there.
_LATER = """
    ast bdb cProfile cloudpickle cloudpickle.cloudpickle concurrent.futures.thread difflib glob hashlib html jedi
    linecache logging.handlers mmap multiprocessing.resource_tracker parso pdb pickle pickletools pstats
    pygments.formatters pygments.lexers queue random secrets shlex shutil sqlite3 stack_data statistics subprocess
    tempfile textwrap timeit tokenize traceback unicodedata unittest.mock uuid zlib
""".split()
# What is at work: the loop that cells run on, and what the tracer and Python's end look for by name.
_AT_WORK = ("asyncio", "threading")
# Programs of their own.
_NOT_IMPORTED = ("__init__", "__main__", "selftest")


def put_back(before: Set[str], shell: Any) -> None:
    """Users' code runs from now on, with its directory on sys.path. before: the modules that a script would find there
    when it begins, too."""
    names = _beside(os.getcwd()) - before
    loaded = {name.partition(".")[0] for name in [*sys.modules, *_LATER]}
    if names & (loaded | set(getattr(sys, "stdlib_module_names", ()))):
        _import_all(shell)
        for name in list(sys.modules):
            top = name.partition(".")[0]
            # IPython, and what it needs of installed packages, imports parts of itself by name.
            if top in names and top not in _AT_WORK and unpatched.is_standard(sys.modules[name]):
                del sys.modules[name]
    sys.path.insert(0, "")


def _beside(directory: str) -> Set[str]:
    """The names of the modules and packages in a directory."""
    found: Set[str] = set()
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            name, _, ending = entry.name.partition(".")
            if f".{ending}" in importlib.machinery.all_suffixes():
                found.add(name)
            elif os.path.exists(os.path.join(entry.path, "__init__.py")):
                found.add(entry.name)
    return found


def _own_modules() -> Iterator[str]:
    """The names of all modules of this package."""
    package = os.path.dirname(os.path.abspath(__file__))
    for directory, _, files in os.walk(package):
        folder = os.path.relpath(directory, package).replace(os.sep, ".").strip(".")
        for file in files:
            stem, ending = os.path.splitext(file)
            if ending == ".py" and stem not in _NOT_IMPORTED:
                yield ".".join(filter(None, (__package__, folder, stem)))


def _import_all(shell: Any) -> None:
    from .forks import resource_tracker

    for name in [*_LATER, *_own_modules()]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    resource_tracker.protect()
    # What IPython imports for its first completion and its first traceback.
    with contextlib.suppress(Exception):
        list(shell.Completer.completions("__name__.upp", 12))
    try:
        raise ValueError
    except ValueError:
        with contextlib.suppress(Exception):
            shell.InteractiveTB.structured_traceback(*sys.exc_info())
