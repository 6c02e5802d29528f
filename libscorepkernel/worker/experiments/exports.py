# SPDX-License-Identifier: BSD-3-Clause
"""What was sampled of a measured cell, in the formats of other viewers."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

# Columns of a node (tracer/module/module_sampling.c): all times of its own stand from here on.
_TIMES = 5
# Whose code is left out: the kernel's and IPython's, below and above the cell's, and the bindings' wrappers.
_LEFT_OUT = (2, 3)


class NothingToExport(ValueError):
    """The experiment has no samples."""


class _Stack(NamedTuple):
    names: Tuple[str, ...]  # outermost first
    ns: int
    thread: int


def _stacks(report: Dict[str, Any]) -> Iterator[_Stack]:
    """Each stack that was seen, with the time that was spent in just that."""
    sampling = report.get("sampling")
    if not sampling or not sampling.get("nodes"):
        raise NothingToExport(
            "This experiment has no samples of what the cell executed: it was too short, or sampling was off "
            "(SCOREPKERNEL_SAMPLING). Its trace is in traces.otf2."
        )
    functions, nodes = sampling["functions"], sampling["nodes"]
    names: List[Tuple[str, ...]] = []
    threads: List[int] = []
    for parent, function, line, *numbers in nodes:
        if parent < 0:
            names.append(())
            threads.append(line)
        else:
            own = functions[function]
            label = () if own[3] in _LEFT_OUT else (_label(own, line, sampling["sources"]),)
            names.append((*names[parent], *label))
            threads.append(threads[parent])
        ns = sum(numbers[_TIMES - 3 :])
        if ns and names[-1]:
            yield _Stack(names[-1], ns, threads[-1])


def _label(function: List[Any], line: int, sources: Dict[str, Any]) -> str:
    name, file, first, _ = function
    cell = sources.get(file, {}).get("cell")
    place = f"In [{cell}]" if cell else file.rpartition("/")[2]
    return f"{name} ({place}:{line or first})"


def _on_one_line(name: str) -> str:
    return " ".join(name.replace(";", ",").splitlines())


def _folded(report: Dict[str, Any]) -> str:
    lines = [f"{';'.join(map(_on_one_line, one.names))} {one.ns // 1000}" for one in _stacks(report)]
    return "\n".join(lines) + "\n"


def _speedscope(report: Dict[str, Any]) -> str:
    frames: Dict[str, int] = {}
    profiles: Dict[int, Dict[str, Any]] = {}
    threads = (report.get("sampling") or {}).get("threads", [])
    for one in _stacks(report):
        profile = profiles.setdefault(one.thread, {"samples": [], "weights": []})
        profile["samples"].append([frames.setdefault(name, len(frames)) for name in one.names])
        profile["weights"].append(one.ns)
    made = [
        {
            "type": "sampled",
            "name": "the cell" if threads[thread][1] else f"thread {thread}",
            "unit": "nanoseconds",
            "startValue": 0,
            "endValue": sum(profile["weights"]),
            **profile,
        }
        for thread, profile in sorted(profiles.items())
    ]
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "exporter": "libscorepkernel",
            "name": report["directory"],
            "shared": {"frames": [{"name": name} for name in frames]},
            "profiles": made,
        }
    )


def _chrome(report: Dict[str, Any]) -> str:
    """Stacks one after the other, as a time line is not kept for each of them: their widths are right, and their order
    is that in which they were met first."""
    events: List[Dict[str, Any]] = []
    begins: Dict[int, int] = {}
    for one in _stacks(report):
        begin = begins.get(one.thread, 0)
        begins[one.thread] = begin + one.ns
        for name in one.names:
            events.append(
                {"name": name, "ph": "X", "ts": begin / 1000, "dur": one.ns / 1000, "pid": 1, "tid": one.thread}
            )
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})


class _Format(NamedTuple):
    ending: str
    make: Callable[[Dict[str, Any]], str]


FORMATS: Dict[str, _Format] = {
    "speedscope": _Format(".speedscope.json", _speedscope),
    "chrome": _Format(".chrome.json", _chrome),
    "folded": _Format(".folded", _folded),
}
