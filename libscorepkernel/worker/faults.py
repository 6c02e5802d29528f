# SPDX-License-Identifier: BSD-3-Clause
"""Page faults: how many this process took, and what one costs on this machine."""

from __future__ import annotations

import mmap
import resource
import time
from typing import List

_PAGES = 512
_known: List[float] = []


def taken() -> int:
    """How many, so far, without reading from a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def seconds_each() -> float:
    """The time of one, measured once: that of a page which is new, hence zeroed. A copied one takes about as long."""
    if not _known:
        _known.append(_measure())
    return _known[0]


def _measure() -> float:
    page = mmap.PAGESIZE
    with mmap.mmap(-1, _PAGES * page, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
        ones = b"\1" * _PAGES
        begin = time.perf_counter()
        memory[::page] = ones
        first = time.perf_counter()
        memory[::page] = ones  # the same work without faults
        second = time.perf_counter()
    return max(0.0, (first - begin) - (second - first)) / _PAGES
