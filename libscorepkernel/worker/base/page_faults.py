# SPDX-License-Identifier: BSD-3-Clause
"""Page faults: how many this process took, and what one costs on this machine."""

from __future__ import annotations

import mmap
import os
import resource
import time
from typing import List

_PAGES, _TIMES = 256, 5
_USUAL_SECONDS = 1e-6
_known: List[float] = []


def taken() -> int:
    """How many page faults this process took so far that needed no disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def seconds_each() -> float:
    """The time of one that copies a page, measured once: what each first write costs beside a forked copy. The least of
    several measurements: on a busy machine, the others tell what else went on."""
    if not _known:
        try:
            _known.append(min(_measure() for _ in range(_TIMES)))
        except OSError:
            return _USUAL_SECONDS  # no descriptor, or no memory, is left at the moment
    return _known[0]


def _measure() -> float:
    page = mmap.PAGESIZE
    descriptor = os.memfd_create("scorepkernel-faults", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, _PAGES * page)
        os.pwrite(descriptor, b"\1" * (_PAGES * page), 0)
        # Privately mapped, a page of the file is copied when it is written.
        with mmap.mmap(descriptor, _PAGES * page, flags=mmap.MAP_PRIVATE) as memory:
            ones = memory[::page]  # which maps each page for reading
            begin = time.perf_counter()
            memory[::page] = ones
            first = time.perf_counter()
            memory[::page] = ones  # the same work without faults
            second = time.perf_counter()
    finally:
        os.close(descriptor)
    return max(0.0, (first - begin) - (second - first)) / _PAGES
