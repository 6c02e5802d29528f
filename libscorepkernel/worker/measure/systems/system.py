# SPDX-License-Identifier: BSD-3-Clause
"""What all measurement systems have in common: how a cell is measured by one, and what comes of it."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional

from ...base import tracer


class Outcome(NamedTuple):
    """What a measurement found."""

    events: int
    locations: int
    regions: list  # of (name, file, line, visits, inclusive ns, exclusive ns), most exclusive time first
    messages: str  # of the measurement system itself


class System:
    """A measurement system, for one cell."""

    name = ""
    spoken = ""  # the name within a sentence
    makes_directory = False  # the experiment directory is made by the system itself
    records_all = False  # between begin and end, what is not the cell's may be recorded, too: input and output

    def directory(self) -> Optional[str]:
        """The experiment directory that there is already."""
        return None

    def begin(self, directory: str, scope: dict) -> None:
        """Make the experiment. OSError: it cannot be written; NotMeasured."""
        raise NotImplementedError

    def start(self) -> None:
        """Record from now on."""
        tracer.extension.start()

    def stop(self) -> None:
        """Record no more, until the next start."""
        tracer.extension.stop()

    def refresh(self) -> None:
        """A statement of the cell begins: see that functions are still being recorded."""
        tracer.extension.refresh()

    def add_code(self, file: str) -> None:
        """Code of that file name belongs to the cell, too."""
        tracer.extension.cell(file)

    def end(self, warnings: List[str]) -> Outcome:
        """Write the experiment, and say what was found; what went wrong is added to warnings."""
        raise NotImplementedError


def begin(directory: str, **options: Any) -> None:
    """Begin a measurement. What another left behind that was torn apart, by a signal handler of the user's, is
    nobody's."""
    if tracer.extension.active():
        tracer.extension.end()
    tracer.extension.begin(directory, **options)


REGIONS_MAX = 262144  # as in tracer/regions.h


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def gaps(found: dict) -> List[str]:
    """What the trace lacks, and why."""
    gaps = []
    if found["replaced"]:
        gaps.append(
            "The cell's code put another profiler's hook in the place of the kernel's. What it called meanwhile is not "
            "in the trace. Measure without that profiler, or with Python 3.12 or newer, where both run side by side."
        )
    if found["lost"] and not found["error"]:
        gaps.append(
            f"{found['lost']} events are missing in the trace. It has room for {REGIONS_MAX:,} different regions and "
            "texts of parameters, and for calls that are nested a million deep; the cell had more, or there was no "
            "memory for them. Give regions that do the same one name, and tell them apart by "
            "scorep.user.parameter_int."
        )
    if found["rewinds_refused"]:
        gaps.append(
            f"scorep.user.rewind_end could not take events back {_times(found['rewinds_refused'])}: a function "
            "or region that was open at the beginning had been left, or one begun since was still open, or the events "
            "had been written already. They are in the trace. Begin and end a rewind region in one function."
        )
    return gaps
