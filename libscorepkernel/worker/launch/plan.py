# SPDX-License-Identifier: BSD-3-Clause
"""How a measured cell is run: where, by what it is measured, guarded or not, and why. All of that is decided here, once
for each cell, and carried out by others."""

from __future__ import annotations

import enum
from typing import List, NamedTuple, Optional, Tuple

from ..base.errors import NotMeasured, Unusable
from ..forks.guard import Guard, consider
from ..measure import binding_arguments, installation
from ..measure.systems import selection
from ..measure.systems.built_in import BuiltIn
from ..measure.systems.score_p import ScoreP
from ..measure.systems.selection import Selection
from ..measure.systems.system import System
from ..measure.wanted import Process, Wanted

_NOT_RUN = "The cell was not run"


class Where(enum.Enum):
    """Which process a cell runs in."""

    SESSION = "in the session"
    LAUNCHED = "launched"
    FORKED = "in a forked copy of the session"
    RANKS = "as ranks"


class Plan(NamedTuple):
    """How a cell is run."""

    where: Where
    why: str  # why there
    # What measures the cell where it runs in this process; a process that it is launched in chooses by the same rule.
    system: Optional[System] = None
    # Where it runs elsewhere: whether that process is started with Score-P.
    by_score_p: bool = False
    guard: Optional[Guard] = None  # of a cell that runs in the session itself
    notes: Tuple[str, ...] = ()  # what the user is to know of it

    def guarded_by(self, guard: Guard) -> Plan:
        """The plan with what came of its guard."""
        return self._replace(guard=guard)

    @property
    def said(self) -> str:
        """The plan in words, for the report."""
        if self.guard is not None:
            return f"{self.where.value}, {'guarded' if self.guard.on else 'unguarded'} ({self.guard.why})"
        if self.where in (Where.LAUNCHED, Where.FORKED):
            return f"{self.where.value} ({self.why})"
        return self.why


def decide(wanted: Wanted, systems: Selection) -> Plan:
    """The plan of a measured cell that the session was given. NotMeasured: what is asked for cannot be had, or not
    together."""
    plan = decide_elsewhere(wanted, systems)
    if plan is not None:
        return plan
    notes: List[str] = []
    system = systems.choose(notes)
    return Plan(Where.SESSION, "", system, guard=consider(wanted.guard), notes=tuple(notes))


def decide_elsewhere(wanted: Wanted, systems: Selection) -> Optional[Plan]:
    """The plan of a cell that does not run in the session; None: it does. NotMeasured."""
    where, why = _where(wanted, systems)
    if where is Where.SESSION:
        return None
    if where is not Where.RANKS:
        return Plan(where, why, by_score_p=_has_score_p())
    notes: List[str] = []
    by_score_p = _ranks_by_score_p(wanted, systems, notes)
    return Plan(where, why, by_score_p=by_score_p, notes=tuple(notes))


def follow(said: str, systems: Selection) -> Plan:
    """The plan of a cell that another process has decided to run in this one. said: in words. NotMeasured."""
    notes: List[str] = []
    system = systems.choose(notes)
    return Plan(Where.SESSION, said, system, notes=tuple(notes))


def _where(wanted: Wanted, systems: Selection) -> Tuple[Where, str]:
    needs = needed(wanted.arguments)
    if wanted.is_for_ranks:
        return _as_ranks(wanted)
    refuse_clash(wanted.process, wanted.arguments, _NOT_RUN)
    if needs:
        return Where.LAUNCHED, f"{' '.join(needs)} must be there when a process starts"
    if wanted.process is Process.LAUNCH:
        return Where.LAUNCHED, "PROCESS=launch"
    if wanted.process is Process.FORKED:
        return Where.FORKED, "PROCESS=forked"
    if wanted.process is Process.AUTO and systems.needs_fork():
        return Where.FORKED, "this Score-P cannot measure a process twice"
    return Where.SESSION, ""


def _as_ranks(wanted: Wanted) -> Tuple[Where, str]:
    if wanted.process in (Process.SESSION, Process.FORKED):
        raise NotMeasured(
            f"{_NOT_RUN}: PROCESS={wanted.process.value} asks for one process, and ranks are many. Run it without "
            "--ranks and take the launcher back with `%%scorep_launcher -`, or set `%%marshalling_settings "
            "PROCESS=auto`."
        )
    asked = selection.asked_for()
    if asked not in (selection.AUTO, ScoreP.key, BuiltIn.key):
        raise NotMeasured(
            f"{_NOT_RUN}: {selection.VARIABLE} is {asked}, which does not measure ranks: Score-P and the built-in "
            "tracer do. Set another, or run the cell without --ranks."
        )
    count = wanted.ranks
    return Where.RANKS, "as ranks" if not count else f"as {count} rank{'s' if count > 1 else ''}"


def refuse_clash(process: Process, arguments: str, undone: str) -> None:
    """NotMeasured: they ask for different processes; undone: what has not happened then."""
    needs = needed(arguments, undone) if process is Process.SESSION else []
    if needs:
        raise NotMeasured(
            f"{undone}: {' '.join(needs)} must be there when a process starts, but PROCESS=session asks for the "
            "session, which runs. Take it back with `%%scorep_python_binding_arguments -`, or let cells be launched "
            "with `%%marshalling_settings PROCESS=launch`."
        )


def needed(text: str, undone: str = _NOT_RUN) -> List[str]:
    """Those of the bindings' arguments that must be there when a process starts. The built-in tracer knows none.
    NotMeasured: they cannot be obeyed."""
    arguments = binding_arguments.parse(text, undone)
    return arguments.at_start if _has_score_p() else []


def _has_score_p() -> bool:
    return selection.asked_for() in (selection.AUTO, ScoreP.key) and installation.locate() is not None


# --- ranks -----------------------------------------------------------------------------------------------


def arguments_of_ranks(arguments: str) -> str:
    """The bindings' arguments of a cell that runs as ranks, which are measured with MPI."""
    return arguments if "--mpp=" in arguments else f"{arguments} --mpp=mpi".strip()


def _ranks_by_score_p(wanted: Wanted, systems: Selection, notes: List[str]) -> bool:
    """Whether Score-P measures the ranks; why it does not is added to notes. NotMeasured: as the user wants it, nothing
    can."""
    asked = selection.asked_for()
    config = installation.locate() if _has_score_p() else None
    if config is None:
        if asked == ScoreP.key:
            systems.choose(notes)  # which says what is missing
        return False
    try:
        installation.preloads(config, ["--thread=pthread", *needed(arguments_of_ranks(wanted.arguments))])
    except Unusable as problem:
        has_no_mpi = "paradigm: 'mpi'" in str(problem)  # as scorep-config says it
        why = "it has no MPI. Load a Score-P that was built for your MPI" if has_no_mpi else str(problem).rstrip(".")
        text = f"{config} cannot measure ranks: {why}"
        if "--mpp=" in wanted.arguments:
            text += ", or take the arguments back with %%scorep_python_binding_arguments -"
        if asked == ScoreP.key:
            text += f", or unset {selection.VARIABLE}: then the built-in tracer does it"
        if asked == ScoreP.key or "--mpp=" in wanted.arguments:
            raise NotMeasured(f"{_NOT_RUN}: {text}.") from None
        notes.append(f"Measured by {BuiltIn.spoken}, which does not see MPI's functions: {text}.")
        return False
    except OSError:
        pass  # there is no cache: `python -m scorep` asks it again
    return True
