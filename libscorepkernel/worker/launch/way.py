# SPDX-License-Identifier: BSD-3-Clause
"""Where a measured cell runs, and why."""

from __future__ import annotations

from typing import List, NamedTuple

from ..base.errors import NotMeasured
from ..measure import binding_arguments, installation
from ..measure.systems import selection


class Way(NamedTuple):
    """Where a cell runs, and why."""

    process: str  # "session", "launch", "forked" or "ranks"
    why: str


def choose(wanted: dict, package: str) -> Way:
    """The way of a measured cell. NotMeasured: what is asked for cannot be had together."""
    process, needs = wanted.get("process", "auto"), needed(wanted.get("arguments", ""))
    if wanted.get("ranks") or wanted.get("launcher"):
        return _as_ranks(process, wanted)
    refuse_clash(process, wanted.get("arguments", ""), "The cell was not run")
    if needs:
        return Way("launch", f"{' '.join(needs)} must be there when a process starts")
    if process == "launch":
        return Way("launch", "PROCESS=launch")
    if process == "forked":
        return Way("forked", "PROCESS=forked")
    if process == "auto" and selection.needs_fork(package):
        return Way("forked", "this Score-P cannot measure a process twice")
    return Way("session", "")


def refuse_clash(process: str, arguments: str, undone: str) -> None:
    """NotMeasured: they ask for different processes; undone: what has not happened then."""
    needs = needed(arguments, undone) if process == "session" else []
    if needs:
        raise NotMeasured(
            f"{undone}: {' '.join(needs)} must be there when a process starts, but PROCESS=session asks for the "
            "session, which runs. Take it back with `%%scorep_python_binding_arguments -`, or let cells be launched "
            "with `%%marshalling_settings PROCESS=launch`."
        )


def _as_ranks(process: str, wanted: dict) -> Way:
    if process in ("session", "forked"):
        raise NotMeasured(
            f"The cell was not run: PROCESS={process} asks for one process, and ranks are many. Run it without --ranks "
            "and take the launcher back with `%%scorep_launcher -`, or set `%%marshalling_settings PROCESS=auto`."
        )
    count = wanted.get("ranks")
    return Way("ranks", "as ranks" if not count else f"as {count} rank{'s' if count > 1 else ''}")


def needed(text: str, undone: str = "The cell was not run") -> List[str]:
    """Those of the bindings' arguments that must be there when a process starts. The built-in tracer knows none.
    NotMeasured: they cannot be obeyed."""
    arguments = binding_arguments.parse(text, undone)
    return arguments.at_start if selection.wanted() != "built-in" and installation.locate() else []
