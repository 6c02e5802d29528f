# SPDX-License-Identifier: BSD-3-Clause
"""Settings before they are in force: what %%marshalling_settings and %%scorep_python_binding_arguments ask for is
looked at here, in the process whose cells they are for. What cannot be had is refused, or, where the existing kernel
goes on without it, pointed out. The library has read the directive, keeps the settings, and says what is in force."""

from __future__ import annotations

import sys
from typing import List

from ..launch import variable_files
from ..launch.plan import refuse_clash
from ..measure import binding_arguments
from ..measure.wanted import Process
from ..persist import trial
from ..persist.keys import DEFAULT_MARSHALLER
from .visible import visible

# Whose settings are asked about: as the library's settings_directives.c names them.
MARSHALLING, ARGUMENTS = ASKED = ("marshalling", "arguments")
_MODES = ("memory", "disk")


def check(options: dict) -> List[str]:
    """Look at what is proposed; the names of those that stay as they were. NotMeasured, with a text for the user: none
    of it can be in force."""
    proposed, before = options["settings"], options["before"]
    process = Process(proposed["process"])
    refuse_clash(process, proposed["arguments"], "Nothing was changed")
    if options["asked"] == ARGUMENTS:
        for note in binding_arguments.check(proposed["arguments"]):
            print(visible(f"Note: {note}"))
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
    if process in (Process.AUTO, Process.SESSION) and (mode, marshaller) != ("memory", DEFAULT_MARSHALLER):
        print("In the session nothing is marshalled: MODE and MARSHALLER are for cells that run in other processes.")
    return stays


def _warn(text: str) -> None:
    print(visible(f"Warning: {text}"), file=sys.stderr)


def _problem_of_mode(mode: str) -> str:
    return "" if mode in _MODES else f'MODE cannot be "{mode}": it is {" or ".join(_MODES)}.'


def _problem_of_new_marshaller(name: str) -> str:
    return trial.problem_of_import(name) or trial.problem_of_use(name)


def _look_at_directory() -> None:
    """Warn if variables cannot travel by disk, before a cell needs it."""
    problem = variable_files.problem_of_directory()
    if problem:
        _warn(problem)
