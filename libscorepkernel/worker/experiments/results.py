# SPDX-License-Identifier: BSD-3-Clause
"""What was measured, as values for the user's own analysis: tables of pandas, and the forms that Hatchet and Pipit
take. All three are imported when they are asked for, and not before."""

from __future__ import annotations

import functools
import importlib
from typing import Any, Dict, List, Optional

from IPython.core.error import UsageError

from . import regions, samples, trace_events

_NS = 1e9
_SPENT = samples.Spent._fields
# Hatchet tells inclusive metrics by their names.
_INCLUSIVE = " (inc)"
_NAMELESS = "(without a name)"  # what Hatchet takes no empty name for
_INSTALLED = {
    "pandas": "pip install pandas, or apt-get install python3-pandas",
    "hatchet": "pip install llnl-hatchet. result.literal() needs nothing: Hatchet's GraphFrame.from_literal() takes it",
    "pipit": "see https://github.com/hpcgroup/pipit. result.events needs pandas only: its columns are those of Pipit",
}


def _module(name: str) -> Any:
    """UsageError: it is not installed; the text says how it is."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise UsageError(f"{name} cannot be imported ({problem}). To install it: {_INSTALLED[name]}.") from None


class Result:
    """An experiment, as %scorep_result gives it.

    path: its directory. report: what was shown under the cell, as a dictionary. The tables are of pandas, and each is
    made when it is asked for first:

    tree: the call tree that was sampled, a row for each function in a line of it; parent is the row of the caller.
    regions: the functions that the trace or Score-P's profile has, with their visits.
    events: the trace's Enter and Leave events, with the columns that Pipit has.

    hatchet() is the tree as Hatchet's GraphFrame, literal() what that is made of, and pipit() the events as Pipit's
    Trace.
    """

    def __init__(self, path: str, report: Dict[str, Any]) -> None:
        """report: with regions that have been looked at (regions.read)."""
        self.path = path
        self.report = report

    def __repr__(self) -> str:
        return f"<experiment {self.path}: tree, regions, events, hatchet(), pipit()>"

    @functools.cached_property
    def tree(self) -> Any:
        """The call tree as a pandas.DataFrame: all times are in seconds."""
        return _module("pandas").DataFrame(_tree_rows(self._samples())).rename_axis("node")

    @functools.cached_property
    def regions(self) -> Any:
        """The regions as a pandas.DataFrame, most exclusive time first: all times are in nanoseconds."""
        return _module("pandas").DataFrame(_region_columns(self.report["regions"]))

    @functools.cached_property
    def events(self) -> Any:
        """The events as a pandas.DataFrame, in the order of time."""
        pandas = _module("pandas")
        try:
            found = trace_events.read(self.path)
        except trace_events.NoEvents as problem:
            raise UsageError(str(problem)) from None
        category = pandas.Categorical
        return pandas.DataFrame(
            {
                "Timestamp (ns)": found.times_ns,
                "Event Type": category.from_codes(found.kinds, ["Enter", "Leave"]),
                "Name": category.from_codes(found.regions, found.names),
                "Thread": found.threads,
                "Process": found.processes,
            }
        )

    def literal(self) -> List[Dict[str, Any]]:
        """The call tree as Hatchet's GraphFrame.from_literal() takes it: a root for each thread, times in seconds."""
        return _literal(self._samples())

    def hatchet(self) -> Any:
        """The call tree as hatchet.GraphFrame."""
        literal = self.literal()
        try:
            return _module("hatchet").GraphFrame.from_literal(literal)
        except RecursionError:
            raise UsageError(
                "The calls are deeper than Hatchet can read with this limit of Python's on recursion. Raise it first: "
                "import sys; sys.setrecursionlimit(20_000)"
            ) from None

    def pipit(self) -> Any:
        """The events as pipit.Trace."""
        events = self.events.copy()  # Pipit adds columns to it
        return _module("pipit").Trace(None, events)

    def _samples(self) -> samples.Samples:
        try:
            return samples.read(self.report)
        except (samples.NothingSampled, samples.NotUnderstood) as problem:
            raise UsageError(str(problem)) from None


