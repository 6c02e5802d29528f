# SPDX-License-Identifier: BSD-3-Clause
"""Which measurement system the next cell is measured by: Score-P where there is one, else the built-in tracer."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import List, Optional

from ...base import places, process_variables, tracer
from ...base.errors import NotMeasured
from .. import installation
from .built_in import BuiltIn
from .score_p import ScoreP
from .system import System

_loaded: List[installation.Installation] = []
_known: dict = {}  # by path and time of scorep-config: an installation, or why it cannot be used
_unloadable: dict = {}  # by path: why
_once = False
_built_in = False


def wanted() -> str:
    """What SCOREPKERNEL_MEASUREMENT says: auto, scorep or built-in."""
    if _built_in:
        return "built-in"
    text = os.environ.get("SCOREPKERNEL_MEASUREMENT", "auto").lower()
    if text not in ("auto", "scorep", "built-in"):
        raise NotMeasured(
            f"The cell was not run: SCOREPKERNEL_MEASUREMENT is {text!r}, but must be auto, scorep or built-in."
        )
    return text


def choose(package: str, warnings: List[str]) -> System:
    """What the next cell is measured by: Score-P if there is one, unless the user wants it otherwise."""
    choice = wanted()
    tracer.need(package)
    if choice == "built-in":
        return BuiltIn()
    try:
        found = _load(package)
    except installation.Unusable as problem:
        if choice == "scorep":
            raise NotMeasured(f"The cell was not run: {problem}") from None
        warnings.append(f"Measured by the built-in tracer, as Score-P cannot be used: {problem}")
        return BuiltIn()
    if found is not None:
        return ScoreP(found)
    if choice == "scorep":
        raise NotMeasured(
            "The cell was not run: SCOREPKERNEL_MEASUREMENT is scorep, but there is no scorep-config on PATH. Load "
            "Score-P's module before the notebook server starts, or unset the variable."
        )
    return BuiltIn()


def needs_fork(package: str) -> bool:
    """Whether there is a Score-P that can measure a process once only."""
    config = installation.locate()
    if config is None or _loaded or tracer.extension is None or wanted() == "built-in" or not hasattr(os, "fork"):
        return False
    try:
        return bool(_know(config).verdict)
    except installation.Unusable:
        return False  # which _load will say


def measure_once() -> None:
    """This process is there for one cell: that Score-P could not measure it again does not matter."""
    global _once
    _once = True


def use_built_in() -> None:
    """In this process, whatever the user wants."""
    global _built_in
    _built_in = True


def _know(config: str) -> installation.Installation:
    """Asked once, as long as it is the same file: one that does not answer would cost its time for each cell."""
    key = config, _changed(config)
    if key not in _known:
        try:
            _known[key] = installation.find(config)
        except installation.Unusable as problem:
            _known[key] = str(problem)
    if isinstance(_known[key], str):
        raise installation.Unusable(_known[key])
    return _known[key]


def _changed(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime_ns
    return 0


def _load(package: str) -> Optional[installation.Installation]:
    """Score-P, ready to measure; None: there is none. Which one it is cannot change in a session's life."""
    if _loaded:
        return _loaded[0]
    preloaded = os.environ.pop(process_variables.PRELOADED_VERSION, None)
    config = installation.locate()
    if config is None and preloaded is None:
        return None
    if config in _unloadable:
        raise installation.Unusable(_unloadable[config])
    if preloaded is not None:
        found = installation.Installation(config or "", preloaded, (), "", "")
    else:
        found = _know(str(config))
        if found.verdict and not _once:
            raise installation.Unusable(
                f"{config} (version {found.version}) did not pass its self-test, which measures three times in one "
                f"process: {found.verdict}. With %%marshalling_settings PROCESS=auto, or forked, it measures a copy of "
                "the session instead."
            )
    try:
        provider = None if preloaded is not None else places.PROVIDER
        tracer.extension.load_scorep(provider, found.libraries, found.subsystems)
    except OSError as problem:
        _unloadable[config] = (
            f"{config or 'Score-P'} cannot be loaded: {(problem.strerror or str(problem)).rstrip('.')}. "
            "Install Score-P anew, or take it off PATH; then restart the kernel."
        )
        raise installation.Unusable(_unloadable[config]) from None
    _loaded.append(found)
    return found


def prepare(package: str) -> None:
    """While the user thinks: what the first measured cell would have to wait for. Takes some milliseconds."""
    config = installation.locate()
    if config is None or tracer.extension is None or os.environ.get("SCOREPKERNEL_MEASUREMENT") == "built-in":
        return
    with contextlib.suppress(OSError, installation.Unusable, subprocess.SubprocessError):
        # Else the first measured cell comes here again, and says why.
        if installation.remembered(config) is not None:
            _load(package)
        else:
            installation.find_ahead(config)
