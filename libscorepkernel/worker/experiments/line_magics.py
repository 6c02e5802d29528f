# SPDX-License-Identifier: BSD-3-Clause
"""The line magics that are about experiments: %scorep_report, %scorep_experiments, %scorep_compare,
%scorep_export and %scorep_filter. What they take is said where they are registered (directives/magics.py)."""

from __future__ import annotations

import argparse
import io
import os
import shlex
from typing import Any, Dict, List, NoReturn, Optional

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

from ..base import frame_numbers, frames
from . import exports, filters, kept

_VIEWS = {"lines": "lines", "calls": "calls", "tree": "calls", "flame": "flame", "threads": "threads"}
_VIEWS.update(timeline="threads", regions="regions", table="regions")
# Columns of a region's row (measure/report.py).
_BY = {"exclusive": 5, "inclusive": 4, "calls": 3}
_TOP_MAX = 10_000


class _Parser(argparse.ArgumentParser):
    """One that raises where others end the program."""

    def error(self, message: str) -> NoReturn:
        """What stands behind the magic is not understood."""
        raise UsageError(f"%{self.prog}: {message}. {self.prog}? explains it.")


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
    if not isinstance(found.get("regions"), list) or not isinstance(found.get("events"), int):
        raise UsageError(f"{experiment.path} has a report that this kernel did not write: it cannot be shown.")
    return {**found, "directory": experiment.path}


def _send(report: Dict[str, Any]) -> None:
    connection = get_ipython().connection
    connection.send(frame_numbers.REPORT, connection.cell_of_caller(), frames.dump(report))


def show(line: str) -> None:
    """%scorep_report."""
    wanted = _read(
        "scorep_report",
        line,
        _argument("experiment", nargs="?"),
        _argument("--view", action="append", choices=sorted(_VIEWS)),
        _argument("--top", type=_number, default=10),
        _argument("--by", choices=sorted(_BY), default="exclusive"),
    )
    report = _report(_experiment(wanted.experiment))
    rows = sorted(report["regions"], key=lambda row: -row[_BY[wanted.by]])
    _send({**report, "regions": rows[: wanted.top], "views": [_VIEWS[view] for view in wanted.view or ()]})


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


def _write(path: str, text: str, mode: str) -> None:
    try:
        with io.open(path, mode, encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
    except (OSError, ValueError) as problem:  # ValueError: a name that no file can have
        why = getattr(problem, "strerror", None) or problem
        raise UsageError(f"{path!r} could not be written: {why}. Name another with --to.") from None


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
    _write(path, suggested.text, "w" if filters.is_own(path) else "x")
    left = suggested.events / max(1, report["events"])
    size = experiment.size
    print(f"Written: {path}, which leaves out {', '.join(suggested.names[:5])}{' ...' if suggested.names[5:] else ''}.")
    print(f"{report['events']:,} events become about {suggested.events:,}, {_size(size)} about {_size(size * left)}.")
    if wanted.apply:
        os.environ["SCOREP_FILTERING_FILE"] = path
        print("The next measured cells obey it, until you say: del os.environ['SCOREP_FILTERING_FILE']")


def export(line: str) -> None:
    """%scorep_export."""
    wanted = _read("scorep_export", line, _argument("words", nargs="*"), _argument("--to"))
    words = list(wanted.words)
    form = words.pop() if words and words[-1] in exports.FORMATS else None
    if form is None or len(words) > 1:
        raise UsageError(f"%scorep_export takes an experiment, or none, and then one of {', '.join(exports.FORMATS)}.")
    experiment = _experiment(words[0] if words else None)
    ending = exports.FORMATS[form].ending
    path = os.path.abspath(os.path.expanduser(wanted.to or experiment.name + ending))
    try:
        text = exports.FORMATS[form].make(_report(experiment))
        _write(path, text, "w" if path.endswith(ending) else "x")
    except exports.NothingToExport as problem:
        raise UsageError(str(problem)) from None
    print(f"Written: {path}")
