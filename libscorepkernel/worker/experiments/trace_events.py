# SPDX-License-Identifier: BSD-3-Clause
"""The events of a trace as columns, read by OTF2's Python module, which is not ours.

It is asked in a process of its own: it brings an OTF2 along, and the session may hold Score-P's, of another version and
with the same names. The process writes a line of JSON, and the columns behind it as plain numbers.
"""

from __future__ import annotations

import array
import importlib.util
import json
import os
from typing import Any, Dict, List, NamedTuple

from ..base import places, programs

ENTER, LEAVE = 0, 1
# Signed numbers of 64 bits, and of 32.
_LONG, _SHORT = "q", "i"
_SECONDS = 1_800
_ABSENT = (
    "Reading a trace needs OTF2's Python module, which this Python does not have. Debian and Ubuntu have it as "
    "python3-otf2 (apt-get install python3-otf2); an OTF2 that you have built has it in the directory that "
    "otf2-config --pythonpath prints: append that to sys.path."
)


class NoEvents(ValueError):
    """The events cannot be read; the text says why, and what to do."""


class Events(NamedTuple):
    """The columns, in the order of time. names: of regions, by their numbers."""

    times_ns: array.array
    kinds: array.array
    names: List[str]
    regions: array.array
    threads: array.array
    processes: array.array


def read(directory: str) -> Events:
    """The Enter and Leave events of an experiment's trace. NoEvents."""
    anchor = os.path.join(directory, "traces.otf2")
    if not os.path.isfile(anchor):
        raise NoEvents(
            f"{directory} has no trace, traces.otf2: it was removed, or the cell was measured without one "
            "(SCOREP_ENABLE_TRACING=false)."
        )
    if not _has_module():
        raise NoEvents(_ABSENT)
    code = (
        f"sys.path.append({places.IMPORTED_FROM!r})\n"
        f"import {__name__} as reader\nreader.write({anchor!r}, sys.stdout.buffer)"
    )
    output, problem = programs.run_filter(programs.python_arguments(code), _SECONDS)
    try:
        if not problem:
            return _read_columns(output)
    except ValueError:
        problem = "it has more events than fit into memory"
    raise NoEvents(
        f"{anchor} could not be read by OTF2's Python module: {programs.last_line(problem)}. Install what is missing; "
        "otf2-print shows whether the trace is whole; where it is too large, %scorep_filter leaves out what is called "
        "most."
    )


def _has_module() -> bool:
    try:
        return importlib.util.find_spec("otf2") is not None
    except (ImportError, ValueError):  # what the user has put in its place has no place of its own
        return False


def _read_columns(output: bytes) -> Events:
    """ValueError: a part of them is missing."""
    end = output.index(b"\n") + 1
    head = json.loads(output[:end])
    columns = []
    for kind in (_LONG, _SHORT, _SHORT, _SHORT, _SHORT):
        column = array.array(kind)
        column.frombytes(output[end : end + head["count"] * column.itemsize])
        end += head["count"] * column.itemsize
        columns.append(column)
    if end != len(output):
        raise ValueError("cut")
    times_ns, kinds, regions, threads, processes = columns
    return Events(times_ns, kinds, head["names"], regions, threads, processes)


# --- in the process of its own ---


def write(anchor: str, file: Any) -> None:
    """Read a trace, and write its columns."""
    import otf2  # type: ignore[import-not-found]

    times, columns = array.array(_LONG), [array.array(_SHORT) for _ in range(4)]
    kinds, regions, threads, processes = columns
    names: Dict[str, int] = {}
    with otf2.reader.open(anchor) as trace:
        clock, places_of = trace.definitions.clock_properties, _locations(trace.definitions.locations)
        for location, event in trace.events:
            if not isinstance(event, (otf2.events.Enter, otf2.events.Leave)):
                continue
            thread, process = places_of[location]
            times.append((event.time - clock.global_offset) * 10**9 // clock.timer_resolution)
            kinds.append(ENTER if isinstance(event, otf2.events.Enter) else LEAVE)
            regions.append(names.setdefault(event.region.name, len(names)))
            threads.append(thread)
            processes.append(process)
    file.write(json.dumps({"count": len(times), "names": list(names)}).encode("ascii") + b"\n")
    for column in (times, *columns):
        file.write(column.tobytes())
    file.flush()


def _locations(locations: Any) -> Dict[Any, Any]:
    """(its number within its process, the process's number) of each location; OTF2 calls processes groups."""
    processes: Dict[Any, int] = {}
    counts: Dict[Any, int] = {}
    found = {}
    for location in locations:
        process = processes.setdefault(location.group, len(processes))
        found[location] = counts.get(process, 0), process
        counts[process] = counts.get(process, 0) + 1
    return found
