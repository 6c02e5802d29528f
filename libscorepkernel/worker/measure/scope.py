# SPDX-License-Identifier: BSD-3-Clause
"""Whose code is recorded: the cell's is, and what it calls; ours and IPython's never is."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import site
import sys
import sysconfig

from ..base import places


def own() -> tuple:
    """Where the code lies that is never recorded: ours, IPython's, and Score-P's bindings', which the cell may be the
    first to import."""
    names = ("IPython", "traitlets", "matplotlib_inline", "comm", "ipykernel")
    files = (getattr(sys.modules.get(name), "__file__", None) or "" for name in names)
    # A single file of one of these names is the user's, and so is all that lies beside it.
    found = [os.path.dirname(file) for file in files if os.path.basename(file).startswith("__init__.")]
    with contextlib.suppress(ImportError, ValueError, AttributeError):  # of whatever stands in their place
        bindings = importlib.util.find_spec("scorep")
        found += bindings.submodule_search_locations or [] if bindings else []
    return (places.PACKAGE + os.sep, *(path + os.sep for path in found if path))


@functools.lru_cache(maxsize=1)
def library() -> tuple:
    """Where the standard library and installed packages lie."""
    named = sysconfig.get_paths()
    paths = {named[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths.update(site.getsitepackages(), [site.getusersitepackages()])
    return (*sorted(path + os.sep for path in paths if path), "<frozen ", "<__array_function__ internals>")
