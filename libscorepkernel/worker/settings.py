# SPDX-License-Identifier: BSD-3-Clause
"""Settings before they are in force: what %%marshalling_settings and %%scorep_python_binding_arguments ask for is
looked at here, in the process whose cells they are for. What cannot be had is refused, or, where the existing kernel
goes on without it, pointed out. The library has read the directive, keeps the settings, and says what is in force."""

from __future__ import annotations

import sys
from typing import List

from . import launch_plan

_MODES = ("memory", "disk")


def check(options: dict) -> List[str]:
    """Look at what is proposed; the names of those that stay as they were. NotMeasured or ValueError, with a text for
    the user: none of it can be in force."""
    proposed, before = options["settings"], options["before"]
    if options["asked"] == "arguments":
        for note in check_arguments(proposed["arguments"]):
            print(note)
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


def check_arguments(text: str) -> List[str]:
    """Look at the bindings' arguments, as one text; notes for the user, each a line. NotMeasured, ValueError: why they
    are refused, and what to do."""
    launch_plan.needed(text)
    return []


def _problem_of_mode(mode: str) -> str:
    return "" if mode in _MODES else f'MODE cannot be "{mode}": it is {" or ".join(_MODES)}.'


def _problem_of_marshaller(name: str) -> str:
    """Why a module cannot marshal; empty: it can."""
    return "" if name == "cloudpickle" else f'MARSHALLER cannot be "{name}": it is cloudpickle.'
