# SPDX-License-Identifier: BSD-3-Clause
"""Magics that notebooks have beside IPython's own: what ipykernel adds for its clients."""

from __future__ import annotations

import io
import os
from typing import Any

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

_SHOWN_MAX = 16 << 20  # bytes of a file


def less(line: str) -> None:
    """Show a file through the client's pager.

    ::

        %less FILE
    """
    path = os.path.expanduser(line.strip().strip("'\""))
    if not path:
        raise UsageError("%less: name a file")
    try:
        if not os.path.isfile(path):  # reading a pipe or device would wait
            raise UsageError(f"%less: {path} is no file")
        with io.open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_SHOWN_MAX)
    except OSError as problem:
        raise UsageError(f"%less: {path} cannot be read: {problem.strerror}") from None
    page.page(get_ipython().pycolorize(text) if path.endswith(".py") else text)


def more(line: str) -> None:
    """Show a file through the client's pager; the same as %less."""
    less(line)


def man(line: str) -> None:
    """Show a page of the system's manual through the client's pager.

    ::

        %man PAGE
    """
    page.page(get_ipython().getoutput(f"man {line} | col -b", split=False))


def clear(line: str) -> None:
    """Clear a terminal; elsewhere nothing is to be cleared."""
    get_ipython().system("clear")


def autosave(line: str) -> None:
    """Say how often the notebook is saved: the client decides, by its own settings.

    ::

        %autosave SECONDS
    """
    raise UsageError(
        "%autosave: clients save by their own settings: in JupyterLab, Settings, Document Manager, Autosave Interval."
    )


MAGICS: Any = (less, more, man, clear, autosave)