def _whole(text: str) -> str:
    """Without halves of characters, which pandas may be unable to hold."""
    return text.encode("utf-8", "replace").decode()


def _seconds(spent: samples.Spent, prefix: str) -> Dict[str, float]:
    """Columns of one kind of time: the whole, and by what it was spent on."""
    found = {f"{prefix}_s": sum(spent) / _NS}
    found.update((f"{prefix}_{name}_s", ns / _NS) for name, ns in zip(_SPENT, spent))
    return found


def _tree_rows(sampled: samples.Samples) -> List[Dict[str, Any]]:
    rows: List[Dict[str, Any]] = []
    for node, inclusive in zip(sampled.nodes, samples.inclusive(sampled.nodes)):
        function: Optional[samples.Function] = sampled.functions[node.function] if node.function >= 0 else None
        thread = sampled.threads[node.thread]
        rows.append(
            {
                "parent": node.parent,
                "depth": rows[node.parent]["depth"] + 1 if node.parent >= 0 else 0,
                "thread": thread.number,
                "rank": thread.rank,
                "name": _whole(function.name if function else thread.name),
                "file": _whole(function.file) if function else "",
                "line": node.line,
                "first_line": function.line if function else 0,
                "kind": samples.KINDS[function.code] if function else "thread",
                "samples": node.samples,
                **_seconds(inclusive, "inclusive"),
                **_seconds(node.own, "exclusive"),
            }
        )
    return rows


def _region_columns(rows: List[List[Any]]) -> Dict[str, List[Any]]:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(regions.COLUMNS)}
    for name in ("name", "file"):
        columns[name] = list(map(_whole, columns[name]))
    columns["kind"] = [regions.KINDS[kind] for kind in columns["kind"]]
    # Of one run, there is no least and no most.
    spread = [row[regions.MOST] >= 0 for row in rows]
    columns["least_ns"] = [row[regions.LEAST if several else regions.EXCLUSIVE] for row, several in zip(rows, spread)]
    columns["most_ns"] = [row[regions.MOST if several else regions.EXCLUSIVE] for row, several in zip(rows, spread)]
    return columns


def _literal(sampled: samples.Samples) -> List[Dict[str, Any]]:
    """What is left out of what is handed on, is here, too: its time is that of its caller."""
    roots: List[Dict[str, Any]] = []
    made: List[Dict[str, Any]] = []
    for node, inclusive in zip(sampled.nodes, samples.inclusive(sampled.nodes)):
        function = sampled.functions[node.function] if node.function >= 0 else None
        if function and not function.is_shown:
            above = made[node.parent]
            _add(above["metrics"], node.own, "")
            made.append(above)
            continue
        one = _entry(sampled, node)
        _add(one["metrics"], node.own, "")
        _add(one["metrics"], inclusive, _INCLUSIVE)
        (made[node.parent]["children"] if function else roots).append(one)
        made.append(one)
    return roots


def _entry(sampled: samples.Samples, node: samples.Node) -> Dict[str, Any]:
    metrics = {f"{name}{ending}": 0.0 for ending in ("", _INCLUSIVE) for name in ("time", *_SPENT)}
    if node.function < 0:
        frame = {"name": sampled.threads[node.thread].name, "type": "thread", "file": "", "line": 0}
    else:
        function = sampled.functions[node.function]
        line = node.line or function.line
        name = _whole(function.name) or _NAMELESS
        frame = {"name": name, "type": "function", "file": _whole(function.file), "line": line}
    return {"frame": frame, "metrics": metrics, "children": []}


def _add(metrics: Dict[str, float], spent: samples.Spent, ending: str) -> None:
    metrics[f"time{ending}"] += sum(spent) / _NS
    for name, ns in zip(_SPENT, spent):
        metrics[f"{name}{ending}"] += ns / _NS
