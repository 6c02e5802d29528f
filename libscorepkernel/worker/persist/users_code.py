# SPDX-License-Identifier: BSD-3-Clause
"""Code of the user's that pickling calls (__reduce__, __getstate__ ...): which classes have some, and what it said.

Variables are pickled more than once to be sent: each by itself, then with those that it shares objects with, and with
tolerance where something in them fails. The user's code is asked once for an object, however often that is."""

from __future__ import annotations

import copyreg
import os
import sysconfig
import types
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..base import places

# Of a class: what pickling its instances may call, and making them again.
_PICKLING = "__reduce__ __reduce_ex__ __getstate__ __getnewargs__ __getnewargs_ex__ __getattr__ __getattribute__"
_LOADING = "__setstate__ __new__ __setattr__ __setitem__ __hash__ append extend add"
_CONTAINERS = "__iter__ items"  # of lists and dictionaries
_PROTOCOL = 5


def runs_when_pickled(kind: type) -> bool:
    """Whether pickling an instance of a class calls the user's code."""
    if _has_users(kind, _PICKLING) or _is_users(copyreg.dispatch_table.get(kind)):
        return True
    return issubclass(kind, (list, dict)) and _has_users(kind, _CONTAINERS)


def runs_when_loaded(kind: type) -> bool:
    """Whether making an instance of a class anew, from a pickle, calls the user's code."""
    return _has_users(kind, _LOADING)


class _Answer(NamedTuple):
    obj: Any  # kept alive: answers are found by ids
    reduced: Any
    problem: Optional[BaseException]


class Reductions:
    """What the user's code said of each object, or raised, so that it is asked once. For variables that nobody changes
    in the meantime: one of these for each look at them."""

    def __init__(self) -> None:
        self._kinds: Dict[int, Tuple[type, bool]] = {}
        self._answers: Dict[int, _Answer] = {}

    def of(self, obj: Any) -> Any:
        """What pickle is to make of an object, as from its __reduce_ex__; NotImplemented: no code of the user's has to
        be asked. It raises what the user's code raised."""
        kind = type(obj)
        if id(kind) not in self._kinds:
            self._kinds[id(kind)] = kind, runs_when_pickled(kind)
        if not self._kinds[id(kind)][1]:
            return NotImplemented
        answer = self._answers.get(id(obj))
        if answer is None:
            answer = self._answers[id(obj)] = _ask(obj)
        if answer.problem is not None:
            raise answer.problem
        return _with_iterators(answer.reduced)


def _ask(obj: Any) -> _Answer:
    reducer = copyreg.dispatch_table.get(type(obj))
    try:
        reduced = reducer(obj) if reducer else obj.__reduce_ex__(_PROTOCOL)
        return _Answer(obj, _with_lists(reduced), None)
    except BaseException as problem:
        return _Answer(obj, None, problem)


def _with_lists(reduced: Any) -> Any:
    """The elements of a list and the items of a dictionary come as iterators, which can be read once only."""
    if not isinstance(reduced, tuple) or len(reduced) < 4:
        return reduced
    parts: List[Any] = list(reduced)
    parts[3:5] = [None if part is None else list(part) for part in parts[3:5]]
    return tuple(parts)


def _with_iterators(reduced: Any) -> Any:
    if not isinstance(reduced, tuple) or len(reduced) < 4:
        return reduced
    return (*reduced[:3], *(None if part is None else iter(part) for part in reduced[3:5]), *reduced[5:])


def _roots() -> Tuple[str, ...]:
    """The directories of code that no user has written: Python's, installed packages', ours."""
    found = {path for path in sysconfig.get_paths().values() if path}
    found |= {places.PACKAGE, os.path.dirname(os.__file__)}
    return tuple(os.path.join(path, "") for path in found if len(path) > 1)


_KNOWN = _roots()
# A metaclass may have attributes of its own.
_MRO: Any = vars(type)["__mro__"]
_DICT: Any = vars(type)["__dict__"]


def _has_users(kind: type, names: str) -> bool:
    """Whether a class or a base of it has one of these attributes from the user."""
    for cls in _MRO.__get__(kind):
        attributes = _DICT.__get__(cls)
        if any(name in attributes and _is_users(attributes[name]) for name in names.split()):
            return True
    return False


def _is_users(attribute: Any) -> bool:
    """Whether an attribute is Python code that belongs to no package."""
    if isinstance(attribute, property):
        attribute = attribute.fget
    elif isinstance(attribute, (staticmethod, classmethod)):
        attribute = attribute.__func__
    if not isinstance(attribute, types.FunctionType):
        return False
    name = attribute.__code__.co_filename
    return not name.startswith((*_KNOWN, "<frozen")) and "-packages/" not in name
