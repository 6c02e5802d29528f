# SPDX-License-Identifier: BSD-3-Clause
"""What a chaos test has on this machine: its processes by what they do, and what else they leave. Its own are told from
others' by a variable in their environment."""

from __future__ import annotations

import os
import time
from typing import Dict, List, NamedTuple, Set

MARK = "SPK_CHAOS"


class Process(NamedTuple):
    """One process, as /proc shows it."""

    pid: int
    parent: int
    state: str
    command: List[str]


_KEEPER = "scorepkernel-keeper"
_keepers: Dict[int, str] = {}  # that were seen, by number: the mark


def processes(mark: str) -> Dict[int, Process]:
    """Those that have that mark, or started or keep one that has it, and are not yet dead."""
    there, marked = {}, set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            with open(f"/proc/{entry}/cmdline", errors="replace") as file:
                command = file.read().split("\0")
            there[int(entry)] = Process(int(entry), int(parent), state, command)
            with open(f"/proc/{entry}/environ", "rb") as file:
                if f"{MARK}={mark}".encode() in file.read().split(b"\0"):
                    marked.add(int(entry))
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    parents = {there[pid].parent for pid in marked if pid in there}
    for pid, one in there.items():
        if one.command[0].endswith(_KEEPER):  # its environment is empty
            if pid in parents or one.parent in marked or _keepers.get(pid) == mark:
                _keepers[pid] = mark
                marked.add(pid)
    return {pid: there[pid] for pid in marked if pid in there and there[pid].state not in "ZX" and pid != os.getpid()}


def await_end(pid: int, seconds: float = 2) -> None:
    """Wait until a process has ended, whether it has been waited for or not, or until it does not any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    return
        except OSError:
            return
        time.sleep(0.005)


def roles(mark: str, host: int, session: int) -> Dict[str, List[int]]:
    """The process numbers by role. others: Python processes that wait (standby, spare) or run a launched cell."""
    found: Dict[str, List[int]] = {}
    there = processes(mark)
    keepers = {pid for pid, one in there.items() if one.command[0].endswith(_KEEPER)}
    for pid, one in there.items():
        if pid == host:
            role = "host"
        elif pid in keepers:
            role = "keeper"
        elif pid == session:
            role = "session"
        elif one.command[0].endswith("scorepkernel-ranks"):
            role = one.command[1] if len(one.command) > 1 else "job"  # job or relay
        elif "python" in os.path.basename(one.command[0]) and _is_worker(one):
            role = "others" if one.parent in keepers else "rank" if _under_ranks(one, there) else "copy"
        elif "multiprocessing.resource_tracker" in " ".join(one.command):
            role = "tracker"  # whoever kills it takes on its work
        else:
            role = "child"
        found.setdefault(role, []).append(pid)
    return found


def _is_worker(process: Process) -> bool:
    return any("/scorepkernel/worker" in word for word in process.command)


def _under_ranks(process: Process, there: Dict[int, Process]) -> bool:
    while process.parent in there:
        process = there[process.parent]
        if process.command[0].endswith("scorepkernel-ranks"):
            return True
    return False


def until_gone(mark: str, seconds: float) -> List[str]:
    """Wait for the end of all; what is still there."""
    end = time.monotonic() + seconds
    left = processes(mark)
    while left and time.monotonic() < end:
        time.sleep(0.02)  # the end of other processes' processes has no event to wait for
        left = processes(mark)
    return [f"{one.pid} ({one.state}): {' '.join(one.command)[:200]}" for one in left.values()]


def files(directory: str, known: Set[str]) -> List[str]:
    """What is in a directory of temporary files, but what was known before."""
    return sorted(set(os.listdir(directory)) - known)


def shared(prefix: str) -> List[str]:
    """What is in shared memory by a name that this test gave, or that loky and multiprocessing give after a process."""
    return sorted(name for name in os.listdir("/dev/shm") if prefix in name)
