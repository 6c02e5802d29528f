# SPDX-License-Identifier: BSD-3-Clause
"""The measurement systems that a cell can run under: Score-P where there is one, else the built-in tracer."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import subprocess
import sys
import sysconfig
from typing import Any, List, NamedTuple, Optional

from . import installation

_tracer: Any = None
_no_tracer = ""
# At once, as users' code may clear sys.modules or sys.path.
try:
    from . import _tracer  # type: ignore[attr-defined,no-redef]
except (ImportError, NotImplementedError) as problem:
    _no_tracer = str(problem)

# In a launched process: the version of the Score-P that was preloaded.
PRELOADED_VERSION = "SCOREPKERNEL_PRELOADED_VERSION"
# There, too: the variables that were set for its start only.
SET_FOR_START = "SCOREPKERNEL_SET_FOR_START"
# What Score-P is told where the user says nothing. Python's own limit of recursion is 1,000; Score-P's is 100, and
# what lies deeper is one region.
DEFAULTS = {"SCOREP_ENABLE_TRACING": "true", "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "1000"}
# Score-P's profile in the forms that are read here; others (TAU_SNAPSHOT, NONE ...) are the user's own business.
_CUBE_FORMATS = ("", "default", "cube4", "cube_tuple")
_TRUE = ("true", "yes", "on", "1")
_DIRECTORY = "SCOREP_EXPERIMENT_DIRECTORY"
# A place that the user can write, and nobody else.
EXAMPLE = f"%env {_DIRECTORY}={os.path.join(os.path.expanduser('~'), 'scorep-run')}"
_UNWRITTEN = "The experiment could not be written"  # says engine_grafts.c


class NotMeasured(Exception):
    """The cell was not run, because it could not be measured; the text names the remedy."""


class Outcome(NamedTuple):
    """What a measurement found."""

    events: int
    locations: int
    regions: list  # of (name, file, line, visits, inclusive ns, exclusive ns), most exclusive time first
    messages: str  # of the measurement system itself


def _begin(directory: str, **options: Any) -> None:
    """What a measurement left behind that was torn apart, by a signal handler of the user's, is nobody's."""
    if _tracer.active():
        _tracer.end()
    _tracer.begin(directory, **options)


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
        _tracer.start()

    def stop(self) -> None:
        """Record no more, until the next start."""
        _tracer.stop()

    def refresh(self) -> None:
        """A statement of the cell begins: see that functions are still being recorded."""
        _tracer.refresh()

    def add_code(self, file: str) -> None:
        """Code of that file name belongs to the cell, too."""
        _tracer.cell(file)

    def end(self, warnings: List[str]) -> Outcome:
        """Write the experiment, and say what was found; what went wrong is added to warnings."""
        raise NotImplementedError


_MEMORY = "SCOREP_TOTAL_MEMORY"
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _memory() -> dict:
    """How much the built-in tracer keeps in memory before it writes, as Score-P's variable says it. NotMeasured."""
    text = os.environ.get(_MEMORY, "")
    said = re.fullmatch(r"\s*(\d{1,15})\s*([kmgt]?)b?\s*", text.lower())
    if not text:
        return {}
    if not said or not 1 << 20 <= int(said.group(1)) * _UNITS[said.group(2)] <= 1 << 40:
        raise NotMeasured(
            f"The cell was not run: {_MEMORY} is {text!r}, but must be from 1M to 1T: a number of bytes, with K, M, G "
            f"or T behind it. Correct it, for example with\n%env {_MEMORY}=64M"
        )
    return {"memory_limit": int(said.group(1)) * _UNITS[said.group(2)]}


REGIONS_MAX = 262144  # as in tracer/regions.h


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _gaps(found: dict) -> List[str]:
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


