# SPDX-License-Identifier: BSD-3-Clause
"""Programs that show an experiment, started after each measured cell if the user wants it: Vampir for the trace, Cube
for the profile. They are detached: they outlive the session, and are never ended by it."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from typing import List, NamedTuple, Optional, Set

_SECONDS = 10


class _Viewer(NamedTuple):
    title: str
    programs: tuple
    shows: str  # the file in the experiment directory


_VIEWERS = {
    "vampir": _Viewer("Vampir", ("vampir",), "traces.otf2"),
    "cube": _Viewer("Cube", ("cube", "cube-gui"), "profile.cubex"),
}
_wanted: Set[str] = set()


def switch(name: str, on: bool) -> str:
    """Start that program after each measured cell, or do not any more. What the user is to be told."""
    viewer = _VIEWERS[name]
    if not on:
        _wanted.discard(name)
        return f"{viewer.title} is not started any more.\n"
    _wanted.add(name)
    return f"After each measured cell, {viewer.title} is started with its {viewer.shows}.\n{_obstacle(viewer) or ''}"


def show(directory: str) -> str:
    """A measured cell's experiment is complete: start what is wanted. What the user is to know."""
    return "".join(_show(_VIEWERS[name], directory) for name in sorted(_wanted))


def _program(viewer: _Viewer) -> Optional[str]:
    return next(filter(None, map(shutil.which, viewer.programs)), None)


def _obstacle(viewer: _Viewer) -> str:
    if not _has_display():
        return "There is no display here: instead you are told how to copy it.\n"
    if _program(viewer) is None:
        return f"{viewer.title} is not on PATH ({' or '.join(viewer.programs)}): install it, or load its module.\n"
    return ""


def _has_display() -> bool:
    """Whether a window would appear where the user sits: on a Hub the notebook runs on another machine."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and "JUPYTERHUB_USER" not in os.environ


def _show(viewer: _Viewer, directory: str) -> str:
    path = os.path.join(directory, viewer.shows)
    if not os.path.exists(path):
        return f"{viewer.title} was not started: there is no {path}.\n"
    if not _has_display():
        return f"{viewer.title}: there is no display here. Copy the experiment to where you sit:\n{_copy(directory)}\n"
    program = _program(viewer)
    if program is None:
        return f"{viewer.title} was not started: {' or '.join(viewer.programs)} is not on PATH.\n"
    problem = _start_detached([program, path])
    return f"{viewer.title} {'was not started: ' + problem if problem else 'shows ' + path}.\n"


def _copy(directory: str) -> str:
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or "you"
    return f"scp -r {shlex.quote(f'{user}@{socket.getfqdn()}:{directory}')} ."


def _start_detached(command: List[str]) -> str:
    """Start a program that outlives the session. Why it was not started; empty: it was."""
    null = subprocess.DEVNULL
    try:
        done = subprocess.run(["setsid", "--fork", *command], stdin=null, stdout=null, stderr=null, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        return str(problem)
    return "" if done.returncode == 0 else f"setsid failed with exit code {done.returncode}"
