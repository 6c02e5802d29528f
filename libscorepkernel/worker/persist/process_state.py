# SPDX-License-Identifier: BSD-3-Clause
"""What a cell sees beside its variables: environment, module path, working directory, random numbers, the
sources of cells."""

from __future__ import annotations

import linecache
import os
import pickle
import random
import sys
from typing import Any, Dict, Iterable, List

from ..base.ipython_names import is_cell
from .not_transferred import NotTransferred, describe

# Set by those who launch processes, for each process: they are true of this process and of no other.
_LAUNCHERS = tuple("PMI PMIX_ OMPI_ PRTE_ MPI_LOCAL MV2_ I_MPI_ HYDI_ HYDRA_ SLURM_ PALS_ FLUX_".split())
# Imports count on these; and imports may draw random numbers, which come after.
EARLY = ("environment", "path", "directory", "sources")
LATE = ("random", "numpy.random")


def look() -> Dict[str, bytes]:
    """The state of this process, by its parts, each as a pickle: so they can be compared."""
    found: Dict[str, Any] = {
        "environment": dict(os.environ),
        "path": list(sys.path),
        "directory": _directory(),
        "random": random.getstate(),
        "sources": dict(_cells()),
    }
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        found["numpy.random"] = numpy_random.get_state(legacy=False)
    return {key: pickle.dumps(value, 5) for key, value in found.items()}


def settle(states: Dict[str, bytes], keys: Iterable[str]) -> List[NotTransferred]:
    """Make this process like the one whose state was looked at. What could not be done."""
    lost: List[NotTransferred] = []
    for key in keys:
        if key == "environment" and key in states:
            wanted = pickle.loads(states[key])
            # A process that was started ahead may have Score-P's variables of that time.
            for name in [name for name in os.environ if name.startswith("SCOREP_") and name not in wanted]:
                del os.environ[name]
            os.environ.update({k: v for k, v in wanted.items() if not (k.startswith(_LAUNCHERS) and k in os.environ)})
        elif key in states:
            _set(lost, key, states[key])
    return lost


def changes(before: Dict[str, bytes]) -> Dict[str, bytes]:
    """The parts that are not as they were before."""
    now = look()
    changed = {key: state for key, state in now.items() if before.get(key) != state}
    if "environment" in changed:
        old, new = pickle.loads(before["environment"]), pickle.loads(now["environment"])
        differing = {name: new.get(name) for name in {*old, *new} if old.get(name) != new.get(name)}
        changed["environment"] = pickle.dumps(differing, 5)
        if not differing:
            del changed["environment"]
    if "sources" in changed:
        old, new = pickle.loads(before["sources"]), pickle.loads(now["sources"])
        changed["sources"] = pickle.dumps({name: entry for name, entry in new.items() if name not in old}, 5)
    return changed


def apply(states: Dict[str, bytes], keys: Iterable[str]) -> List[NotTransferred]:
    """Make the changes here that changes() found in the other process. What could not be done."""
    lost: List[NotTransferred] = []
    for key in keys:
        if key == "environment" and key in states:
            for name, value in pickle.loads(states[key]).items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        # Nobody has to import NumPy for its random numbers.
        elif key in states and (key != "numpy.random" or key in sys.modules):
            _set(lost, key, states[key])
    return lost


def _cells() -> Dict[str, Any]:
    """The sources of cells, as IPython keeps them for tracebacks and inspect."""
    kept = getattr(linecache, "_ipython_cache", None)  # until IPython 8.5
    if kept is not None:
        return kept
    return {name: entry for name, entry in list(linecache.cache.items()) if is_cell(name)}


def _directory() -> Any:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed


def _set(lost: List[NotTransferred], key: str, state: bytes) -> None:
    if key == "path":
        sys.path[:] = pickle.loads(state)
    elif key == "directory":
        directory = pickle.loads(state)
        if directory is not None and directory != _directory():
            _attempt(lost, "the working directory", os.chdir, directory)
    elif key == "sources":
        cells = pickle.loads(state)
        linecache.cache.update(cells)
        getattr(linecache, "_ipython_cache", {}).update(cells)
    elif key == "random":
        random.setstate(pickle.loads(state))
    elif key == "numpy.random":
        _attempt(lost, key, _import_and_set, state)


def _import_and_set(state: bytes) -> None:
    import numpy.random

    numpy.random.set_state(pickle.loads(state))


def _attempt(lost: List[NotTransferred], name: str, function: Any, *arguments: Any) -> None:
    try:
        function(*arguments)
    except Exception as problem:
        lost.append(NotTransferred(name, "state", name, describe(problem)))
