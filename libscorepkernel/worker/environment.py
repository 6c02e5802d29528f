# SPDX-License-Identifier: BSD-3-Clause
"""%%scorep_env: the session's environment, which is what Score-P reads at the beginning of each measured cell; and
which variables Score-P knows."""

from __future__ import annotations

import os
import re
import shutil
from typing import Dict, Iterable, List, Optional

from . import doctor_check, installation

# Those that Score-P, its tools, the bindings and we know of, but config-vars does not list; and modules' own.
_OTHERS = re.compile(
    "SCOREP_(LIBWRAP_PATH|WRAPPER.*|THREAD_EXPERIMENTAL_.*|DEVELOPMENT_.*|PYTHON_BINDINGS_.*|LD_PRELOAD_BACKUP"
    "|JUPYTER_.*|ROOT|HOME|DIR|BASE|PREFIX|VERSION)"
)
_listed: Dict[str, List[str]] = {}  # by program: it takes some milliseconds


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
    return [f"{name}={os.environ[name]}" for name in names] or ["No SCOREP variable is set."]


def _notes(names: Iterable[str]) -> List[str]:
    program = lister()
    if program is None:
        return []
    if not _listed.get(program):
        _listed[program] = listed(program)
    strange = unknown(names, _listed[program])
    return [f"Note: this Score-P knows no variable {name}; `!scorep-info config-vars` lists them." for name in strange]


def is_for_score_p(name: str) -> bool:
    """Whether a variable of that name is one that Score-P should know."""
    return name.startswith("SCOREP_") and not _OTHERS.fullmatch(name)


def lister() -> Optional[str]:
    """The program that knows Score-P's variables; None: there is none."""
    config = installation.locate()
    beside = os.path.join(os.path.dirname(config), "scorep-info") if config else ""
    return beside if os.path.exists(beside) else shutil.which("scorep-info")


def listed(program: str) -> List[str]:
    """Those that it lists; none: it cannot be asked."""
    return re.findall(r"^(SCOREP_\w+)", doctor_check.run([program, "config-vars"]).output, re.M)


def unknown(names: Iterable[str], known: List[str]) -> List[str]:
    """Those that should be known and are not, where any is."""
    # A plugin's variables have its name in them.
    plugins = tuple(f"SCOREP_{kind}_" for kind in ("METRIC", "SUBSTRATE") if os.environ.get(f"SCOREP_{kind}_PLUGINS"))
    wanted = filter(is_for_score_p, names) if known else ()
    return [name for name in wanted if name not in known and not name.startswith(plugins)]
