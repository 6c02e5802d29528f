# SPDX-License-Identifier: BSD-3-Clause
"""The measurement around a cell's code: begun before it, recording while its statements run, and written after it."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence

from ..base import page_faults
from . import experiment_directory, progress, record, report, scope, scorep_api, scorep_variables
from .cell import Cell
from .sampling import Sampling
from .systems import cost
from .systems.system import System

# What a user sets to have functions recorded that are written in C.
_C_FUNCTIONS = "SCOREPKERNEL_C_FUNCTIONS"
# The region in which IPython shows the value of the cell's last expression, and where it is in the source.
_SHOWING = "notebook:show_result"
_PLACE_OF_SHOWING = ("IPython", 0)


def _wants_c_functions() -> bool:
    return scorep_variables.is_on(_C_FUNCTIONS, False, "functions that are written in C are recorded, too")


class Used(NamedTuple):
    """What this process has used: by the clock, processors' time, the system's time for this thread, page faults."""

    seconds: float
    processor_seconds: float
    system_seconds: float
    page_faults: int

    @classmethod
    def by_now(cls) -> Used:
        """All that it has used so far."""
        system = resource.getrusage(resource.RUSAGE_THREAD).ru_stime
        return cls(time.perf_counter(), time.process_time(), system, page_faults.taken())

    def since(self, earlier: Used) -> Used:
        """The difference between this and what had been used earlier."""
        return Used(
            self.seconds - earlier.seconds,
            self.processor_seconds - earlier.processor_seconds,
            self.system_seconds - earlier.system_seconds,
            self.page_faults - earlier.page_faults,
        )


@contextlib.contextmanager
def measuring(
    cell: Cell, shell: Any, system: System, way: str, notes: Sequence[str] = ()
) -> Iterator["Measurement"]:
    """Measure what the shell runs in the block. As for Measurement."""
    measurement = Measurement(cell, shell, system, way, notes)
    shell.measurement = measurement
    try:
        yield measurement
    finally:
        shell.measurement = None
        measurement.end()


class Measurement:
    """The measurement of one cell by a measurement system."""

    def __init__(self, cell: Cell, shell: Any, system: System, way: str, notes: Sequence[str]) -> None:
        """Begin it. way: where the cell runs and why, in words. notes: what the user is to know of that.
        NotMeasured."""
        self._cell = cell
        self._shell = shell
        self._way = way
        self._warnings = list(notes)
        self._pid = os.getpid()
        self._seconds = 0.0
        self._stopped: Optional[Used] = None  # when the statements ended
        self._faults = 0
        self._processor_seconds = self._system_seconds = self._shown_seconds = 0.0
        self._begun = False
        self._files: List[str] = []  # of code that the cell ran as a cell does
        self._depth = 0  # of code that runs code as a cell does: %%capture, for one
        self._arguments = cell.arguments
        self._system = system
        self._warnings += scorep_variables.without_effect(not system.obeys_variables)
        self._sampling = Sampling(cell.scope(shell))
        self._place = cell.place
        self._directory = self._experiment_directory()
        self._record = record.begun(cell, self._system.name, way)
        self._code = code = {
            "cell": cell.scope(shell),
            "own": scope.own(),
            "library": scope.library(),
            "through": (scorep_api.FILE,),
            "instrument": self._arguments.instrument,
            "c_functions": _wants_c_functions(),
            "metrics": self._place.directory is None,  # the archives of ranks become one, which has none
        }
        scorep_api.begin_cell()
        try:
            if not self._system.makes_directory:
                self._write_all()
            self._system.begin(self._directory, code)
            self._begun = True
            if self._system.makes_directory and not self._system.records_all:
                self._write_all()
        except BaseException as problem:
            if self._begun:
                self._system.end(self._warnings)
            if isinstance(problem, OSError):
                raise experiment_directory.unwritable(self._directory, problem) from None
            raise
        if self._arguments.verbose:
            print(f"scorep: {self._described()}", file=sys.stderr, flush=True)

    def _experiment_directory(self) -> str:
        """The path of the experiment directory, which exists then, unless the system makes it."""
        decided, rank = self._place
        if decided is None or self._system.directory():
            made = self._system.directory()  # by a Score-P that began with this process
            return made or experiment_directory.make(self._system.makes_directory, self._warnings)
        if self._system.makes_directory:
            return decided
        path = os.path.join(decided, f"rank-{rank}")
        try:
            os.makedirs(path)
        except OSError as problem:
            raise experiment_directory.unwritable(path, problem) from None
        return path

    def _described(self) -> str:
        arguments = " ".join(self._arguments.for_scorep) or "no arguments for scorep-config"
        return f"measured by {self._system.spoken}, {self._way}; {arguments}; experiment {self._directory}"

    @contextlib.contextmanager
    def recording(self, file: str) -> Iterator[None]:
        """Record what runs in the block: all statements of the cell, or of code of that file name which the cell runs
        as a cell."""
        self._depth += 1
        try:
            if self._depth > 1 or os.getpid() != self._pid or not self._arguments.records:
                if os.getpid() == self._pid:  # else in a child that the cell forked
                    self._system.add_code(file)
                    self._files.append(file)
                yield
                return
            with self._timed():
                yield
        finally:
            self._depth -= 1

    def _look_for_profilers(self) -> None:
        """Before Python 3.12 a profiler that is on has to make room for our hook."""
        others = sys.getprofile() or getattr(threading, "_profile_hook", None)
        if others and sys.version_info < (3, 12) and self._arguments.instrument:
            self._warnings.append(
                "The profiler that was on when the cell began recorded nothing of this cell; it goes on after it. "
                "Measure without that profiler, or with Python 3.12 or newer, where both run side by side."
            )

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        self._look_for_profilers()
        self._sampling.start()
        calibration = cost.Calibration(self._system)
        self._system.start()
        if self._arguments.instrument:
            calibration.hook_is_in()
        begin, self._stopped, self._shown_seconds = Used.by_now(), None, 0.0
        try:
            yield
        finally:
            if os.getpid() == self._pid:
                self._stop()
                assert self._stopped
                used = self._stopped.since(begin)
                self._seconds += used.seconds - self._shown_seconds
                self._processor_seconds += used.processor_seconds
                self._system_seconds += used.system_seconds
                self._faults += used.page_faults

    def statement_begins(self) -> None:
        """A statement of the cell is about to run."""
        if self._depth == 1 and os.getpid() == self._pid:
            self._system.refresh()
            self._sampling.statement_begins()

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """IPython shows the value of the cell's last expression in the block: a region of its own, whose time is not
        the cell's."""
        if self._depth != 1 or os.getpid() != self._pid:
            yield
            return
        if self._arguments.instrument:
            self._system.enter_region(_SHOWING, *_PLACE_OF_SHOWING)
        begin, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._shown_seconds += time.perf_counter() - begin
            self._processor_seconds -= time.process_time() - processor
            if self._arguments.instrument:
                self._system.leave_region(_SHOWING)

    def code_has_raised(self) -> None:
        """What comes now is IPython's work on a traceback, which may take longer than the cell."""
        if self._depth == 1 and os.getpid() == self._pid:
            self._stop()

    def _stop(self) -> None:
        """Record no more of these statements."""
        if self._stopped is None:
            self._system.stop()
            self._stopped = Used.by_now()
            self._sampling.stop()

    def end(self) -> None:
        """End the measurement, and complete what is on disk."""
        if os.getpid() != self._pid:
            return  # in a child that the cell forked
        progress.ends()
        self._outcome = self._system.end(self._warnings)
        self._sampling.end({**self._code, "cell": self._with_files(self._code["cell"])})
        record.end(self._record, self._shell.last_error, self._seconds, self._faults, self._outcome, self._warnings)
        try:
            if self._system.records_all:
                self._write_all()
            else:
                self._write_record()
        except OSError as problem:
            self._warnings.append(f"scorepkernel.json could not be completed: {problem}")

    def report(self) -> dict:
        """What the library shows under the cell (report.py)."""
        return report.of_cell(
            self._system.spoken,
            self._way,
            self._directory,
            seconds=self._seconds,
            processor_seconds=self._processor_seconds,
            sampling=self._sampling,
            page_fault_count=self._faults,
            system_seconds=self._system_seconds,
            shown_seconds=self._shown_seconds,
            measuring_seconds=cost.of_measuring(self._system, self._outcome, self._seconds),
            outcome=self._outcome,
            warnings=self._warnings,
        )

    def _with_files(self, cell: Any) -> Any:
        """The files of the cell's code, with those that it ran as a cell does."""
        pairs = cell if isinstance(cell, tuple) else ((cell, "<module>"),)
        return (*pairs, *((file, "<module>") for file in dict.fromkeys(self._files)))

    def _write_all(self) -> None:
        source = self._cell.source
        if self._place.is_first:
            text = source if source.endswith("\n") else source + "\n"
            experiment_directory.write(self._place.directory or self._directory, "cell.py", text)
        self._write_record()

    def _write_record(self) -> None:
        if self._place.is_first:
            experiment_directory.write_record(self._place.directory or self._directory, self._record)
