# SPDX-License-Identifier: BSD-3-Clause
"""The line magics that are about experiments: %scorep_report, %scorep_experiments, %scorep_compare,
%scorep_export and %scorep_filter. What they take is said where they are registered (directives/magics.py)."""

from __future__ import annotations

import argparse
import functools
import io
import os
import shlex
from typing import Any, Callable, Dict, List, NoReturn, Optional, TypeVar

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

from ..base import frame_numbers, frames
from . import archives, exports, filters, kept, regions, results

_VIEWS = {"lines": "lines", "calls": "calls", "tree": "calls", "flame": "flame", "threads": "threads"}
_VIEWS.update(timeline="threads", regions="regions", table="regions")
_BY = {"exclusive": regions.EXCLUSIVE, "inclusive": regions.INCLUSIVE, "calls": regions.VISITS}
_TOP_MAX = 10_000
_OF_SAMPLES = {"lines", "threads"}
# What a report can be made from: what was shown under the cell, and the files of a measurement system.
_SOURCES = ("cell", "profile", "trace")
# Where a sampled thread of several ranks says of which it is (measure/sampling.py).
_RANK = 6


class _Parser(argparse.ArgumentParser):
    """One that raises where others end the program."""

    def error(self, message: str) -> NoReturn:
        """What stands behind the magic is not understood."""
        raise UsageError(f"%{self.prog}: {message}. {self.prog}? explains it.")


_Magic = TypeVar("_Magic", bound=Callable[[str], Any])


def _said(magic: _Magic) -> _Magic:
    """The same magic, with what the system refuses said in a sentence: a directory that is gone, for one."""

    @functools.wraps(magic)
    def saying(line: str) -> Any:
        try:
            return magic(line)
        except OSError as problem:
            of = f" ({problem.filename})" if problem.filename else ""
            raise UsageError(f"That cannot be done here: {problem.strerror or problem}{of}.") from None

    return saying  # type: ignore[return-value]


def _read(name: str, line: str, *arguments: Any) -> Any:
    parser = _Parser(prog=name, add_help=False, allow_abbrev=False)
    for flags, options in arguments:
        parser.add_argument(*flags, **options)
    try:
        return parser.parse_args(shlex.split(line))
    except ValueError as problem:  # a quote that is not closed
        raise UsageError(f"%{name}: {problem}") from None


def _argument(*flags: str, **options: Any) -> Any:
    return flags, options


def _number(text: str) -> int:
    number = int(text) if text.isdecimal() and text.isascii() else 0
    if not 1 <= number <= _TOP_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {_TOP_MAX}")
    return number


def _experiment(name: Optional[str]) -> kept.Experiment:
    """The one of that name; by default the one that was measured last. UsageError."""
    if name is not None:
        there = kept.named(name)
        if there is None:
            raise UsageError(f"There is no experiment {name}. %scorep_experiments lists those of this notebook.")
        return there
    found = kept.found()
    if not found:
        raise UsageError("Nothing was measured here yet: begin a cell with %%execute_with_scorep.")
    return found[-1]


def _report(experiment: kept.Experiment) -> Dict[str, Any]:
    found = kept.kept_report(experiment)
    if found is None and not experiment.has_ended:
        raise UsageError(
            f"{experiment.path} has no report: its cell has ended its process, or is still running. "
            "%scorep_experiments lists those that can be named instead."
        )
    if found is None:
        raise UsageError(f"{experiment.path} has no report: the kernel that measured it kept none, or it was removed.")
    if regions.read(found) is None or not isinstance(found.get("events"), int):
        raise UsageError(
            f"{experiment.path} has a report that this kernel did not write, or that was changed: it cannot be used. "
            "Measure the cell again."
        )
    return {**found, "directory": experiment.path}


def _send(report: Dict[str, Any]) -> None:
    connection = get_ipython().connection
    try:
        measurement = frames.dump(report)
    except RecursionError:
        raise UsageError(f"{report['directory']} has a report that was changed: it cannot be shown.") from None
    connection.send(frame_numbers.REPORT, connection.cell_of_caller(), measurement)


@_said
def show(line: str) -> None:
    """%scorep_report."""
    wanted = _read(
        "scorep_report",
        line,
        _argument("experiment", nargs="?"),
        _argument("--view", action="append", choices=sorted(_VIEWS)),
        _argument("--top", type=_number, default=exports.REGIONS),
        _argument("--by", choices=sorted(_BY), default="exclusive"),
        _argument("--from", dest="source", choices=_SOURCES),
        _argument("--threads", action="store_const", dest="apart", const=archives.THREADS),
        _argument("--ranks", action="store_const", dest="apart", const=archives.RANKS),
    )
    report = _report_from(wanted.experiment, wanted.source, wanted.apart)
    rows = sorted(report["regions"], key=lambda row: -row[_BY[wanted.by]])
    views = [_VIEWS[view] for view in wanted.view or (["calls"] if wanted.apart else [])]
    if "call_paths" in report and views and not set(views) - _OF_SAMPLES:
        raise UsageError(f"--view {wanted.view[0]} shows what samples tell; traces and profiles tell calls and regions")
    _send({**report, "regions": rows[: wanted.top], "views": views, "apart": wanted.apart})