class BuiltIn(System):
    """The tracer that comes with the kernel."""

    name = "built-in tracer"
    spoken = "the built-in tracer"

    def begin(self, directory: str, scope: dict) -> None:
        try:
            _begin(directory, **_memory(), **scope)
        except (RuntimeError, NotImplementedError) as problem:
            raise NotMeasured(f"The cell was not run: {problem}") from None

    def end(self, warnings: List[str]) -> Outcome:
        found = _tracer.end()
        if found["error"]:
            warnings.append(
                f"The trace is incomplete: {found['error']}. Free some space, or set "
                "SCOREP_EXPERIMENT_DIRECTORY to a place that has it, and measure again."
            )
        warnings += _gaps(found)
        return Outcome(found["events"], found["locations"], found["regions"], "")


class ScoreP(System):
    """Score-P itself, in this process."""

    makes_directory = True

    def __init__(self, found: installation.Installation) -> None:
        self.name = self.spoken = f"Score-P {found.version}".strip()
        self._profiled = False
        self.records_all = not found.libraries  # it was preloaded
        self._hidden: Optional[str] = None

    def directory(self) -> Optional[str]:
        return _tracer.scorep_directory()

    def begin(self, directory: str, scope: dict) -> None:
        self._directory = directory
        settings = {name: value for name, value in DEFAULTS.items() if name not in os.environ}
        settings[_DIRECTORY] = directory
        form = os.environ.get("SCOREP_PROFILING_FORMAT", "").lower()
        self._profiled = form in _CUBE_FORMATS and os.environ.get("SCOREP_ENABLE_PROFILING", "true").lower() in _TRUE
        # Score-P's profile leaves out visits of regions with parameters, which only code that has this can make.
        timed_there = self._profiled and "scorep.user" not in sys.modules
        try:
            _begin(directory, scorep=settings, profiled=timed_there, **scope)
        except RuntimeError as problem:
            raise NotMeasured(f"The cell was not run: {problem}") from None
        except OSError as problem:
            if problem.errno != errno.ECANCELED:
                raise
            raise NotMeasured(_why_no_start(_tracer.scorep_messages())) from None
        for name in os.environ.pop(SET_FOR_START, "").split():
            os.environ.pop(name, None)
        # A Score-P that the cell starts would rename our directory and write its own there.
        self._hidden = os.environ.pop(_DIRECTORY, None)

    def end(self, warnings: List[str]) -> Outcome:
        found = _tracer.end()
        if self._hidden is not None:
            os.environ.setdefault(_DIRECTORY, self._hidden)
        messages = _tracer.scorep_messages()
        regions, locations = found["regions"], found["locations"]
        base = os.environ.get("SCOREP_PROFILING_BASE_NAME") or "profile"
        path = os.path.join(self._directory, base + ".cubex")
        if found["error"]:
            warnings.append(
                "Score-P gave up, and the experiment is incomplete. The session goes on, and so does the next measured "
                f"cell. {_remedy(messages)}"
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
                regions, locations = _tracer.read_profile(path)
            except (OSError, ValueError) as problem:
                if _UNWRITTEN not in messages:
                    warnings.append(f"Score-P's profile cannot be read: {problem}. Open {path} with Cube.")
        warnings += _gaps(found) + _from_messages(messages)
        return Outcome(found["events"], locations, regions, _worth_showing(messages))


# --- what Score-P says -----------------------------------------------------------------------------------

# Each: what Score-P's message has in it, and what to do.
_REMEDIES = (
    ("set variable", "Correct or unset the SCOREP_ variable that it names; !scorep-info config-vars --full helps."),
    ("SCOREP_TOTAL_MEMORY", "Give it more memory, for example with\n%env SCOREP_TOTAL_MEMORY=64M"),
    ("Out of memory", "Give it more memory, for example with\n%env SCOREP_TOTAL_MEMORY=64M"),
    ("filter", "Correct the file of SCOREP_FILTERING_FILE, or unset it:\ndel os.environ['SCOREP_FILTERING_FILE']"),
    (
        "xperiment directory",
        f"Set SCOREP_EXPERIMENT_DIRECTORY to a place that can be written, for example with\n{EXAMPLE}",
    ),
    ("No space left", "Free some space, or set SCOREP_EXPERIMENT_DIRECTORY to a place that has it."),
)
# Said of each thread that still runs when the cell ends, which is no fault, or that has just ended.
_HARMLESS = re.compile(
    r"^\[Score-P\].*Thread after main \(location=\d+\)\n?"
    # In each rank, since MPI is initialised as mpi4py does it.
    r"|^\[Score-P\].*Support for MPI_THREAD_\(SERIALIZED\|MULTIPLE\) is currently experimental!\n"
    r"(\[Score-P\])?\s*Please report bugs.*\n?",
    re.M,
)


def _remedy(messages: str) -> str:
    return next((remedy for mark, remedy in _REMEDIES if mark in messages), "")


def _why_no_start(messages: str) -> str:
    said = _worth_showing(messages) or "(It said nothing.)"
    return f"The cell was not run: Score-P did not start. It said:\n{said}\n{_remedy(messages)}".rstrip()


def _from_messages(messages: str) -> List[str]:
    found = []
    flushes = messages.count("Trace buffer flush")
    if flushes:
        memory = os.environ.get("SCOREP_TOTAL_MEMORY", "16000k")
        found.append(
            f"Score-P's memory was full, and was written to disk {flushes} times during the cell: the times contain "
            f"that. Give it more than the {memory} that it has, for example with %env SCOREP_TOTAL_MEMORY=256M"
        )
    if "callpath depth limitation" in messages:
        found.append(
            "Calls were nested deeper than Score-P's profile goes; what lies deeper is the region COLLAPSE. Raise the "
            "limit, for example with %env SCOREP_PROFILING_MAX_CALLPATH_DEPTH=10000"
        )
    if "nconsistent" in messages:
        found.append("Score-P found its profile inconsistent: its numbers cannot be trusted. See what it says below.")
    if _UNWRITTEN in messages or "No space left" in messages:
        found.append(f"Score-P could not write all of the experiment. {_remedy('No space left')}")
    return found


def _worth_showing(messages: str) -> str:
    return _HARMLESS.sub("", messages).strip()[:4000]


def prepare_fork() -> None:
    """Before a fork: write what C code holds back, and end OpenMP's threads, which a fork does not carry."""
    if _tracer is not None:
        _tracer.prepare_fork()


def hold_child_signal(on: bool) -> None:
    """While on, the end of a child is nobody's business but ours."""
    if _tracer is not None:
        _tracer.hold_child_signal(on)


def die_with_parent(pid: int) -> None:
    """Wait until that process is this one's parent, and end with it."""
    _tracer.die_with_parent(pid)


def fork_plainly() -> int:
    """Fork a process that has one thread, without Python's preparations for others."""
    return _tracer.fork_plainly()


# --- the choice ------------------------------------------------------------------------------------------

_loaded: List[installation.Installation] = []
_known: dict = {}  # by path and time of scorep-config: an installation, or why it cannot be used
_unloadable: dict = {}  # by path: why
_once = False
_built_in = False


def wanted() -> str:
    """What SCOREPKERNEL_MEASUREMENT says: auto, scorep or built-in."""
    if _built_in:
        return "built-in"
    text = os.environ.get("SCOREPKERNEL_MEASUREMENT", "auto").lower()
    if text not in ("auto", "scorep", "built-in"):
        raise NotMeasured(
            f"The cell was not run: SCOREPKERNEL_MEASUREMENT is {text!r}, but must be auto, scorep or built-in."
        )
    return text


def choose(package: str, warnings: List[str]) -> System:
    """What the next cell is measured by: Score-P if there is one, unless the user wants it otherwise."""
    choice = wanted()
    need_tracer(package)
    if choice == "built-in":
        return BuiltIn()
    try:
        found = _load(package)
    except installation.Unusable as problem:
        if choice == "scorep":
            raise NotMeasured(f"The cell was not run: {problem}") from None
        warnings.append(f"Measured by the built-in tracer, as Score-P cannot be used: {problem}")
        return BuiltIn()
    if found is not None:
        return ScoreP(found)
    if choice == "scorep":
        raise NotMeasured(
            "The cell was not run: SCOREPKERNEL_MEASUREMENT is scorep, but there is no scorep-config on PATH. Load "
            "Score-P's module before the notebook server starts, or unset the variable."
        )
    return BuiltIn()


def needs_fork(package: str) -> bool:
    """Whether there is a Score-P that can measure a process once only."""
    config = installation.locate()
    if config is None or _loaded or _tracer is None or wanted() == "built-in" or not hasattr(os, "fork"):
        return False
    try:
        return bool(_know(config).verdict)
    except installation.Unusable:
        return False  # which _load will say


def measure_once() -> None:
    """This process is there for one cell: that Score-P could not measure it again does not matter."""
    global _once
    _once = True


def use_built_in() -> None:
    """In this process, whatever the user wants."""
    global _built_in
    _built_in = True


def join_ranks() -> None:
    """This process is one of several that are measured as one by Score-P, which initialises MPI then."""
    if _tracer is not None:
        _tracer.join_ranks()
    with contextlib.suppress(ImportError):
        import mpi4py

        # The variables may have it imported before the measurement begins, which is to see all of MPI.
        mpi4py.rc.initialize = False


def merge(parts: List[Any], directory: str) -> None:
    """Make the built-in tracer's experiments of ranks one, in directory. parts: each its own directory, the rank, the
    host, and how much its clock is ahead, in ns. OSError, ValueError."""
    _tracer.merge(parts, directory)


def _know(config: str) -> installation.Installation:
    """Asked once, as long as it is the same file: one that does not answer would cost its time for each cell."""
    key = config, _changed(config)
    if key not in _known:
        try:
            _known[key] = installation.find(config)
        except installation.Unusable as problem:
            _known[key] = str(problem)
    if isinstance(_known[key], str):
        raise installation.Unusable(_known[key])
    return _known[key]


def _changed(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime_ns
    return 0


def _load(package: str) -> Optional[installation.Installation]:
    """Score-P, ready to measure; None: there is none. Which one it is cannot change in a session's life."""
    if _loaded:
        return _loaded[0]
    preloaded = os.environ.pop(PRELOADED_VERSION, None)
    config = installation.locate()
    if config is None and preloaded is None:
        return None
    if config in _unloadable:
        raise installation.Unusable(_unloadable[config])
    if preloaded is not None:
        found = installation.Installation(config or "", preloaded, (), "", "")
    else:
        found = _know(str(config))
        if found.verdict and not _once:
            raise installation.Unusable(
                f"{config} (version {found.version}) did not pass its self-test, which measures three times in one "
                f"process: {found.verdict}. With %%marshalling_settings PROCESS=auto, or forked, it measures a copy of "
                "the session instead."
            )
    provider = os.path.join(os.path.dirname(os.path.dirname(package)), "libscorepkernel-subsystems.so")
    try:
        _tracer.load_scorep(None if preloaded is not None else provider, found.libraries, found.subsystems)
    except OSError as problem:
        _unloadable[config] = (
            f"{config or 'Score-P'} cannot be loaded: {(problem.strerror or str(problem)).rstrip('.')}. "
            "Install Score-P anew, or take it off PATH; then restart the kernel."
        )
        raise installation.Unusable(_unloadable[config]) from None
    _loaded.append(found)
    return found


def prepare(package: str) -> None:
    """While the user thinks: what the first measured cell would have to wait for. Takes some milliseconds."""
    config = installation.locate()
    if config is None or _tracer is None or os.environ.get("SCOREPKERNEL_MEASUREMENT") == "built-in":
        return
    with contextlib.suppress(OSError, installation.Unusable, subprocess.SubprocessError):
        # Else the first measured cell comes here again, and says why.
        if installation.remembered(config) is not None:
            _load(package)
        else:
            installation.find_ahead(config)


def need_tracer(package: str) -> None:
    """NotMeasured: there is none for this Python."""
    if _tracer is None:
        raise NotMeasured(
            f"The cell was not run: the built-in tracer was not built for this Python ({sys.executable}, "
            f"{sysconfig.get_config_var('SOABI')}): {_no_tracer}. In the source tree of libscorepkernel, run "
            f"`make install PYTHONS={sys.executable}` (with the PREFIX of this installation, {package})."
        )
