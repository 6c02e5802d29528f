# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement system is: a class in a file of its own, and a row in SYSTEMS (selection.py).

A session has one object of each class. It says whether it can measure here, and measures one cell after another:
begin, then start and stop around the cell's statements, then end.
"""

from __future__ import annotations

from typing import ClassVar, List, NamedTuple, Optional


class Outcome(NamedTuple):
    """What a measurement found."""

    events: int
    locations: int
    regions: list  # of (name, file, line, visits, inclusive ns, exclusive ns), most exclusive time first
    messages: str  # of the measurement system itself
    event_ns: int = 0  # what recording an event took; 0: it is not known


class System:
    """A measurement system. This one records nothing: others say what they do differently."""

    # What SCOREPKERNEL_MEASUREMENT is where the user asks for it.
    key: ClassVar[str] = ""
    # Whether a cell is measured by it where the user asks for none.
    is_automatic: ClassVar[bool] = True
    # What is missing where the user asks for it and it is not here, and what to do.
    absent: ClassVar[str] = "it is not here. Unset the variable."
    title: ClassVar[str] = ""  # where it cannot be used, and has no version to be named
    name = ""  # in the experiment's record
    spoken = ""  # the name within a sentence
    makes_directory = False  # the experiment directory is made by the system itself
    # Between begin and end it also records what the kernel does, such as input and output of its files: so we write our
    # own files before and after.
    records_all = False
    obeys_variables = False  # Score-P's environment variables have their effect

    def is_here(self, only_once: bool) -> bool:
        """Whether it is here, and made ready to measure in this process; of its own libraries, it may load some now.
        only_once: one cell, and no second one. Unusable: it is here, and cannot measure."""
        return True

    def needs_fork(self) -> bool:
        """Whether it can measure a process once only, so that a copy of the session has to be measured."""
        return False

    def prepare(self) -> None:
        """While the user thinks: do what the first measured cell would have to wait for, if that takes some
        milliseconds at most. Nothing is raised."""

    def directory(self) -> Optional[str]:
        """The experiment directory that there is already: of a measurement that began with this process."""
        return None

    def begin(self, directory: str, scope: dict) -> None:
        """Make the experiment. directory: its path. scope: which code is the cell's, as the tracer's begin() takes it.
        OSError: it cannot be written; NotMeasured."""

    def start(self) -> None:
        """Record from now on."""

    def stop(self) -> None:
        """Record no more, until the next start."""

    def refresh(self) -> None:
        """A statement of the cell begins: see that functions are still being recorded."""

    def add_code(self, file: str) -> None:
        """Code of that file name belongs to the cell, too."""

    def enter_region(self, name: str, file: str, line: int) -> None:
        """What comes now is a region of its own, until leave_region."""

    def leave_region(self, name: str) -> None:
        """The region of that name, which was entered last, ends."""

    def end(self, warnings: List[str]) -> Outcome:
        """Write the experiment, and say what was found; what went wrong is added to warnings."""
        return Outcome(0, 0, [], "")