def _report_from(name: Optional[str], source: Optional[str], apart: Optional[str]) -> Dict[str, Any]:
    """The report of an experiment from what was shown under its cell (source "cell"), from its profile, or from its
    trace; None: from the first of them that there is, and that tells what is to be apart."""
    experiment = kept.named(name) if name else _experiment(None)
    archive = archives.at(experiment.path if experiment else name or "")
    if experiment is None and archive is None:
        raise UsageError(
            f"There is no experiment {name}, and neither a traces.otf2 nor a profile.cubex. %scorep_experiments lists "
            "those of this notebook."
        )
    if experiment and (source == "cell" or (source is None and (archive is None or _tells(experiment, apart)))):
        return _apart(_report(experiment), apart)
    if archive is None or source == "cell":
        raise UsageError(f"{name or (experiment and experiment.path)} has no {source or 'report'}.")
    experiment = experiment or kept.named(archive.directory)
    return {**_of_archive(archive, source, apart), **(_known(experiment) if experiment else {})}


def _tells(experiment: kept.Experiment, apart: Optional[str]) -> bool:
    """Whether there is a report that was kept, and samples in it where threads or ranks are to be apart."""
    found = kept.kept_report(experiment)
    return found is not None and (not apart or bool((found.get("sampling") or {}).get("nodes")))


def _known(experiment: kept.Experiment) -> Dict[str, Any]:
    """What is known better of an experiment of this kernel than its trace or profile says."""
    said = {**experiment.record, **(kept.kept_report(experiment) or {})}
    known = {"seconds": float, "measurement": str}
    return {name: value for name, value in said.items() if isinstance(value, known.get(name, ()))}


def _of_archive(archive: archives.Archive, source: Optional[str], apart: Optional[str]) -> Dict[str, Any]:
    if source == "profile" and (apart or not archive.profile):
        what = "adds up threads and ranks. Add --from trace" if archive.profile else "is not there"
        raise UsageError(f"The profile of {archive.directory} {what}.")
    if source != "trace" and not apart and archive.profile:
        return _read_from(archives.of_profile, archive)
    if archive.trace is None:
        raise UsageError(
            f"{archive.directory} has no trace (traces.otf2). Cells are measured with one unless SCOREP_ENABLE_TRACING "
            "is false; other programs with SCOREP_ENABLE_TRACING=true."
        )
    with _Progress(archive.trace) as progress:
        return _read_from(archives.of_trace, archive, apart or archives.TOGETHER, progress.show)


def _apart(report: Dict[str, Any], apart: Optional[str]) -> Dict[str, Any]:
    sampling = report.get("sampling") or {}
    if apart and not sampling.get("nodes"):
        raise UsageError(f"{report['directory']} has no samples, which tell that. Add --from trace.")
    if apart == archives.RANKS and not any(len(thread) > _RANK for thread in sampling["threads"]):
        raise UsageError(f"{report['directory']} is of one process: there are no ranks. --threads shows its threads.")
    return report


def _read_from(read: Any, *arguments: Any) -> Dict[str, Any]:
    try:
        return read(*arguments)
    except archives.Unreadable as problem:
        raise UsageError(str(problem)) from None


class _Progress:
    """A display that says how far reading has come, where that takes longer; it is empty in the end."""

    def __init__(self, path: str) -> None:
        self._name = os.path.basename(path)
        self._id = f"scorepkernel-reading-{os.urandom(8).hex()}"
        self._is_shown = False

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *ended: Any) -> None:
        if self._is_shown:
            self._say("")

    def show(self, read: int, whole: int) -> None:
        """So many events of so many have been read."""
        share = f" ({100 * read / whole:.0f} %)" if whole >= read > 0 else ""
        self._say(f"Reading {self._name}: {read:,} events{share}. An interrupt ends it.")

    def _say(self, text: str) -> None:
        get_ipython().display_pub.publish(
            {"text/plain": text}, transient={"display_id": self._id}, update=self._is_shown
        )
        self._is_shown = True


@_said
def compare(line: str) -> None:
    """%scorep_compare."""
    wanted = _read("scorep_compare", line, _argument("experiments", nargs="*"))
    if len(wanted.experiments) not in (0, 2):
        raise UsageError(
            "%scorep_compare takes two experiments, or none: then the last two of the cell that was run last."
        )
    if wanted.experiments:
        older, newer = map(_experiment, wanted.experiments)
    else:
        newer = _experiment(None)
        earlier = kept.before(newer)
        if earlier is None:
            raise UsageError("Only one experiment was measured here: there is nothing to compare it with.")
        older = earlier
    _send({"compared": [_report(older), _report(newer)], "directory": newer.path})


