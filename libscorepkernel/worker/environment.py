# SPDX-License-Identifier: BSD-3-Clause
"""%%scorep_env: the session's environment, which is what Score-P reads at the beginning of each measured cell."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from typing import List, Optional, Set

_SECONDS = 10
_known: List[Set[str]] = []


def apply(changes: List[List[str]]) -> str:
    """Change it, and say what is in force. changes: [key, value], or [key] for what is unset."""
    for key, *value in changes:
        if value:
            os.environ[key] = value[0]
        else:
            os.environ.pop(key, None)
    return "\n".join(_in_force() + _unknown(change[0] for change in changes)) + "\n"


def _in_force() -> List[str]:
    names = sorted(name for name in os.environ if name.startswith("SCOREP"))
    return [f"{name}={os.environ[name]}" for name in names] or ["No SCOREP variable is set."]


def _unknown(names: object) -> List[str]:
    known = known_variables()
    if known is None:
        return []
    strange = [name for name in names if name.startswith("SCOREP_") and name not in known]  # type: ignore[attr-defined]
    return [f"Note: this Score-P knows no variable {name}; `!scorep-info config-vars` lists them." for name in strange]


def known_variables() -> Optional[Set[str]]:
    """Those that Score-P, its bindings and this kernel read; None: it cannot be told."""
    program = shutil.which("scorep-info")
    if not _known and program:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                [program, "config-vars"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
            )
            found = set(re.findall(r"^(SCOREP_\w+)", done.stdout, re.M))
            if done.returncode == 0 and found:
                _known.append(found)
    return _known[0] | _OTHERS if _known else None


_OTHERS = {
    "SCOREP_JUPYTER_PERSISTENCE_DIR",
    "SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT",
    "SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS",
}
