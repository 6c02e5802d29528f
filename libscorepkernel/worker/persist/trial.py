# SPDX-License-Identifier: BSD-3-Clause
"""Whether a module can carry variables: it is imported, and tried."""

from __future__ import annotations

import importlib
import os
import sys
from typing import List

from .keys import DEFAULT_MARSHALLER

# Those that are installed under another name.
_PACKAGES = {"parallel_marshall": "scorep-jupyter"}


def problem_of_import(name: str) -> str:
    """Why a module cannot marshal, and what to do; empty: it can. It is imported."""
    for needed in (DEFAULT_MARSHALLER, name):  # whose part it is to look at what notebooks define
        problem = _problem_of_import(needed)
        if problem:
            return f'MARSHALLER cannot be "{name}": {problem}'
    return ""


def problem_of_use(name: str) -> str:
    """Why a module cannot marshal when it is tried with two names of one list; empty: it can."""
    from . import transfer

    there: List[int] = []
    descriptor = os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    try:
        sent = transfer.send({"one": there, "other": there}, descriptor, marshaller=name)
        found, lost = transfer.values(descriptor, {}, 0)
    except AttributeError as problem:
        return f'MARSHALLER cannot be "{name}": {problem}.'
    except Exception as problem:
        return f'MARSHALLER cannot be "{name}": it failed with a list: {type(problem).__name__}: {problem}.'
    finally:
        os.close(descriptor)
    if sent.lost or lost:
        return f'MARSHALLER cannot be "{name}": it failed with a list: {(sent.lost + lost)[0].reason}.'
    if found["one"] != there or found["one"] is not found["other"]:
        return f'MARSHALLER cannot be "{name}": of a list with two names it made two lists.'
    return ""


def _problem_of_import(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        return "that is no module's name."
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as problem:
        first = name.split(".")[0]
        if problem.name == first:
            package = _PACKAGES.get(first, first)
            return f"this Python has no module {first}. To have it:\n{sys.executable} -m pip install {package}"
        return f"its import failed: {problem}."
    except BaseException as problem:  # SystemExit, for one
        return f"its import failed: {type(problem).__name__}: {problem}."
    return ""
