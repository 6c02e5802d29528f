# SPDX-License-Identifier: BSD-3-Clause
"""The tracer that comes with the kernel, as a measurement system."""

from __future__ import annotations

import errno
import io
import os
import re
from typing import List

from ...base import tracer
from ...base.errors import NotMeasured
from .. import experiment_directory
from .by_tracer import ByTracer, begin, gaps
from .system import Outcome

_MEMORY, _FILTER = "SCOREP_TOTAL_MEMORY", "SCOREP_FILTERING_FILE"
_TRACING = "SCOREP_ENABLE_TRACING"
_TRUE, _FALSE = ("", "true", "yes", "on", "1"), ("false", "no", "off", "0")
_FILTER_MAX = (1 << 20) + 1  # bytes; what is longer is refused
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


def _is_traced(directory: str) -> bool:
    """Whether a trace is wanted; of ranks it always is, as their experiments are made one by it. NotMeasured."""
    text = os.environ.get(_TRACING, "").strip().lower()
    if text not in _TRUE + _FALSE:
        raise NotMeasured(
            f"The cell was not run: {_TRACING} is {text[:80]!r}, but must be true or false. Correct it, for example "
            f"with\n%env {_TRACING}=true"
        )
    return text in _TRUE or experiment_directory.is_of_rank(directory)


def _filter() -> dict:
    """What is not to be recorded, as a file says it in Score-P's syntax. NotMeasured."""
    path = os.environ.get(_FILTER, "")
    if not path:
        return {}
    try:
        with io.open(path, "rb") as file:
            return {"filter": file.read(_FILTER_MAX)}
    except OSError as problem:
        raise _unusable_filter(f"it cannot be read: {problem.strerror}") from None


def _unusable_filter(why: str) -> NotMeasured:
    path = os.environ.get(_FILTER, "")
    return NotMeasured(
        f"The cell was not run: {_FILTER} is {path}, which cannot be used: {why}. Correct the file, or unset the "
        f"variable with\ndel os.environ['{_FILTER}']"
    )


class BuiltIn(ByTracer):
    """The tracer that comes with the kernel."""

    key = "built-in"
    name = "built-in tracer"
    spoken = "the built-in tracer"

    def is_here(self, only_once: bool) -> bool:
        tracer.need()
        return True

    def begin(self, directory: str, scope: dict) -> None:
        try:
            begin(directory, trace=_is_traced(directory), **_memory(), **_filter(), **scope)
        except ValueError as problem:
            raise _unusable_filter(str(problem)) from None
        except (RuntimeError, NotImplementedError) as problem:
            raise NotMeasured(f"The cell was not run: {problem}") from None

    def end(self, warnings: List[str]) -> Outcome:
        found = tracer.extension.end()
        if found["error"]:
            is_full = any(os.strerror(code) in found["error"] for code in (errno.ENOSPC, errno.EDQUOT))
            remedy = "Let the experiment directory be until the cell has ended, and measure again."
            if is_full:
                remedy = "Free some space, or have SCOREP_EXPERIMENT_DIRECTORY name a place that has it; measure again."
            warnings.append(f"The trace is incomplete: {found['error']}. {remedy}")
        warnings += gaps(found)
        return Outcome(found["events"], found["locations"], found["regions"], "", found["event_ns"])
