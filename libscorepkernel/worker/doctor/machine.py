# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's checks of the machine: places to write to, memory, settings, other programs."""

from __future__ import annotations

import contextlib
import difflib
import mmap
import os
import re
import shutil
import stat
import tempfile
from typing import List, Optional, Tuple

from ..measure import installation, scorep_variables
from .check import Finding, Verdict
from .score_p import Facts

_TOTAL_MEMORY, _PAGE_SIZE = "16000k", "8k"  # Score-P's own, should it not say so
_TOTAL_MAX = (1 << 32) - 1

# --- places ----------------------------------------------------------------------------------------------


def temporary(facts: Facts) -> Finding:
    """Whether the temporary directory takes files, and libraries that can be loaded."""
    remedy = "Set TMPDIR to a directory that can, before Jupyter starts."
    wanted = os.environ.get("TMPDIR", "")
    try:
        directory = tempfile.gettempdir()
        executable = _takes_libraries(directory)
    except OSError as problem:
        return Verdict.ERROR, f"cannot be written: {problem}", remedy
    if not executable:
        detail = f"{directory} is mounted noexec: what `python -m scorep` builds there cannot be loaded"
        return Verdict.WARNING, detail, remedy
    if wanted and os.path.realpath(wanted) != os.path.realpath(directory):
        return Verdict.WARNING, f"{directory}, as TMPDIR ({wanted}) is not in use or cannot be written", remedy
    return Verdict.OK, directory, ""


def _takes_libraries(directory: str) -> bool:
    """Whether libraries in that directory can be loaded. OSError: it takes no files at all."""
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(b"\0" * mmap.PAGESIZE)
        file.flush()
        try:
            executable = mmap.PROT_READ | mmap.PROT_EXEC
            mmap.mmap(file.fileno(), mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=executable).close()
        except PermissionError:
            return False
    return True


def cache(facts: Facts) -> Finding:
    """Whether there is a cache directory for what is found out once."""
    directory = installation.cache_directory()
    lost = " Until then, what is known of Score-P is found out anew in each session."
    if not os.path.lexists(directory):
        parent = _existing(directory)
        if os.access(parent, os.W_OK | os.X_OK):
            return Verdict.OK, f"{directory} is made when it is needed", ""
        return Verdict.WARNING, f"{directory} cannot be made", "Set XDG_CACHE_HOME to a directory of your own." + lost
    status = os.lstat(directory)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return Verdict.WARNING, f"{directory} is no directory of yours", f"Remove it, or set XDG_CACHE_HOME.{lost}"
    if status.st_mode & 0o022:
        return Verdict.WARNING, f"others may write to {directory}", f"chmod go-w {directory}.{lost}"
    try:
        if _takes_libraries(directory):
            return Verdict.OK, directory, ""
        return Verdict.WARNING, f"{directory} is mounted noexec", f"Set XDG_CACHE_HOME. Launched cells need it.{lost}"
    except OSError as problem:
        return Verdict.WARNING, f"{directory} cannot be written: {problem.strerror}", f"Set XDG_CACHE_HOME.{lost}"


def _existing(path: str) -> str:
    """The path itself if it exists, else the last directory on the way to it that does."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


# --- memory ----------------------------------------------------------------------------------------------


def size(text: str) -> Optional[int]:
    """A number of bytes as Score-P reads it; None: it would not."""
    found = re.fullmatch(r"\s*(\d{1,20})\s*([kmgtpe]?)b?\s*", text, re.I | re.A)
    if not found:
        return None
    value = int(found.group(1)) * 1024 ** " kmgtpe".index(found.group(2).lower() or " ")
    return value if value < 1 << 64 else None


def shown(value: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 10240 or unit == "GB":
            break
        value //= 1024
    return f"{value} {unit}"


def total_memory(facts: Facts) -> Finding:
    """Whether Score-P takes the value of SCOREP_TOTAL_MEMORY."""
    text = os.environ.get("SCOREP_TOTAL_MEMORY", "")
    page = size(os.environ.get("SCOREP_PAGE_SIZE", _PAGE_SIZE)) or 0
    value = size(text or _TOTAL_MEMORY)
    example = "Set it to what a cell needs, for example SCOREP_TOTAL_MEMORY=64M"
    if value is None:
        detail = f"{text!r} is no size that Score-P reads (a number, then k, M or G): it does not start"
        return Verdict.ERROR, detail, example
    if value < page:
        return Verdict.ERROR, f"{text} is less than SCOREP_PAGE_SIZE: Score-P does not start", example
    if value > _TOTAL_MAX:
        return Verdict.WARNING, f"{text} is more than Score-P can use, which is just under 4 GB", example
    return Verdict.OK, f"{text or _TOTAL_MEMORY}{'' if text else ', by default'}, for each process", ""


def _needed() -> int:
    return min(size(os.environ.get("SCOREP_TOTAL_MEMORY") or _TOTAL_MEMORY) or size(_TOTAL_MEMORY) or 0, _TOTAL_MAX)


def memory(facts: Facts) -> Finding:
    """Whether as much memory is free as Score-P may take."""
    room = [left for left in (_free_memory(), left_in_group()) if left is not None]
    if not room:
        return Verdict.ABSENT, "how much memory is free could not be found out", ""
    needed, left = _needed(), min(room)
    detail = f"{shown(left)} left for SCOREP_TOTAL_MEMORY, {shown(needed)}"
    remedy = "Lower SCOREP_TOTAL_MEMORY, end other programs, or ask for a job or a container with more memory."
    verdict = Verdict.ERROR if left < needed else Verdict.WARNING if left < 2 * needed else Verdict.OK
    return verdict, detail, "" if verdict is Verdict.OK else remedy


def _free_memory() -> Optional[int]:
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _read("/proc/meminfo"), re.M)
    return int(found.group(1)) * 1024 if found else None


def left_in_group(root: str = "/") -> Optional[int]:
    """What this process's control groups leave it, the tightest; None: they do not limit it."""
    room: List[int] = []
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        new = ("", "memory.max", "memory.current", "inactive_file")
        old = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        mounted, limit, usage, reclaimed = old if controllers else new
        top = os.path.join(root, "sys/fs/cgroup", mounted)
        while True:
            group = os.path.join(top, path.strip("/"))
            allowed, used = _read(os.path.join(group, limit)).strip(), _read(os.path.join(group, usage)).strip()
            if allowed.isdigit() and used.isdigit() and int(allowed) < 1 << 60:
                # Cached files are given back first.
                cached = re.search(rf"^{reclaimed} (\d+)", _read(os.path.join(group, "memory.stat")), re.M)
                room.append(max(0, int(allowed) - int(used) + (int(cached.group(1)) if cached else 0)))
            if path in ("", "/"):
                break
            path = os.path.dirname(path)
    return min(room) if room else None


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 20)
    return ""


