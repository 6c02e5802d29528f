# SPDX-License-Identifier: BSD-3-Clause
"""Which environment variables Score-P and the kernel know, and which of those that are set have no effect."""

from __future__ import annotations

import os
import re
import shutil
from typing import Dict, Iterable, List, Optional, Set, Tuple

from ..base import programs
from ..base.errors import NotMeasured
from . import installation

# Those that Score-P, its tools, the bindings and we know of, but config-vars does not list; and modules' own.
_OTHERS = re.compile(
    "SCOREP_(LIBWRAP_PATH|WRAPPER.*|THREAD_EXPERIMENTAL_.*|DEVELOPMENT_.*|PYTHON_BINDINGS_.*|LD_PRELOAD_BACKUP"
    "|JUPYTER_.*|ROOT|HOME|DIR|BASE|PREFIX|VERSION)"
)
# What the built-in tracer obeys of Score-P's variables, and what it does anyway, whatever they are set to but for this.
OBEYED_BY_THE_TRACER = (
    "SCOREP_EXPERIMENT_DIRECTORY",
    "SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY",
    "SCOREP_TOTAL_MEMORY",
    "SCOREP_FILTERING_FILE",
    "SCOREP_ENABLE_TRACING",
)
_ANYWAY = {"SCOREP_ENABLE_PROFILING": ("false", "no", "off", "0")}
# The kernel's own, for users; and those that its processes tell each other.
SETTINGS = (
    "SCOREPKERNEL_MEASUREMENT",
    "SCOREPKERNEL_GUARD_BUDGET",
    "SCOREPKERNEL_SAMPLING",
    "SCOREPKERNEL_C_FUNCTIONS",
    "SCOREPKERNEL_REPORT",
    "SCOREPKERNEL_LOG",
    "SCOREPKERNEL_OUTPUT_LIMIT",
)
# Those that the host reads, which has an environment of its own; as they were for it.
_OF_THE_HOST = {name: os.environ.get(name) for name in ("SCOREPKERNEL_LOG", "SCOREPKERNEL_OUTPUT_LIMIT")}
OF_THE_EXISTING_KERNEL = (
    "SCOREP_JUPYTER_PERSISTENCE_DIR",
    "SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT",
    "SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS",
)
_INNER = re.compile("SCOREPKERNEL_(RENDEZVOUS|PRELOAD.*|RUNNER|SET_FOR_START|SUBSYSTEMS)")
_pointed_out: Set[Tuple[str, str]] = set()  # names and values


_ON, _OFF = ("1", "on", "yes", "true", "t"), ("0", "off", "no", "false", "f")


def is_on(name: str, otherwise: bool, meaning: str) -> bool:
    """Whether one of the kernel's own that are on or off is on. otherwise: what holds without it. meaning: what is so
    when it is on, as a sentence without its end. NotMeasured: it is neither on nor off."""
    text = os.environ.get(name, "").lower()
    if not text:
        return otherwise
    if text in _ON + _OFF:
        return text in _ON
    by_default = ["", ", as without the variable"]
    raise NotMeasured(
        f"The cell was not run: {name} is {os.environ[name][:80]!r}, but must be on ({meaning}{by_default[otherwise]}) "
        f"or off{by_default[not otherwise]}."
    )


def without_effect(built_in: bool) -> List[str]:
    """What the user is to know of variables that are set and have no effect, each told once in a session. built_in:
    the built-in tracer measures."""
    there = [item for item in sorted(os.environ.items()) if item not in _pointed_out]
    own = [item for item in there if _is_nobodys(item[0])]
    theirs = [item for item in there if built_in and _means_nothing(*item)]
    late = [item for item in there if item[1] != _OF_THE_HOST.get(*item)]
    _pointed_out.update(own + theirs + late)
    texts = []
    if own:
        known = ", ".join((*SETTINGS, *OF_THE_EXISTING_KERNEL))
        texts.append(f"{_names(own)}: there is no such setting of the kernel's. There are {known}.")
    if late:
        texts.append(
            f"{_names(late)}: without effect in a session that runs. Set it where Jupyter is started, or in the "
            "kernel's kernel.json, and start the kernel again."
        )
    if theirs:
        texts.append(
            f"{_names(theirs)}: without effect, as the built-in tracer measures, which writes a trace and no profile. "
            "Score-P obeys them, where scorep-config is on PATH."
        )
    return texts


def _names(items: List[Tuple[str, str]]) -> str:
    return ", ".join(name for name, _ in items)


def _is_nobodys(name: str) -> bool:
    if name.startswith("SCOREP_JUPYTER_"):
        return name not in OF_THE_EXISTING_KERNEL
    return name.startswith("SCOREPKERNEL_") and name not in SETTINGS and not _INNER.fullmatch(name)


def _means_nothing(name: str, value: str) -> bool:
    """Whether the built-in tracer does something else than the variable says."""
    if not is_for_score_p(name) or name in OBEYED_BY_THE_TRACER:
        return False
    return value.lower() not in _ANYWAY.get(name, ())


def is_for_score_p(name: str) -> bool:
    """Whether a variable of that name is one that Score-P should know."""
    return name.startswith("SCOREP_") and not _OTHERS.fullmatch(name)


def lister() -> Optional[str]:
    """The path of scorep-info, which knows Score-P's variables; None: there is none."""
    config = installation.locate()
    beside = os.path.join(os.path.dirname(config), "scorep-info") if config else ""
    return beside if os.path.exists(beside) else shutil.which("scorep-info")


_listed: Dict[str, List[str]] = {}  # by program: to ask it takes some milliseconds


def listed(program: str) -> List[str]:
    """The names that scorep-info lists; none: it cannot be asked."""
    if not _listed.get(program):  # one that had none is asked again
        _listed[program] = re.findall(r"^(SCOREP_\w+)", programs.run([program, "config-vars"]).output, re.M)
    return _listed[program]


def unknown(names: Iterable[str], known: List[str]) -> List[str]:
    """Those of the names that Score-P should know and does not, where it knows any. known: what it lists."""
    # A plugin's variables have its name in them.
    plugins = tuple(f"SCOREP_{kind}_" for kind in ("METRIC", "SUBSTRATE") if os.environ.get(f"SCOREP_{kind}_PLUGINS"))
    wanted = filter(is_for_score_p, names) if known else ()
    return [name for name in wanted if name not in known and not name.startswith(plugins)]
