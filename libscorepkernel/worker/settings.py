# SPDX-License-Identifier: BSD-3-Clause
"""Settings before they are in force: what %%marshalling_settings and %%scorep_python_binding_arguments ask for is
looked at here, in the process whose cells they are for. What cannot be had is refused, or, where the existing kernel
goes on without it, pointed out. The library has read the directive, keeps the settings, and says what is in force."""

from __future__ import annotations

import sys
from typing import List

from . import binding_arguments, launch_plan

_MODES = ("memory", "disk")


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
    for name, problem in (
        ("mode", _problem_of_mode(proposed["mode"])),
        ("marshaller", _problem_of_marshaller(proposed["marshaller"])),
    ):
        if problem and proposed[name] != before[name]:
            print(f"Warning: {problem} Cells go on with {name.upper()}={before[name]}.", file=sys.stderr)
            stays.append(name)
    return stays


def _problem_of_mode(mode: str) -> str:
    return "" if mode in _MODES else f'MODE cannot be "{mode}": it is {" or ".join(_MODES)}.'


def _problem_of_marshaller(name: str) -> str:
    """Why a module cannot marshal; empty: it can."""
    return "" if name == "cloudpickle" else f'MARSHALLER cannot be "{name}": it is cloudpickle.'