@_said
def list_or_remove(line: str) -> None:
    """%scorep_experiments."""
    wanted = _read(
        "scorep_experiments",
        line,
        _argument("--keep", type=_number),
        _argument("--remove", nargs="+", default=[]),
    )
    gone = [_experiment(name) for name in wanted.remove]
    if wanted.keep:
        notebook = get_ipython().connection.setup.get("notebook")
        gone += [one for one in kept.own(notebook)[: -wanted.keep] if one not in gone]
    kept_ones = []
    for one in gone:
        try:
            kept.remove(one)
            print(f"Removed {one.path}")
        except (OSError, ValueError) as problem:
            kept_ones.append(f"{one.path} could not be removed: {getattr(problem, 'strerror', None) or problem}.")
    if kept_ones:
        raise UsageError("\n".join(kept_ones))
    if not gone and wanted.keep:
        print("There are no more than those: none was removed.")
    elif not gone:
        _list(kept.found())


def _list(found: List[kept.Experiment]) -> None:
    if not found:
        print("Nothing was measured here yet: begin a cell with %%execute_with_scorep.")
        return
    print(f"{'measured':<19}  {'took':>9}  {'size':>9}  experiment")
    for one in found:
        seconds = one.record.get("seconds")
        took = "?" if one.has_ended else "not ended"
        if isinstance(seconds, (int, float)):
            took = f"{seconds:.3f} s"
        print(f"{kept.age(one):<19}  {took:>9}  {_size(one.size):>9}  {one.name}{_first_line(one)}")


def _first_line(experiment: kept.Experiment) -> str:
    lines = [text.strip() for text in kept.source(experiment).split("\n")]
    first = next((text for text in lines if text and not text.startswith(("%%", "#"))), "")
    return f"  {first[:60]}"


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _write(path: str, content: bytes, mode: str) -> None:
    try:
        with io.open(path, mode) as file:
            file.write(content)
    except (OSError, ValueError) as problem:  # ValueError: a name that no file can have
        why = getattr(problem, "strerror", None) or problem
        raise UsageError(f"{path!r} could not be written: {why}. Name another with --to.") from None


@_said
def write_filter(line: str) -> None:
    """%scorep_filter."""
    wanted = _read(
        "scorep_filter",
        line,
        _argument("experiment", nargs="?"),
        _argument("--suggest", action="store_true"),  # which it does in any case
        _argument("--to", default="scorep.filter"),
        _argument("--apply", action="store_true"),
    )
    experiment = _experiment(wanted.experiment)
    report = _report(experiment)
    suggested = filters.suggested(report)
    if not suggested.names:
        print("No function is called so often and takes so little that leaving it out would help.")
        return
    path = os.path.abspath(os.path.expanduser(wanted.to))
    _write(path, suggested.text.encode("utf-8", "surrogatepass"), "wb" if filters.is_own(path) else "xb")
    left = suggested.events / max(1, report["events"])
    size = experiment.size
    print(f"Written: {path}, which leaves out {', '.join(suggested.names[:5])}{' ...' if suggested.names[5:] else ''}.")
    print(f"{report['events']:,} events become about {suggested.events:,}, {_size(size)} about {_size(size * left)}.")
    if wanted.apply:
        os.environ["SCOREP_FILTERING_FILE"] = path
        print("The next measured cells obey it, until you say: del os.environ['SCOREP_FILTERING_FILE']")


def _is_own(path: str, wanted: exports.Format) -> bool:
    """Whether a file that is there is one of such a format, and may be overwritten."""
    if not path.endswith(wanted.ending):
        return False
    try:
        if not os.path.isfile(path):
            return True
        with io.open(path, "rb") as file:
            return file.read(len(wanted.begin)) == wanted.begin
    except OSError:
        return False


@_said
def export(line: str) -> None:
    """%scorep_export."""
    wanted = _read("scorep_export", line, _argument("words", nargs="*"), _argument("--to"))
    words = list(wanted.words)
    form = words.pop() if words and words[-1] in exports.FORMATS else None
    if form is None or len(words) > 1:
        raise UsageError(f"%scorep_export takes an experiment, or none, and then one of {', '.join(exports.FORMATS)}.")
    experiment = _experiment(words[0] if words else None)
    wanted_format = exports.FORMATS[form]
    path = os.path.abspath(os.path.expanduser(wanted.to or experiment.name + wanted_format.ending))
    try:
        made = wanted_format.make(experiment, _report(experiment))
    except exports.PROBLEMS as problem:
        raise UsageError(str(problem)) from None
    _write(path, made, "wb" if _is_own(path, wanted_format) else "xb")
    print(f"Written: {path}")


@_said
def result(line: str) -> results.Result:
    """%scorep_result."""
    wanted = _read("scorep_result", line, _argument("experiment", nargs="?"))
    experiment = _experiment(wanted.experiment)
    return results.Result(experiment.path, _report(experiment))
