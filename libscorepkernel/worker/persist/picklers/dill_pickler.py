# SPDX-License-Identifier: BSD-3-Clause
"""dill's pickler, able to carry what a notebook defines. That goes as it does with cloudpickle, by which a
class that comes back is the class that it was; dill's own are the types that cloudpickle does not take, as open files
and locks."""

from __future__ import annotations

import io
import sys
import types
from typing import Any

import dill

from ...base.interrupts import has_come
from . import notebook_pickler
from .other_picklers import OtherPickler

# Of which nothing has to be asked: Python's pickler, which dill's is derived from, asks for all.
_PLAIN = frozenset([str, bytes, bytearray, int, float, complex, bool, type(None), list, tuple, dict, set, frozenset])


class Pickler(notebook_pickler.Careful, OtherPickler, dill.Pickler):
    """dill's pickler, always with care: it is slow in any case."""

    # By dill's default a file that is open for writing would be opened anew, which empties it.
    options = {"fmode": dill.CONTENTS_FMODE}

    def reducer_override(self, obj: Any) -> Any:
        """Called for all."""
        kind = type(obj)
        if kind in _PLAIN:
            return NotImplemented
        if kind is io.TextIOWrapper and obj is not sys.stdout and obj is not sys.stderr:
            return NotImplemented
        reduced = self.ours.reducer_override(obj)
        # Of a module that cannot be imported, dill keeps the name.
        if reduced is NotImplemented and (isinstance(obj, types.ModuleType) or kind not in self.dispatch):
            reducer = self.ours.dispatch_table.get(kind)
            return NotImplemented if reducer is None else reducer(obj)
        return reduced


class TolerantPickler(notebook_pickler.Tolerant, Pickler):
    """The same, with tolerance, as far as dill has it."""

    def is_left(self, obj: Any) -> bool:
        """What dill writes itself cannot be gone around."""
        return type(obj) in self.dispatch or super().is_left(obj)

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Called for all; the innermost fails first."""
        try:
            super().save(obj, save_persistent_id)
        except BaseException as problem:
            if isinstance(problem, RecursionError) or has_come(problem):
                raise
            self.note(obj, problem)
            raise


class Unpickler(notebook_pickler.Unpickler):
    """With the names that dill gives to what has none in an importable module."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__builtin__" and name == "__main__":
            return self._namespace
        if module == "__builtin__" and name == "NoneType":
            return type(None)
        return super().find_class(module, name)
