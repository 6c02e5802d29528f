# SPDX-License-Identifier: BSD-3-Clause
"""Processes other than the test's own, as /proc shows them."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List

# A session of a sanitized build takes several seconds to start.
PATIENCE = 60 if os.environ.get("SPK_SANITIZE") else 20


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """What condition returns once it is true; states of other processes have no event to wait for."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"not within {patience} s: {what}")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def until_gone(pids: List[int]) -> None:
    until(lambda: not any(map(alive, pids)), "the end of all processes")


def parents() -> Dict[int, int]:
    """Each process's parent."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    found[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    return found


def children_of(pid: int) -> List[int]:
    return [child for child, parent in parents().items() if parent == pid]


def family_of(pid: int) -> List[int]:
    """A process and all that descend from it."""
    known, found = parents(), [pid]
    for one in found:
        found += [child for child, parent in known.items() if parent == one]
    return found


def open_files(pid: int) -> List[str]:
    """What a process has open, without IPython's history, its journal and their directory: SQLite opens them as it
    needs them."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:
            continue  # closed meanwhile
    return [link for link in found if "/ipython/" not in link]
