# SPDX-License-Identifier: BSD-3-Clause
"""Score-P, as a measurement system: in this process, again and again."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from typing import Dict, List, Optional, Union

from ...base import places, process_variables, tracer
from ...base.errors import NotMeasured, Unusable
from .. import experiment_directory, installation
from ..installation import Installation
from . import score_p_messages
from .by_tracer import ByTracer, begin, gaps
from .system import Outcome

# What Score-P is told where the user says nothing. Python's own limit of recursion is 1,000; Score-P's is 100, and
# what lies deeper is one region.
DEFAULTS = {
    "SCOREP_ENABLE_TRACING": "true",
    "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "1000",
    "SCOREP_TOTAL_MEMORY": score_p_messages.TOTAL_MEMORY,
}
# Score-P's profile in the forms that are read here; others (TAU_SNAPSHOT, NONE ...) are the user's own business.
_CUBE_FORMATS = ("", "default", "cube4", "cube_tuple")
_TRUE = ("true", "yes", "on", "1")


class ScoreP(ByTracer):
    """Score-P itself, in this process. Which one it is cannot change in a session's life."""

    key = "scorep"
    title = "Score-P"
    absent = (
        "there is no scorep-config on PATH. Load Score-P's module before the notebook server starts, or unset the "
        "variable."
    )
    makes_directory = True
    obeys_variables = True

    def __init__(self) -> None:
        self._loaded: Optional[Installation] = None
        # By the path of scorep-config and its time: what is known of it, or why it cannot be used.
        self._known: Dict[tuple, Union[Installation, str]] = {}
        self._unloadable: Dict[Optional[str], str] = {}  # by the path: why
        self._profiled = False
        self._hidden: Optional[str] = None
        self._directory = ""

    def is_here(self, only_once: bool) -> bool:
        tracer.need()
        if self._loaded is None:
            self._loaded = self._load(only_once)
            if self._loaded is not None:
                self.name = self.spoken = f"Score-P {self._loaded.version}".strip()
                self.records_all = not self._loaded.libraries  # it was preloaded
        return self._loaded is not None

    def needs_fork(self) -> bool:
        config = installation.locate()
        if config is None or self._loaded or tracer.extension is None or not hasattr(os, "fork"):
            return False
        try:
            return not self._know(config).passed
        except Unusable:
            return False  # which is_here will say

    def prepare(self) -> None:
        config = installation.locate()
        if config is None or tracer.extension is None:
            return
        with contextlib.suppress(OSError, Unusable, subprocess.SubprocessError):
            # Else the first measured cell comes here again, and says why.
            if installation.remembered(config) is not None:
                self.is_here(False)
            else:
                installation.find_ahead(config)

    def _load(self, only_once: bool) -> Optional[Installation]:
        """Load Score-P into this process. What was loaded; None: there is no Score-P. Unusable."""
        preloaded = os.environ.pop(process_variables.PRELOADED_VERSION, None)
        config = installation.locate()
        if config is None and preloaded is None:
            return None
        if config in self._unloadable:
            raise Unusable(self._unloadable[config])
        if preloaded is not None:
            found = Installation(config or "", preloaded, (), "", None, "")
        else:
            found = self._know(str(config))
            if not found.passed and not only_once:
                raise Unusable(
                    f"{config} (version {found.version}) did not pass its self-test, which measures three times in one "
                    f"process: {found.why}. With %%marshalling_settings PROCESS=auto, or forked, it measures a "
                    "copy of the session instead."
                )
        try:
            provider = None if preloaded is not None else places.PROVIDER
            tracer.extension.load_scorep(provider, found.libraries, found.subsystems)
        except OSError as problem:
            self._unloadable[config] = (
                f"{config or 'Score-P'} cannot be loaded: {(problem.strerror or str(problem)).rstrip('.')}. "
                "Install Score-P anew, or take it off PATH; then restart the kernel."
            )
            raise Unusable(self._unloadable[config]) from None
        return found

    def _know(self, config: str) -> Installation:
        """What is known of it. It is asked once, as long as it is the same file: one that does not answer would cost
        its time for each cell. Unusable."""
        key = config, _changed(config)
        if key not in self._known:
            try:
                self._known[key] = installation.find(config)
            except Unusable as problem:
                self._known[key] = str(problem)
        known = self._known[key]
        if isinstance(known, str):
            raise Unusable(known)
        return known

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
                if not found["unwritten"]:
                    warnings.append(f"Score-P's profile cannot be read: {problem}. Open {path} with Cube.")
        warnings += gaps(found) + score_p_messages.from_messages(messages, found["unwritten"])
        said = score_p_messages.worth_showing(messages)
        return Outcome(found["events"], locations, regions, said, found["event_ns"])


def _changed(path: str) -> int:
    """When a file was written last, in ns; 0: it cannot be told."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime_ns
    return 0
