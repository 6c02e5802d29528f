# SPDX-License-Identifier: BSD-3-Clause
"""Score-P, as a measurement system: in this process, again and again."""

from __future__ import annotations

import errno
import os
import sys
from typing import List, Optional

from ...base import process_variables, tracer
from ...base.errors import NotMeasured
from .. import experiment_directory
from ..installation import Installation
from . import score_p_messages
from .system import Outcome, System, begin, gaps

# What Score-P is told where the user says nothing. Python's own limit of recursion is 1,000; Score-P's is 100, and
# what lies deeper is one region.
DEFAULTS = {"SCOREP_ENABLE_TRACING": "true", "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "1000"}
# Score-P's profile in the forms that are read here; others (TAU_SNAPSHOT, NONE ...) are the user's own business.
_CUBE_FORMATS = ("", "default", "cube4", "cube_tuple")
_TRUE = ("true", "yes", "on", "1")


class ScoreP(System):
    """Score-P itself, in this process."""

    makes_directory = True

    def __init__(self, found: Installation) -> None:
        self.name = self.spoken = f"Score-P {found.version}".strip()
        self._profiled = False
        self.records_all = not found.libraries  # it was preloaded
        self._hidden: Optional[str] = None

    def directory(self) -> Optional[str]:
        return tracer.extension.scorep_directory()

    def begin(self, directory: str, scope: dict) -> None:
        self._directory = directory
        settings = {name: value for name, value in DEFAULTS.items() if name not in os.environ}
        settings[experiment_directory.VARIABLE] = directory
        form = os.environ.get("SCOREP_PROFILING_FORMAT", "").lower()
        self._profiled = form in _CUBE_FORMATS and os.environ.get("SCOREP_ENABLE_PROFILING", "true").lower() in _TRUE
        # Score-P's profile leaves out visits of regions with parameters, which only code that has this can make.
        timed_there = self._profiled and "scorep.user" not in sys.modules
        try:
            begin(directory, scorep=settings, profiled=timed_there, **scope)
        except RuntimeError as problem:
            raise NotMeasured(f"The cell was not run: {problem}") from None
        except OSError as problem:
            if problem.errno != errno.ECANCELED:
                raise
            raise NotMeasured(score_p_messages.why_no_start(tracer.extension.scorep_messages())) from None
        for name in os.environ.pop(process_variables.SET_FOR_START, "").split():
            os.environ.pop(name, None)
        # A Score-P that the cell starts would rename our directory and write its own there.
        self._hidden = os.environ.pop(experiment_directory.VARIABLE, None)

    def end(self, warnings: List[str]) -> Outcome:
        found = tracer.extension.end()
        if self._hidden is not None:
            os.environ.setdefault(experiment_directory.VARIABLE, self._hidden)
        messages = tracer.extension.scorep_messages()
        regions, locations = found["regions"], found["locations"]
        base = os.environ.get("SCOREP_PROFILING_BASE_NAME") or "profile"
        path = os.path.join(self._directory, base + ".cubex")
        if found["error"]:
            warnings.append(
                "Score-P gave up, and the experiment is incomplete. The session goes on, and so does the next measured "
                f"cell. {score_p_messages.remedy(messages)}"
            )
            regions = [] if self._profiled else regions  # which Score-P was to time
        elif self._profiled and found["parameters"] and found["timed"]:
            pass  # the tracer's own numbers are whole, and the profile's are not
        elif self._profiled:
            if found["parameters"]:
                warnings.append(
                    "Score-P's profile leaves out some visits of regions with parameters, and so does this table; the "
                    "trace has them all. Measure the cell once more: with scorep.user imported before it, it is whole."
                )
            try:
                regions, locations = tracer.extension.read_profile(path)
            except (OSError, ValueError) as problem:
                if score_p_messages.UNWRITTEN not in messages:
                    warnings.append(f"Score-P's profile cannot be read: {problem}. Open {path} with Cube.")
        warnings += gaps(found) + score_p_messages.from_messages(messages)
        return Outcome(found["events"], locations, regions, score_p_messages.worth_showing(messages))
