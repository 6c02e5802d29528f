# SPDX-License-Identifier: BSD-3-Clause
"""Experiments of any Score-P, and OTF2 archives of any writer: reports on their calls, from profile or trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..base import ipython_names, places, tracer
from ..measure import report

TOGETHER, THREADS, RANKS = "together", "threads", "ranks"
_TRACE, _PROFILE = "traces.otf2", "profile.cubex"
_ROOT = -1
# enum code_of of report/samples.h: all functions are shown.
_USERS, _CELLS = 0, 4
_EXCLUSIVE = 5  # the column of a region's row
_FUNCTION = 1  # and of a node's
_NODES_MAX = 1 << 18  # of report/samples.h
_ENDED_BY = "the process that read it was ended by"


class Unreadable(ValueError):
    """It is no archive that can be read; the text says why, as a sentence."""


class Archive(NamedTuple):
    """The files of an experiment directory."""

    directory: str
    trace: Optional[str]  # its anchor file
    profile: Optional[str]

    @property
    def writer(self) -> str:
        """Who measured it, within a sentence."""
        is_by_scorep = self.profile or os.path.exists(os.path.join(self.directory, "scorep.cfg"))
        return "Score-P" if is_by_scorep else "another program"


def at(path: str) -> Optional[Archive]:
    """The archive in a directory, or that a file belongs to; None: there is none."""
    path = os.path.abspath(os.path.expanduser(path))
    if os.path.isfile(path):
        is_trace, is_profile = path.endswith(".otf2"), path.endswith(".cubex")
        found = Archive(os.path.dirname(path), path if is_trace else None, path if is_profile else None)
        return found if is_trace or is_profile else None
    there = [os.path.join(path, name) for name in (_TRACE, _PROFILE)]
    trace, profile = (name if os.path.isfile(name) else None for name in there)
    return Archive(path, trace, profile) if trace or profile else None


def of_profile(archive: Archive) -> Dict[str, Any]:
    """The report, as the library takes it, of what the profile says. Unreadable; the archive has a profile."""
    assert archive.profile
    try:
        functions, nodes, locations = tracer.extension.read_call_paths(archive.profile)
        regions, _ = tracer.extension.read_profile(archive.profile)
    except (OSError, ValueError) as problem:
        raise _unreadable(archive.profile, getattr(problem, "strerror", None) or str(problem)) from None
    roots = [node for node in nodes if node[0] == _ROOT]
    # The region of the whole program is visited once by each of its processes.
    seconds = max((inclusive / visits for _, _, visits, inclusive, _ in roots), default=0) / 1e9
    rows = [[_ROOT, _ROOT, 0, 0, 0]]  # one more node above all, so that each number is one more, too
    rows += [[parent + 1, function, 0, visits, exclusive] for parent, function, visits, _, exclusive in nodes]
    made = _report(archive, archive.profile, seconds, locations, regions)
    if len(rows) > _NODES_MAX:
        flaw = f"The profile has {len(nodes):,} different chains of calls, which are too many to be shown as a tree."
        return {**made, "warnings": [flaw]}
    return {**made, "call_paths": {**_used(functions, rows), "threads": [["all threads", _ROOT]]}}


def of_trace(archive: Archive, apart: str, progress: Callable[[int, int], None]) -> Dict[str, Any]:
    """The same of what the trace says. apart: what has a call tree of its own. progress(read, whole) is called while
    events are read. Unreadable; the archive has a trace."""
    assert archive.trace
    found = _read(archive.trace, apart, progress)
    nodes = [[parent, function, thread, visits, own] for parent, function, thread, visits, _, own in found["nodes"]]
    paths = {**_used(found["functions"], nodes), "threads": _threads(found["threads"])}
    made = _report(archive, archive.trace, found["seconds"], found["locations"], found["regions"])
    return {**made, "events": found["events"], "warnings": _flaws(found), "call_paths": paths}


def _report(archive: Archive, file: str, seconds: float, locations: int, regions: List[Any]) -> Dict[str, Any]:
    return {
        "measurement": archive.writer,
        "read_from": os.path.basename(file),
        "directory": archive.directory,
        "seconds": seconds,
        "locations": locations,
        "regions": [report.region_row(*row) for row in regions],
        "region_count": len(regions),
        "exclusive_ns": sum(row[_EXCLUSIVE] for row in regions),
        "warnings": [],
        "messages": "",
    }


def _used(functions: List[Any], nodes: List[list]) -> Dict[str, Any]:
    """The nodes, with the functions that they are of, as samples have both; and the cells that are among the files."""
    numbers: Dict[int, int] = {_ROOT: _ROOT}
    rows: List[list] = []
    for node in nodes:
        number = numbers.get(node[_FUNCTION])
        if number is None:
            number = numbers[node[_FUNCTION]] = len(rows)
            name, file, line = functions[node[_FUNCTION]]
            is_cells = ipython_names.cell_number(file) and report.is_of_cell(name)
            rows.append([name, file, max(0, line), _CELLS if is_cells else _USERS])
        node[_FUNCTION] = number
    cells = {file: ipython_names.cell_number(file) for file in {row[1] for row in rows}}
    sources = {file: {"cell": cell} for file, cell in cells.items() if cell}
    return {"functions": rows, "sources": sources, "nodes": nodes}


def _threads(found: List[Any]) -> List[Any]:
    """Of one process, its number says nothing."""
    return found if len({rank for _, rank in found}) > 1 else [[name, _ROOT] for name, _ in found]


def _flaws(found: Dict[str, Any]) -> List[str]:
    flaws = []
    if found["partial"]:
        flaws.append("The trace is damaged or incomplete: what could be read of it is shown.")
    if found["full"]:
        flaws.append(
            "There are more different chains of calls than can be told apart: the times of the missing ones are with "
            "the functions that called them."
        )
    if found["unpaired"]:
        flaws.append(
            f"{found['unpaired']:,} enters and leaves of regions have no counterpart: their times end with the region "
            "around them."
        )
    return flaws


def _unreadable(path: str, why: str) -> Unreadable:
    return Unreadable(f"{path} cannot be read: {why}.")


def _read(path: str, apart: str, progress: Callable[[int, int], None]) -> Dict[str, Any]:
    """What the process that reads the trace finds. Whatever happens here, it is ended."""
    module = "spk_worker.experiments.trace_process"
    code = f"import sys; sys.path.insert(0, sys.argv.pop(1)); import {module} as it; it.main(sys.argv[1:])"
    command = [sys.executable, "-I", "-c", code, places.IMPORTED_FROM, path, apart]
    null = subprocess.DEVNULL
    try:
        process = subprocess.Popen(command, stdin=null, stdout=subprocess.PIPE, stderr=null, text=True)
    except (OSError, TypeError, ValueError) as problem:  # sys.executable may be the user's
        raise _unreadable(path, f"no process could be started for it: {problem}") from None
    try:
        assert process.stdout
        for line in process.stdout:
            said = json.loads(line)
            if "found" in said:
                return said["found"]
            if "problem" in said:
                raise _unreadable(path, said["problem"])
            progress(said["read"], said["whole"])
        status = process.wait()
        raise _unreadable(path, f"{_ENDED_BY} signal {-status}" if status < 0 else f"exit code {status} of its reader")
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
