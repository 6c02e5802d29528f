# SPDX-License-Identifier: BSD-3-Clause
"""Experiments that have been measured: what of them is kept to be shown again, and finding them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set

from ..measure import experiment_directory, report

# What was shown under the cell, beside scorepkernel.json, which says how it was measured.
_REPORT = "scorepkernel-report.json"
_RECORD = "scorepkernel.json"
_READ_MAX = 64 << 20  # bytes of either
_SEARCHED = 10_000  # entries of a directory that are looked at


class Experiment(NamedTuple):
    """An experiment directory, and what its record says."""

    path: str
    record: Dict[str, Any]

    @property
    def name(self) -> str:
        """The directory's own name."""
        return os.path.basename(self.path)

    @property
    def size(self) -> int:
        """Bytes of all of its files."""
        return sum(_sizes(self.path))

    @property
    def has_ended(self) -> bool:
        """Whether this kernel has measured it to its end; else another may be writing into it."""
        return self.record.get("record") == 1 and self.record.get("status") != "running"

    @property
    def started(self) -> str:
        """When it was measured; texts that sort by time."""
        return str(self.record.get("started", ""))


def keep(measurement: Dict[str, Any]) -> None:
    """Write what is shown under the cell into its experiment, so that it can be shown again. Where that fails, it
    cannot: the report's warnings say so."""
    _places.add(os.path.dirname(measurement["directory"]))
    _measured.add(measurement["directory"])
    try:
        experiment_directory.write(measurement["directory"], _REPORT, json.dumps(report.kept(measurement)))
    except OSError as problem:
        measurement["warnings"].append(
            f"The report could not be kept in the experiment: {problem.strerror}. %scorep_report cannot show it again."
        )


# Where this session's experiments lie, beside the notebook's directory.
_places = {experiment_directory.NOTEBOOK_DIRECTORY}
_measured: Set[str] = set()


def found(place: Optional[str] = None) -> List[Experiment]:
    """The experiments in a directory, or in all in which this session has measured, the oldest first."""
    all_found = [one for directory in ([place] if place else sorted(_places)) for one in _in(directory)]
    return sorted(all_found, key=lambda one: (one.started, one.name))


def own(notebook: Optional[str]) -> List[Experiment]:
    """Those that have been measured to their end by this session, or by the notebook of that name, the oldest first."""
    return [
        one
        for one in found()
        if one.has_ended and (one.path in _measured or (notebook and one.record.get("notebook") == notebook))
    ]


def _in(directory: str) -> Iterator[Experiment]:
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for count, entry in enumerate(entries):
            if count == _SEARCHED:
                return
            if entry.is_dir(follow_symlinks=False):
                record = _read(os.path.join(entry.path, _RECORD))
                if record is not None and "started" in record:
                    yield Experiment(entry.path, record)


def named(name: str) -> Optional[Experiment]:
    """The experiment of that path, or of that name among those that are found; None: there is none."""
    path = os.path.abspath(os.path.expanduser(name))
    record = _read(os.path.join(path, _RECORD))
    if record is not None:
        return Experiment(path, record)
    return next((one for one in found() if one.name == name), None)


def kept_report(experiment: Experiment) -> Optional[Dict[str, Any]]:
    """What was shown under the cell; None: it was not kept."""
    return _read(os.path.join(experiment.path, _REPORT))


def source(experiment: Experiment) -> str:
    """The cell's source; empty where it is not there."""
    try:
        with io.open(os.path.join(experiment.path, "cell.py"), encoding="utf-8", errors="replace") as file:
            return file.read(_READ_MAX)
    except OSError:
        return ""


def before(experiment: Experiment) -> Optional[Experiment]:
    """The one that was measured before it, of the same cell if there is one."""
    older = [one for one in found() if (one.started, one.name) < (experiment.started, experiment.name)]
    cell = experiment.record.get("cell_id")
    same = [one for one in older if cell and one.record.get("cell_id") == cell]
    return next(reversed(same or older), None)


def remove(experiment: Experiment) -> None:
    """Remove it from the disk, if nothing else is in it. OSError, and ValueError: something else is, and all stays."""
    stranger = experiment_directory.stranger_in(experiment.path)
    if stranger is not None:
        raise ValueError(f"it holds {stranger}, which is not part of an experiment")
    shutil.rmtree(experiment.path)


def age(experiment: Experiment) -> str:
    """When it was measured, for people."""
    with contextlib.suppress(ValueError):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.strptime(experiment.started[:19], "%Y-%m-%dT%H:%M:%S"))
    return experiment.started


def _read(path: str) -> Optional[Dict[str, Any]]:
    """A JSON object from a regular file; None: there is none."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _READ_MAX:
            return None
        with io.open(path, encoding="utf-8") as file:
            read = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _sizes(path: str) -> Iterator[int]:
    for directory, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(directory, name)).st_size
