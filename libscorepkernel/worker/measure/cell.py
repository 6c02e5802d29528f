# SPDX-License-Identifier: BSD-3-Clause
"""Measured cells: the measurement around their code, and what is said of it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import os
import site
import socket
import sys
import sysconfig
import threading
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

from ..base import page_faults
from ..base.errors import NotMeasured
from . import binding_arguments, experiment_directory, scorep_api, scorep_variables
from .systems import selection
from .systems.built_in import BuiltIn

REPORTED_REGIONS = 10


class Place(NamedTuple):
    """Where a cell's experiment is, if that has been decided."""

    directory: Optional[str]
    rank: Optional[int]  # of several that measure together; the first one writes what is not each one's own

    @property
    def is_first(self) -> bool:
        return not self.rank


class Cell:
    """A cell's source and what was asked for it."""

    def __init__(
        self, source: str, wanted: Optional[dict], options: dict, metadata: dict, session: dict
    ) -> None:
        self.source = source
        self.wanted = wanted
        self.number: int = options["execution_count"]
        self.id: Optional[str] = metadata.get("cellId")
        self.session = session
        self.repeat: int = (wanted or {}).get("repeat", 1)
        self.place = Place(options.get("launched", {}).get("directory"), session.get("rank"))
        self.parts: List[Cell] = []  # the cells that are measured as this one
        for part in options.get("cells", ()):
            own = {"execution_count": self.number}
            self.parts.append(Cell(part["code"], {"lines": part["lines"]}, own, {"cellId": part["id"]}, session))
        if self.parts:
            self.source = "\n\n".join(f"# --- cell {i} ---\n{part.source}" for i, part in enumerate(self.parts, 1))
        self.arguments = binding_arguments.Arguments()
        self.transformed = self.source
        self.problem: Any = None  # sys.exc_info() of a transformation that failed

    def transform(self, transformer: Callable[[str], str]) -> None:
        """IPython's transformation of the code. The directive becomes a comment and keeps its line, so that line
        numbers stay those of the cell, and a magic that follows it is still the cell's first."""
        for part in self.parts:
            part.transform(transformer)
        if self.parts:
            return
        skip = self.wanted["lines"] if self.wanted else 0
        lines = self.source.split("\n")
        head = "".join(f"# {line.strip()}\n" if line.strip().startswith("%") else line + "\n" for line in lines[:skip])
        try:
            self.transformed = head + transformer("\n".join(lines[skip:]))
        except Exception:  # reported where IPython reports it
            self.problem = sys.exc_info()

    def prepare(self, shell: Any) -> bool:
        """Understand the bindings' arguments and run their instrumenter file, before anything is measured. False: the
        file failed, and the cell is not to be run; the user has been told. NotMeasured: they cannot be obeyed."""
        self.arguments = binding_arguments.parse((self.wanted or {}).get("arguments", ""))
        if not self.arguments.file:
            return True
        path = os.path.abspath(os.path.expanduser(self.arguments.file))
        try:
            with io.open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
        except (OSError, SyntaxError, ValueError) as problem:
            raise NotMeasured(
                f"The cell was not run: --instrumenter-file={path} cannot be used: {problem}. Correct it, or take it "
                "back with\n%%scorep_python_binding_arguments -"
            ) from None
        try:
            with scorep_api.Preparation(self.arguments.instrument) as preparation:
                exec(code, {"__name__": "__main__", "__file__": path, "__builtins__": __builtins__})
        except BaseException:
            print(f"The cell was not run: its --instrumenter-file={path} failed.", file=sys.stderr, flush=True)
            shell.showtraceback()
            return False
        instrument = self.arguments.instrument or preparation.registered
        self.arguments = self.arguments._replace(instrument=instrument)
        return True

    @property
    def first_line(self) -> str:
        """The first line that says something."""
        skip = self.wanted["lines"] if self.wanted else 0
        lines = [line.strip() for line in self.source.split("\n")[skip:]]
        return next(filter(None, lines), "")

    def scope(self, shell: Any) -> Any:
        """What the tracer is to take for the cell's own code."""
        if not self.parts:
            return self.file_name(shell)
        names = (f"cell {number}: {part.first_line[:80]}".rstrip(": ") for number, part in enumerate(self.parts, 1))
        return tuple(zip((part.file_name(shell) for part in self.parts), names))

    def file_name(self, shell: Any) -> str:
        """What IPython will compile the code as."""
        compiler = shell.compile
        if hasattr(compiler, "get_code_name"):
            return compiler.get_code_name(self.source, self.transformed, self.number)
        return compiler.code_name(self.transformed, self.number)  # before IPython 7.19


