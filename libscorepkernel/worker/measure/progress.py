# SPDX-License-Identifier: BSD-3-Clause
"""Lets the library show, while a measured cell runs, how far it has come: by a file in memory, as a cell that holds the
GIL sends nothing (wire/progress.h, session/progress_display.c)."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, Optional

from ..base import frame_numbers, tracer
from ..base.connection import Connection
from . import report, scorep_variables

# What a user sets to have nothing shown meanwhile; scorep_jupyter's name for it.
VARIABLE = "SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS"
_TRACING, _FALSE = "SCOREP_ENABLE_TRACING", ("0", "f", "false", "n", "no", "off")


@contextlib.contextmanager
def shown(connection: Optional[Connection], request: int) -> Iterator[None]:
    """While the block runs, the request's cell is being measured, here or in a process of its own. connection: the
    session's; None: this is a process for one cell, whose library knows the session's file, if it knows one.
    NotMeasured."""
    if tracer.extension is None or not _is_wanted() or (connection and not _has_file(connection)):
        yield
        return
    tracer.extension.progress_begin(request, os.environ.get(_TRACING, "").strip().lower() not in _FALSE)
    try:
        yield
    finally:
        tracer.extension.progress_end()


def ends() -> None:
    """The cell's statements have ended, and what was recorded is being written."""
    if tracer.extension is not None:
        tracer.extension.progress_ends()


def _is_wanted() -> bool:
    """NotMeasured: the setting is not understood."""
    is_off = scorep_variables.is_on(VARIABLE, False, "nothing shows how far a measured cell has come")
    return not is_off and os.environ.get(report.VARIABLE, "") != "off"


def _has_file(connection: Connection) -> bool:
    """Whether there is one, which the library knows."""
    try:
        descriptor = tracer.extension.progress_open()
    except OSError:  # the cell can be measured all the same
        return False
    if descriptor is not None:
        try:
            connection.send_with_descriptors([descriptor], frame_numbers.PROGRESS, 0)
        finally:
            os.close(descriptor)
    return True
