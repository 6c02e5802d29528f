# SPDX-License-Identifier: BSD-3-Clause
"""What the systems have in common that record by the C extension: the built-in tracer, and Score-P, which it feeds."""

from __future__ import annotations

from typing import Any, List

from ...base import tracer
from .system import System


class ByTracer(System):
    """Records what the extension's hooks see."""

    def start(self) -> None:
        tracer.extension.start()

    def stop(self) -> None:
        tracer.extension.stop()

    def refresh(self) -> None:
        tracer.extension.refresh()

    def enter_region(self, name: str, file: str, line: int) -> None:
        tracer.extension.region_begin(name, file, line)

    def leave_region(self, name: str) -> None:
        tracer.extension.region_end(name)

    def add_code(self, file: str) -> None:
        tracer.extension.cell(file)


def begin(directory: str, **options: Any) -> None:
    """Begin a measurement. What another left behind that was torn apart, by a signal handler of the user's, is
    nobody's."""
    if tracer.extension.active():
        tracer.extension.end()
    tracer.extension.begin(directory, **options)


REGIONS_MAX = 262144  # as in tracer/record/regions.h


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def gaps(found: dict) -> List[str]:
    """What a trace lacks and why, as warnings. found: what the extension's end() returns."""
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
