# SPDX-License-Identifier: BSD-3-Clause
"""Settings before they are in force: what %%marshalling_settings and %%scorep_python_binding_arguments ask for is
looked at here, in the process whose cells they are for. What cannot be had is refused, or, where the existing kernel
goes on without it, pointed out. The library has read the directive, keeps the settings, and says what is in force."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import List

from . import launch_plan
from .measure import binding_arguments

_MODES = ("memory", "disk")
_DEFAULT = "cloudpickle"
# Those that are installed under another name.
_PACKAGES = {"parallel_marshall": "scorep-jupyter"}


def check(options: dict) -> List[str]:
    """Look at what is proposed; the names of those that stay as they were. NotMeasured, with a text for the user: none
    of it can be in force."""
    proposed, before = options["settings"], options["before"]
    launch_plan.refuse_clash(proposed["process"], proposed["arguments"], "Nothing was changed")
    if options["asked"] == "arguments":
        for note in binding_arguments.check(proposed["arguments"]):
            print(f"Note: {note}")
        return []
    stays = []
    for name, problem_of in (("mode", _problem_of_mode), ("marshaller", _problem_of_new_marshaller)):
        problem = problem_of(proposed[name]) if proposed[name] != before[name] else ""
        if problem:
            _warn(f"{problem}\nCells go on with {name.upper()}={before[name]}.")
            stays.append(name)
    mode, marshaller = ((before if name in stays else proposed)[name] for name in ("mode", "marshaller"))
    if mode == "disk":
        _look_at_directory()
    if proposed["process"] in ("auto", "session") and (mode, marshaller) != ("memory", _DEFAULT):
        print("In the session nothing is marshalled: MODE and MARSHALLER are for cells that run in other processes.")
    return stays


def problem_of_marshaller(name: str) -> str:
    """Why a module cannot marshal, and what to do; empty: it can. It is imported."""
    for needed in (_DEFAULT, name):  # whose part it is to look at what notebooks define
        problem = _problem_of_import(needed)
        if problem:
            return f'MARSHALLER cannot be "{name}": {problem}'
    return ""


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr)


def _problem_of_mode(mode: str) -> str:
    return "" if mode in _MODES else f'MODE cannot be "{mode}": it is {" or ".join(_MODES)}.'


def _problem_of_new_marshaller(name: str) -> str:
    return problem_of_marshaller(name) or _problem_of_use(name)


def _problem_of_import(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        return "that is no module's name."
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as problem:
        first = name.split(".")[0]
        if problem.name == first:
            package = _PACKAGES.get(first, first)
            return f"this Python has no module {first}. To have it:\n{sys.executable} -m pip install {package}"
        return f"its import failed: {problem}."
    except BaseException as problem:  # SystemExit, for one
        return f"its import failed: {type(problem).__name__}: {problem}."
    return ""


def _problem_of_use(name: str) -> str:
    """Have two names of one object carried by it."""
    from .persist import transfer

    there: List[int] = []
    descriptor = os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    try:
        sent = transfer.send({"one": there, "other": there}, descriptor, marshaller=name)
        found, lost = transfer.values(descriptor, {}, 0)
    except AttributeError as problem:
        return f'MARSHALLER cannot be "{name}": {problem}.'
    except Exception as problem:
        return f'MARSHALLER cannot be "{name}": it failed with a list: {type(problem).__name__}: {problem}.'
    finally:
        os.close(descriptor)
    if sent.lost or lost:
        return f'MARSHALLER cannot be "{name}": it failed with a list: {(sent.lost + lost)[0].reason}.'
    if found["one"] != there or found["one"] is not found["other"]:
        return f'MARSHALLER cannot be "{name}": of a list with two names it made two lists.'
    return ""


def _look_at_directory() -> None:
    """Before a cell needs it."""
    from . import launch

    problem = launch.problem_of_directory()
    if problem:
        _warn(problem)