@contextlib.contextmanager
def measuring(cell: Cell, shell: Any, package: str, way: str) -> Iterator[Optional["Measurement"]]:
    """Measure what shell runs in the block, if the cell is to be measured."""
    if cell.wanted is None:
        yield None
        return
    measurement = Measurement(cell, shell, package, way)
    shell.measurement = measurement
    try:
        yield measurement
    finally:
        shell.measurement = None
        measurement.end()


class Measurement:
    """One cell under a measurement system."""

    def __init__(self, cell: Cell, shell: Any, package: str, way: str) -> None:
        self._cell = cell
        self._shell = shell
        self._way = way
        self._warnings: list = []
        self._pid = os.getpid()
        self._seconds = self._stopped = 0.0
        self._faults = 0
        self._begun = False
        self._depth = 0  # of code that runs code as a cell does: %%capture, for one
        self._arguments = cell.arguments
        self._system = selection.choose(package, self._warnings)
        self._warnings += scorep_variables.idle(isinstance(self._system, BuiltIn))
        self._place = cell.place
        self._directory = self._experiment_directory()
        self._record = {
            "record": 1,
            "measurement": self._system.name,
            "way": self._way,
            "status": "running",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "host": socket.gethostname(),
            "notebook": cell.session.get("notebook"),
            "cell_id": cell.id,
            "execution_count": cell.number,
            "directive": cell.wanted["text"] if cell.wanted else "",
            "options": cell.wanted,
            "versions": {
                "libscorepkernel": cell.session["version"],
                "python": sys.version,
                "ipython": _version_of("IPython"),
                "platform": _platform(),
            },
            "executable": sys.executable,
            "environment": {key: value for key, value in os.environ.items() if key.startswith("SCOREP_")},
        }
        scope = {"cell": cell.scope(shell), "own": _own(package), "library": _library(), "through": (scorep_api.FILE,)}
        scope["instrument"] = self._arguments.instrument
        scorep_api.begin_cell()
        try:
            if not self._system.makes_directory:
                self._write_all()
            self._system.begin(self._directory, scope)
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
        """Which there is then, unless the system makes it."""
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
                yield
                return
            with self._timed():
                yield
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        self._look_for_profilers()
        begin, self._stopped, faults_before = time.perf_counter(), 0.0, page_faults.taken()
        self._system.start()
        try:
            yield
        finally:
            if os.getpid() == self._pid:
                self._system.stop()
                self._seconds += (self._stopped or time.perf_counter()) - begin
                self._faults += page_faults.taken() - faults_before

    def _look_for_profilers(self) -> None:
        """One that is on has to make room for our hook, before Python 3.12."""
        others = sys.getprofile() or getattr(threading, "_profile_hook", None)
        if others and sys.version_info < (3, 12) and self._arguments.instrument:
            self._warnings.append(
                "The profiler that was on when the cell began recorded nothing of this cell; it goes on after it. "
                "Measure without that profiler, or with Python 3.12 or newer, where both run side by side."
            )

    def statement_begins(self) -> None:
        """One of the cell's is about to run."""
        if self._depth == 1 and os.getpid() == self._pid:
            self._system.refresh()

    def code_has_raised(self) -> None:
        """What comes now is IPython's work on a traceback, which may take longer than the cell."""
        if self._depth == 1 and os.getpid() == self._pid and not self._stopped:
            self._stopped = time.perf_counter()
            self._system.stop()

    def end(self) -> None:
        """Complete what is on disk."""
        if os.getpid() != self._pid:
            return  # in a child that the cell forked
        self._outcome = self._system.end(self._warnings)
        error = self._shell.last_error
        self._record.update(
            status="ok" if error is None else f"error: {error['ename']}",
            seconds=self._seconds,
            page_faults=self._faults,
            events=self._outcome.events,
            locations=self._outcome.locations,
            messages=self._outcome.messages,
            warnings=self._warnings,
        )
        try:
            if self._system.records_all:
                self._write_all()
            else:
                self._write_record()
        except OSError as problem:
            self._warnings.append(f"scorepkernel.json could not be completed: {problem}")

    def report(self) -> dict:
        """What the library shows under the cell."""
        regions = self._outcome.regions
        return {
            "measurement": self._system.spoken,
            "way": self._way,
            "directory": self._directory,
            "seconds": self._seconds,
            "events": self._outcome.events,
            "locations": self._outcome.locations,
            "page_faults": self._faults,
            "page_faults_seconds": self._faults * page_faults.seconds_each(),
            "regions": [list(region) for region in regions[:REPORTED_REGIONS]],
            "all_regions": regions if self._cell.repeat > 1 else [],
            "region_count": len(regions),
            "exclusive_ns": sum(region[5] for region in regions),
            "messages": self._outcome.messages,
            "warnings": self._warnings,
            **(self._of_rank() if self._place.rank is not None else {}),
        }

    def _of_rank(self) -> dict:
        """What making one of several ranks' measurements needs, besides."""
        return {
            "all_regions": self._outcome.regions,
            "host": socket.gethostname(),
            "clock_offset_ns": time.time_ns() - time.monotonic_ns(),
        }

    def _write_all(self) -> None:
        source = self._cell.source
        if self._place.is_first:
            text = source if source.endswith("\n") else source + "\n"
            experiment_directory.write(self._place.directory or self._directory, "cell.py", text)
        self._write_record()

    def _write_record(self) -> None:
        if self._place.is_first:
            experiment_directory.write_record(self._place.directory or self._directory, self._record)