def disk(facts: Facts) -> Finding:
    """Whether experiments can be written to the working directory."""
    wanted = os.environ.get("SCOREP_EXPERIMENT_DIRECTORY")
    remedy = "Set SCOREP_EXPERIMENT_DIRECTORY to a place that has room, or start Jupyter in one."
    try:
        place = _existing(os.path.dirname(os.path.abspath(os.path.expanduser(wanted))) if wanted else os.getcwd())
        status = os.statvfs(place)
    except OSError as problem:
        return Verdict.ERROR, f"the working directory cannot be used: {problem.strerror}", remedy
    if status.f_flag & os.ST_RDONLY or not os.access(place, os.W_OK | os.X_OK):
        return Verdict.ERROR, f"{place} cannot be written", remedy
    left, needed = status.f_bavail * status.f_frsize, _needed()
    detail = f"{shown(left)} left in {place} for what is recorded, up to {shown(needed)} at a time"
    return (Verdict.ERROR, detail, remedy) if left < needed else (Verdict.OK, detail, "")


# --- settings and programs -------------------------------------------------------------------------------


def variables(facts: Facts) -> Finding:
    """Whether Score-P knows the SCOREP_ variables that are set."""
    present = sorted(filter(scorep_variables.is_for_score_p, os.environ))
    if not present:
        return Verdict.OK, "none is set", ""
    program = scorep_variables.lister()
    known = scorep_variables.listed(program) if program else []
    if not known:
        return Verdict.ABSENT, f"{', '.join(present)}: no scorep-info that knows them", ""
    unknown = scorep_variables.unknown(present, known)
    if not unknown:
        return Verdict.OK, ", ".join(present), ""
    similar = {name: difflib.get_close_matches(name, known, 1) for name in unknown}
    meant = [f"{close[0]} for {name}" for name, close in similar.items() if close]
    remedy = f"Did you mean {', '.join(meant)}? " if meant else ""
    return (
        Verdict.WARNING,
        f"this Score-P does not know {', '.join(unknown)}",
        remedy + "`scorep-info config-vars --full` lists those that it knows.",
    )


def otf2_tools(facts: Facts) -> Finding:
    """Whether there are the programs that read a trace."""
    return _program(("otf2-print",), "Traces cannot be listed. Install the OTF2 tools (Debian: otf2-tools).")


def cube(facts: Facts) -> Finding:
    """Whether there is a program that reads a profile."""
    return _program(("cube_stat", "cube"), "Profiles cannot be opened here. Install Cube, or load its module.")


def vampir(facts: Facts) -> Finding:
    """Whether there is Vampir, which shows a trace."""
    return _program(("vampir",), "Traces cannot be seen here. Load Vampir's module, or copy them to where it is.")


def _program(names: Tuple[str, ...], remedy: str) -> Finding:
    found = [path for path in (shutil.which(name) for name in names) if path]
    if found:
        return Verdict.OK, ", ".join(found), ""
    return Verdict.WARNING, f"no {' or '.join(names)} on PATH", remedy


def launchers(facts: Facts) -> Finding:
    """Whether there is a program that starts several ranks."""
    names = ("mpirun", "mpiexec", "srun")
    found = _program(names, "")
    return found if found[0] is Verdict.OK else (Verdict.ABSENT, found[1], "")


def slurm(facts: Facts) -> Finding:
    """Whether this process runs in a job of Slurm's."""
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        return Verdict.ABSENT, "not in an allocation (SLURM_JOB_ID is not set)", ""
    nodes = os.environ.get("SLURM_JOB_NUM_NODES", "?")
    if not shutil.which("srun"):
        return Verdict.WARNING, f"job {job}, but no srun on PATH", "Load Slurm's module."
    return Verdict.OK, f"job {job}, {nodes} node(s)", ""
