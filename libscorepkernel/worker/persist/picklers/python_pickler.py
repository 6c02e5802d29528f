# SPDX-License-Identifier: BSD-3-Clause
"""Python's own pickler, able to carry what a notebook defines."""

from __future__ import annotations

import pickle
import types
from typing import Any

from .notebook_pickler import Careful, Tolerant, is_importable
from .other_picklers import OtherPickler


class PlainPickler(OtherPickler, pickle.Pickler):
    """Python's own. It takes functions and classes by their names, which in another process are bound to something
    else, or not yet: so what cannot be imported goes as it does with cloudpickle."""

    def reducer_override(self, obj: Any) -> Any:
        """Called for everything but the commonest types."""
        if issubclass(type(obj), (type, types.FunctionType)) and is_importable(obj):
            return NotImplemented
        reduced = self.ours.reducer_override(obj)
        reducer = self.ours.dispatch_table.get(type(obj)) if reduced is NotImplemented else None
        return reducer(obj) if reducer else reduced  # of what definitions are made of: code, properties ...


class CarefulPlainPickler(Careful, PlainPickler):
    """The same, with care."""


class TolerantPlainPickler(Tolerant, CarefulPlainPickler):
    """The same, with tolerance."""