def _version_of(module: str) -> Optional[str]:
    return getattr(sys.modules.get(module), "__version__", None)


def _platform() -> str:
    """As platform.platform() has it, which starts a program to find out."""
    system = os.uname()
    return f"{system.sysname}-{system.release}-{system.machine}-with-{_libc()}"


def _libc() -> str:
    with contextlib.suppress(ValueError, OSError):  # not glibc
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    return "libc"


def _own(package: str) -> tuple:
    """Where the code lies that is never recorded: ours, IPython's, and Score-P's bindings', which the cell may be the
    first to import."""
    names = ("IPython", "traitlets", "matplotlib_inline", "comm", "ipykernel")
    files = (getattr(sys.modules.get(name), "__file__", None) or "" for name in names)
    # A single file of one of these names is the user's, and so is all that lies beside it.
    found = [os.path.dirname(file) for file in files if os.path.basename(file).startswith("__init__.")]
    with contextlib.suppress(ImportError, ValueError, AttributeError):  # of whatever stands in their place
        bindings = importlib.util.find_spec("scorep")
        found += bindings.submodule_search_locations or [] if bindings else []
    return (package + os.sep, *(path + os.sep for path in found if path))


@functools.lru_cache(maxsize=1)
def _library() -> tuple:
    """Where the standard library and installed packages lie."""
    named = sysconfig.get_paths()
    paths = {named[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths.update(site.getsitepackages(), [site.getusersitepackages()])
    return (*sorted(path + os.sep for path in paths if path), "<frozen ", "<__array_function__ internals>")
