# SPDX-License-Identifier: BSD-3-Clause
"""Whether a Score-P can measure a process several times: three experiments in a row, read back. Run as a process of
its own by measure/installation.py, since a Score-P that cannot may well end it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from typing import Any, Callable, List, Tuple

from ...base import places
from ...base.tracer import extension as _tracer
from .. import installation

_CELL = "<cell>"
_OUTLIVING = 1  # the experiment whose thread lives on into the next one
_CALLS = 20


class _GaveUp(Exception):
    def __init__(self, number: int, what: str) -> None:
        said = " ".join(_tracer.scorep_messages().split()) or "nothing"
        super().__init__(f"in experiment {number + 1}, Score-P {what} and said: {said}")
        self.number = number


def _leaf(stop: threading.Event, begun: threading.Event) -> None:
    begun.set()
    stop.wait()


def _called() -> None:
    pass


def _fails() -> None:
    raise ValueError


def _cell(number: int, threads: List[Tuple[threading.Event, threading.Thread]]) -> None:
    for _ in range(_CALLS + number):
        _called()
    try:
        _fails()
    except ValueError:
        pass
    worker = threading.Thread(target=_called)
    worker.start()
    worker.join()
    if number == _OUTLIVING:
        stop, begun = threading.Event(), threading.Event()
        thread = threading.Thread(target=_leaf, args=(stop, begun))
        thread.start()
        begun.wait()
        threads.append((stop, thread))
    elif threads:
        stop, thread = threads.pop()
        stop.set()
        thread.join()


def _measure(directory: str, number: int, run: Callable) -> None:
    settings = {
        "SCOREP_EXPERIMENT_DIRECTORY": directory,
        "SCOREP_ENABLE_TRACING": "true",
        "SCOREP_ENABLE_PROFILING": "true",
    }
    try:
        _tracer.begin(directory, cell=_CELL, own=(), library=(), scorep=settings, profiled=True)
    except OSError:
        raise _GaveUp(number, "did not start") from None
    code = compile("run(number, threads)", _CELL, "exec")
    _tracer.start()
    exec(code, {"run": run, "number": number, "threads": _threads})
    _tracer.stop()
    if _tracer.end()["error"]:
        raise _GaveUp(number, "gave up")


_threads: List[Any] = []


def _problem(directory: str, number: int) -> str:
    """What is wrong with an experiment; empty: nothing."""
    if not os.path.exists(os.path.join(directory, "traces.otf2")):
        return f"experiment {number + 1} has no trace"
    regions, locations = _tracer.read_profile(os.path.join(directory, "profile.cubex"))
    visits = {region[0].rpartition(":")[2]: region[3] for region in regions}
    expected = {"_called": _CALLS + number + 1, "_fails": 1}
    if any(visits.get(name) != count for name, count in expected.items()):
        return f"experiment {number + 1} counted {visits}, not {expected}"
    if locations != (3 if number == _OUTLIVING else 2):
        return f"experiment {number + 1} has {locations} locations"
    return ""


def main() -> None:
    """Say what comes of it, as a line of JSON on standard output; or, with --find and a scorep-config, find out and
    remember all of it in a process that goes on by itself."""
    if sys.argv[1] == "--find":
        if os.fork() == 0:
            installation.find(sys.argv[2])
        return
    found = installation.Installation(*json.loads(sys.argv[1]))
    _tracer.load_scorep(places.PROVIDER, tuple(found.libraries), found.subsystems)
    with tempfile.TemporaryDirectory(prefix="scorepkernel-") as base:
        directories = [os.path.join(base, f"experiment{number}") for number in range(3)]
        try:
            for number, directory in enumerate(directories):
                _measure(directory, number, _cell)
            problems = [_problem(directory, number) for number, directory in enumerate(directories)]
        except _GaveUp as problem:
            if problem.number == 0:
                sys.exit(str(problem))  # which says nothing of measuring again
            problems = [str(problem)]
    why = next(filter(None, problems), "")
    print(json.dumps({"passed": not why, "why": why}), flush=True)
    os._exit(0)  # what a library says or does at the end of a process is not the question
