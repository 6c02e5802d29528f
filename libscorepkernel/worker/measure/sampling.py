# SPDX-License-Identifier: BSD-3-Clause
"""Samples of what a measured cell's threads execute, from which the report tells the time of each line. They are taken
by a thread of the C extension's, whatever measurement system there is."""

from __future__ import annotations

import dis
import functools
import io
import os
import re
from typing import Any, Dict, List, Optional

from ..base import ipython_names, places, tracer
from . import scorep_variables

# What a user sets to have no samples taken.
VARIABLE = "SCOREPKERNEL_SAMPLING"
_PLAIN = re.compile(
    "(INSTRUMENTED_)?(LOAD_(FAST|CONST|NAME|GLOBAL|DEREF|CLOSURE|SMALL_INT).*|STORE_(FAST|NAME|GLOBAL|DEREF).*"
    "|(POP_)?JUMP.*|NOP|CACHE|RESUME.*|COPY|SWAP|ROT_.*|DUP_.*|PUSH_NULL|EXTENDED_ARG|FOR_ITER_(RANGE|LIST|TUPLE)"
    "|BINARY_OP_[A-Z]+_(INT|FLOAT)|COMPARE_OP_(INT|FLOAT|STR).*|RETURN_CONST|END_FOR)"
)
# enum kind of tracer/record/scope.h: code of the user's.
_USERS, _CELLS = 0, 4
# Of the sources that the report may show: files, and bytes of each.
_SOURCES, _SOURCE_LEN = 64, 1 << 18
_watches_forks: List[bool] = []


class Sampling:
    """The samples of one cell's measurement. Where none can be taken, problem says why, as the end of a sentence."""

    def __init__(self, cell: Any) -> None:
        """cell: the name of the file that the cell is compiled as; something else where there are several.
        NotMeasured: the user's setting is not understood."""
        self.problem = ""
        self._is_on = False
        self._ended: Optional[Dict[str, Any]] = None
        if not _is_wanted() or tracer.extension is None:
            return
        try:
            file = cell if isinstance(cell, str) else None
            tracer.extension.sampling_begin(places.PACKAGE + os.sep, _plain_operations(), file)
        except NotImplementedError as problem:
            self.problem = str(problem)
            return
        self._is_on = True
        if not _watches_forks:
            # A thread that is there at a fork is what Python warns of.
            os.register_at_fork(before=tracer.extension.sampling_pause, after_in_parent=tracer.extension.sampling_go_on)
            _watches_forks.append(True)

    def start(self) -> None:
        """Take samples from now on of what the caller's caller runs."""
        if not self._is_on:
            return
        try:
            tracer.extension.sampling_start()
        except OSError as problem:
            self.problem, self._is_on = f"there is no thread for it: {problem.strerror}", False

    def statement_begins(self) -> None:
        """The caller is about to run another statement of the cell."""
        if self._is_on:
            tracer.extension.sampling_statement()

    def stop(self) -> None:
        """Take none until the next start."""
        if self._is_on:
            tracer.extension.sampling_stop()

    def end(self, code: Dict[str, Any]) -> None:
        """No more is taken. code: whose code a file is, as the extension's begin() takes it."""
        self.stop()
        if self._is_on:
            scope = {name: code[name] for name in ("cell", "own", "library", "through")}
            self._ended = tracer.extension.sampling_end(**scope)
            self._is_on = False

    def found(self) -> Optional[Dict[str, Any]]:
        """What was found, as sampling_end() says it, and the sources of the user's functions by their files' names;
        None: nothing was sampled."""
        if self._ended is None:
            return None
        return {**self._ended, "sources": _sources(self._ended)}

    def gaps(self) -> List[str]:
        """What is not in the samples, as warnings."""
        ended = self._ended or {}
        gaps = []
        if ended.get("missed"):
            gaps.append(
                f"The times of lines lack those of {ended['missed']} threads: there were more than can be sampled at "
                "once."
            )
        if ended.get("cut"):
            gaps.append(
                f"In {ended['cut']:,} samples calls were nested deeper than 1,024: functions in their middle have no "
                "times of their own."
            )
        if ended.get("full"):
            gaps.append(
                "The cell made so many different chains of calls that not all of them could be told apart: the times "
                "of the missing ones are with the functions that called them."
            )
        return gaps


@functools.lru_cache(maxsize=1)
def _plain_operations() -> bytes:
    """By number of an operation, 1 where it is over at once: a loop of Python's that is seen in it again and again runs
    no native code."""
    numbers = getattr(dis, "_all_opmap", dis.opmap)  # with those that Python puts in their place as it runs
    plain = bytearray(256)
    for name, number in numbers.items():
        if number < 256 and _PLAIN.fullmatch(name):
            plain[number] = 1
    return bytes(plain)


def _is_wanted() -> bool:
    return scorep_variables.is_on(VARIABLE, True, "the times of lines are sampled")


def together(found: List[Optional[Dict[str, Any]]]) -> Optional[Dict[str, Any]]:
    """What was found in several ranks as one: each has threads of its own, and its seconds count. None: nothing was
    sampled in one of them."""
    whole: Dict[str, Any] = {
        "seconds": 0.0, "samples": 0, "cost": 0.0, "full": False, "missed": 0, "cut": 0, "memory": [0, 0, 0],
        "functions": [], "nodes": [], "threads": [], "sources": {},
    }
    for rank, one in enumerate(found):
        if one is None:
            return None
        functions, nodes, threads = (len(whole[name]) for name in ("functions", "nodes", "threads"))
        for parent, function, line, *rest in one["nodes"]:
            is_thread = parent < 0
            row = (-1, -1, line + threads) if is_thread else (parent + nodes, function + functions, line)
            whole["nodes"].append((*row, *rest))
        whole["functions"] += one["functions"]
        whole["threads"] += [(*thread[:6], rank) for thread in one["threads"]]
        whole["sources"].update(one["sources"])
        whole["memory"] = [mine + theirs for mine, theirs in zip(whole["memory"], one["memory"])]
        whole["full"] = whole["full"] or one["full"]
        for name in ("seconds", "samples", "cost", "missed", "cut"):
            whole[name] += one[name]
    return whole


def _sources(ended: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    """The sources of the user's functions, of those first that were seen most."""
    seen: Dict[str, int] = {}
    for _, function, _, samples, *_ in ended["nodes"]:
        _, file, _, kind = ended["functions"][function] if function >= 0 else ("", "", 0, None)
        if kind in (_USERS, _CELLS):
            seen[file] = seen.get(file, 0) + samples
    files = sorted(seen, key=lambda file: -seen[file])[:_SOURCES]
    return {file: {"cell": ipython_names.cell_number(file), "text": _text(file)} for file in files}


def _text(file: str) -> str:
    """A file's source as Python's tracebacks have it: what is noted there is looked at, and stays as it is."""
    from IPython.core import compilerop  # which notes the sources of cells

    try:
        noted = compilerop.linecache.cache.get(file)
        if noted is None and not os.path.isfile(file):
            return ""  # reading a pipe or device would wait
        if noted is None:
            with io.open(file, encoding="utf-8", errors="replace") as source:
                return source.read(_SOURCE_LEN)
        text = noted[0]() if len(noted) == 1 else "".join(noted[2])
    except Exception:  # it is no file, or the user has put something else there
        return ""
    return text if text and len(text) <= _SOURCE_LEN else ""
