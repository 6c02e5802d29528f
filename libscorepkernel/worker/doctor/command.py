# SPDX-License-Identifier: BSD-3-Clause
"""Preflight: whether this Python can be a kernel's, and what its cells can be measured with. Each check is a function
that says what it found and what to do; none changes anything, hangs or raises.

Here is the list of them, and how it is shown; `scorepkernel doctor` runs main() in the Python that a kernel would have,
and %scorep_doctor calls checks() in a session.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Callable, List, Sequence, Tuple

from ..base import tracer
from ..base.programs import last_line, run_python
from ..measure.systems import selection
from . import machine, score_p
from .check import Check, Finding, Verdict
from .score_p import Facts

_MARKS = {Verdict.OK: "ok", Verdict.WARNING: "WARNING", Verdict.ERROR: "ERROR", Verdict.ABSENT: "-"}


def _python(facts: Facts) -> Finding:
    """Whether this Python is new enough."""
    detail = f"{sys.version.split()[0]} ({sys.executable})"
    if sys.version_info < (3, 9):
        return Verdict.ERROR, detail, "The kernel needs 3.9 or newer: scorepkernel install --python PATH"
    return Verdict.OK, detail, ""


def _ipython(facts: Facts) -> Finding:
    """Whether IPython, which makes the session, can be imported."""
    loaded = getattr(sys.modules.get("IPython"), "__version__", None)
    if loaded:
        return Verdict.OK, str(loaded), ""
    ran = run_python("import IPython.core.interactiveshell\nprint(IPython.__version__)")
    if ran.problem:
        detail = f"cannot be imported: {last_line(ran.problem)}"
        return Verdict.ERROR, detail, f"{sys.executable} -m pip install ipython"
    return Verdict.OK, last_line(ran.output), ""


def _tracer(facts: Facts) -> Finding:
    """Whether the built-in tracer is there for this Python."""
    problem = selection.problem_of_variable()
    if problem:
        return Verdict.ERROR, f"{problem}.", f"Unset {selection.VARIABLE}."
    if tracer.extension is None:
        return Verdict.ERROR, f"{tracer.problem()}.", tracer.remedy()
    return Verdict.OK, os.path.basename(tracer.extension.__file__), ""


_CHECKS: Sequence[Tuple[str, Callable[[Facts], Finding]]] = (
    ("Python", _python),
    ("IPython", _ipython),
    ("built-in tracer", _tracer),
    ("Score-P", score_p.present),
    ("Score-P's libraries", score_p.shared),
    ("Score-P's adapters", score_p.adapters),
    ("Score-P's self-test", score_p.selftest),
    ("Score-P's bindings", score_p.bindings),
    ("MPI", score_p.mpi4py),
    ("SCOREP_ variables", machine.variables),
    ("SCOREP_TOTAL_MEMORY", machine.total_memory),
    ("memory", machine.memory),
    ("disk", machine.disk),
    ("temporary directory", machine.temporary),
    ("cache directory", machine.cache),
    ("OTF2 tools", machine.otf2_tools),
    ("Cube", machine.cube),
    ("Vampir", machine.vampir),
    ("MPI launcher", machine.launchers),
    ("Slurm", machine.slurm),
)


def checks() -> List[Check]:
    """What each of them found."""
    try:
        facts = score_p.look()
    except Exception as problem:
        facts = Facts(problem=f"scorep-config cannot be looked for: {problem}")
    return [_guarded(what, check, facts) for what, check in _CHECKS]


def _guarded(what: str, check: Callable[[Facts], Finding], facts: Facts) -> Check:
    try:
        return Check(what, *check(facts))
    except Exception as problem:  # a check that fails must not keep the others from being seen
        detail = f"could not be checked: {type(problem).__name__}: {problem}"
        return Check(what, Verdict.WARNING, detail, "Tell the authors of the kernel.")


def failed(found: Sequence[Check]) -> bool:
    """Whether one of the checks found an error."""
    return any(check.verdict is Verdict.ERROR for check in found)


def as_text(found: Sequence[Check]) -> str:
    """The checks for people: a line for each, and another for what to do."""
    width = max(len(check.what) for check in found)
    lines = []
    for check in found:
        lines.append(f"{_MARKS[check.verdict]:8}{check.what:{width}}  {' '.join(check.detail.split())}")
        if check.remedy:
            lines.append(f"{'':8}{'':{width}}  -> {check.remedy}")
    verdicts = [check.verdict for check in found]
    counts = (_count(verdicts.count(verdict), verdict.value) for verdict in (Verdict.ERROR, Verdict.WARNING))
    return "\n".join([*lines, "", ", ".join(counts)])


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def as_json(found: Sequence[Check]) -> str:
    """The checks for programs, as JSON."""
    return json.dumps({"ok": not failed(found), "checks": [check._asdict() for check in found]}, indent=1)


def main() -> int:
    """Run the checks on the command line, and print them. The exit status."""
    found = checks()
    text = as_json(found) if "--json" in sys.argv[1:] else as_text(found)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr,attr-defined]
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Nobody reads on, which is no fault; nor is it to be found again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(failed(found))
