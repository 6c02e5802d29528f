# SPDX-License-Identifier: BSD-3-Clause
"""%%scorep_env: the session's environment, which is what Score-P reads at the beginning of each measured cell."""

from __future__ import annotations

import os
from typing import Iterable, List

from ..measure import scorep_variables
from .visible import in_a_line


def apply(changes: List[List[str]]) -> str:
    """Change it, and say what is in force. changes: [key, value], or [key] for what is unset."""
    for key, *value in changes:
        if value:
            os.environ[key] = value[0]
        else:
            os.environ.pop(key, None)
    return "\n".join(_in_force() + _notes(change[0] for change in changes)) + "\n"


def _in_force() -> List[str]:
    names = sorted(name for name in os.environ if name.startswith("SCOREP"))
    return [in_a_line(f"{name}={os.environ[name]}") for name in names] or ["No SCOREP variable is set."]


def _notes(names: Iterable[str]) -> List[str]:
    program = scorep_variables.lister()
    if program is None:
        return []
    strange = scorep_variables.unknown(names, scorep_variables.listed(program))
    text = "Note: this Score-P knows no variable {}; `!scorep-info config-vars` lists them."
    return [text.format(in_a_line(name)) for name in strange]
