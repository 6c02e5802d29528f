# SPDX-License-Identifier: BSD-3-Clause
"""What was sampled of a measured cell, in the formats of other viewers."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

from ..base import frames
from . import kept, page, pprof, regions, samples

REGIONS = 10  # of a report that are shown, unless more are asked for


class _Stack(NamedTuple):
    names: Tuple[str, ...]  # outermost first
    ns: int
    thread: samples.Thread


def _stacks(sampled: samples.Samples) -> Iterator[_Stack]:
    """Each stack that was seen, with the time that was spent in just that."""
    labels = [_label(sampled, node) for node in sampled.nodes]
    for number, node in enumerate(sampled.nodes):
        ns = sum(node.own)
        names = tuple(filter(None, (labels[at] for at in samples.stack(sampled.nodes, number)))) if ns else ()
        if names:
            yield _Stack(names[::-1], ns, sampled.threads[node.thread])


def _label(sampled: samples.Samples, node: samples.Node) -> str:
    """What a node is called; empty for one that is left out."""
    if node.function < 0 or not sampled.functions[node.function].is_shown:
        return ""
    function = sampled.functions[node.function]
    return f"{function.name} ({function.place}:{node.line or function.line})"


def _on_one_line(name: str) -> str:
    return " ".join(name.replace(";", ",").splitlines())


def _folded(sampled: samples.Samples, directory: str) -> bytes:
    lines = [f"{';'.join(map(_on_one_line, one.names))} {one.ns // 1000}" for one in _stacks(sampled)]
    return _encoded("\n".join(lines) + "\n")


def _speedscope(sampled: samples.Samples, directory: str) -> bytes:
    frames: Dict[str, int] = {}
    profiles: Dict[int, Dict[str, Any]] = {}
    for one in _stacks(sampled):
        empty: Dict[str, Any] = {"name": one.thread.name, "samples": [], "weights": []}
        profile = profiles.setdefault(one.thread.number, empty)
        profile["samples"].append([frames.setdefault(name, len(frames)) for name in one.names])
        profile["weights"].append(one.ns)
    made = [
        {
            "type": "sampled",
            "unit": "nanoseconds",
            "startValue": 0,
            "endValue": sum(profile["weights"]),
            **profile,
        }
        for _, profile in sorted(profiles.items())
    ]
    return _json(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "exporter": "libscorepkernel",
            "name": directory,
            "shared": {"frames": [{"name": name} for name in frames]},
            "profiles": made,
        }
    )


def _chrome(sampled: samples.Samples, directory: str) -> bytes:
    """Stacks one after the other, as a time line is not kept for each of them: their widths are right, and their order
    is that in which they were met first."""
    events: List[Dict[str, Any]] = []
    begins: Dict[int, int] = {}
    for one in _stacks(sampled):
        thread = one.thread.number
        begin = begins.get(thread, 0)
        begins[thread] = begin + one.ns
        for name in one.names:
            events.append({"name": name, "ph": "X", "ts": begin / 1000, "dur": one.ns / 1000, "pid": 1, "tid": thread})
    return _json({"traceEvents": events, "displayTimeUnit": "ms"})


def _encoded(text: str) -> bytes:
    """Half of a character outside of Unicode's first plane has no UTF-8, and may be in any text of the user's."""
    return text.encode("utf-8", "replace")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


def _html(experiment: kept.Experiment, report: Dict[str, Any]) -> bytes:
    rows = sorted(report["regions"], key=lambda row: -row[regions.EXCLUSIVE])
    try:
        measurement = frames.dump({**report, "regions": rows[:REGIONS]})
    except RecursionError:
        raise page.NoPage("The page could not be made: the report was changed. Measure the cell again.") from None
    return page.made(experiment, measurement)


# What makes a file of an experiment and its report, whose regions have been looked at (regions.read).
_Make = Callable[[kept.Experiment, Dict[str, Any]], bytes]
# Why it may not be possible; the texts are for the user.
PROBLEMS = (samples.NothingSampled, samples.NotUnderstood, page.NoPage)


def _of_samples(make: Callable[[samples.Samples, str], bytes]) -> _Make:
    return lambda experiment, report: make(samples.read(report), experiment.path)


class Format(NamedTuple):
    """How files of a format end, what makes one (PROBLEMS), and how one begins where its ending is that of many
    others."""

    ending: str
    make: _Make
    begin: bytes = b""


FORMATS: Dict[str, Format] = {
    "speedscope": Format(".speedscope.json", _of_samples(_speedscope)),
    "chrome": Format(".chrome.json", _of_samples(_chrome)),
    "folded": Format(".folded", _of_samples(_folded)),
    "pprof": Format(".pb.gz", _of_samples(pprof.made)),
    "html": Format(".html", _html, page.BEGIN),
}
