# SPDX-License-Identifier: BSD-3-Clause
"""Which measurement system the next cell is measured by: of those in SYSTEMS the first that can, or the one that the
user asks for."""

from __future__ import annotations

import os
from typing import List, Sequence, Type

from ...base.errors import NotMeasured, Unusable
from .built_in import BuiltIn
from .score_p import ScoreP
from .system import System

# In the order in which they are preferred. A system is one class in a file of its own, and one row here.
SYSTEMS: Sequence[Type[System]] = (ScoreP, BuiltIn)
VARIABLE = "SCOREPKERNEL_MEASUREMENT"
AUTO = "auto"


def asked_for() -> str:
    """What the user asks for: the key of a system, or AUTO. NotMeasured: it is none of them."""
    if problem_of_variable():
        raise NotMeasured(f"The cell was not run: {problem_of_variable()}.")
    return _said()


def problem_of_variable() -> str:
    """What is wrong with what the user asks for: a sentence without its full stop; empty: nothing."""
    keys = [AUTO, *(system.key for system in SYSTEMS)]
    if _said() in keys:
        return ""
    return f"{VARIABLE} is {_said()!r}, but must be {', '.join(keys[:-1])} or {keys[-1]}"


def _said() -> str:
    return os.environ.get(VARIABLE, AUTO).lower()


class Selection:
    """The systems of this process: one object of each, as one may be loaded into a process once only."""

    def __init__(self) -> None:
        self._systems = [system() for system in SYSTEMS]
        self._only = ""  # the key of the system that measures here, whatever the user asks for
        self._only_once = False

    def measure_once(self) -> None:
        """This process is there for one cell: that a system could not measure it again does not matter."""
        self._only_once = True

    def use(self, key: str) -> None:
        """Have that system measure in this process, whatever the user asks for."""
        self._only = key

    def choose(self, warnings: List[str]) -> System:
        """What measures the next cell here. Why another does not that would be preferred is added to warnings.
        NotMeasured: nothing can."""
        key = self._only or asked_for()
        unusable: List[str] = []
        for system in self._candidates(key):
            try:
                if system.is_here(self._only_once):
                    warnings += [f"Measured by {system.spoken}, as {text}" for text in unusable]
                    return system
            except Unusable as problem:
                if key != AUTO:
                    raise NotMeasured(f"The cell was not run: {problem}") from None
                unusable.append(f"{system.title} cannot be used: {problem}")
            if key != AUTO:
                raise NotMeasured(f"The cell was not run: {VARIABLE} is {key}, but {system.absent}")
        raise NotMeasured("The cell was not run: there is no measurement system here. " + " ".join(unusable))

    def needs_fork(self) -> bool:
        """Whether what would measure the next cell can measure a process once only. NotMeasured."""
        return any(system.needs_fork() for system in self._candidates(self._only or asked_for()))

    def prepare(self) -> None:
        """While the user thinks: do what the first measured cell would have to wait for. It takes some milliseconds."""
        try:
            candidates = self._candidates(self._only or asked_for())
        except NotMeasured:
            return  # the first measured cell says so
        for system in candidates:
            system.prepare()

    def _candidates(self, key: str) -> List[System]:
        return [one for one in self._systems if one.key == key or (key == AUTO and one.is_automatic)]
