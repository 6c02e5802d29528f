# SPDX-License-Identifier: BSD-3-Clause
"""The marshallers: what makes bytes of variables that travel. cloudpickle's pickler is the default; dill's
(persist_dill.py) and Python's own can have most of what is beside it (persist_pickle.py). Any other module is given
the values of a unit, and gives them back (persist_foreign.py)."""

from __future__ import annotations

import io
import pickle
import types
from typing import Any, Collection, Dict, List, NamedTuple, Optional

from .persist_pickle import Careful, CarefulPickler, Pickler, Tolerant, TolerantPickler, Unpickler
from .persist_pickle import is_importable, taken_into

DEFAULT = "cloudpickle"


class Marshaller(NamedTuple):
    """Types of picklers, which are made as Pickler is; and what is made as Unpickler is."""

    name: str
    fast: Any
    careful: Any  # Careful
    tolerant: Any  # Tolerant
    unpickler: Any
    foreign: Any = None  # a persist_foreign.Foreign: then the picklers are for finding what changed, and no more


class Packed(NamedTuple):
    """What a foreign marshaller has made of a unit's values: as persist_units.Dumped, as far as it is written."""

    data: bytes
    buffers: List[memoryview]
    blobs: int = 0


def of(name: str) -> Marshaller:
    """The one of that name. ImportError and others: its module is not there, or cannot do it."""
    if name == DEFAULT:
        return Marshaller(name, Pickler, CarefulPickler, TolerantPickler, Unpickler)
    if name == "pickle":
        return Marshaller(name, PlainPickler, CarefulPlainPickler, TolerantPlainPickler, Unpickler)
    if name == "dill":
        from . import persist_dill as dill

        return Marshaller(name, dill.Pickler, dill.Pickler, dill.TolerantPickler, dill.Unpickler)
    from . import persist_foreign as foreign

    one = foreign.Foreign(name)
    return Marshaller(name, foreign.Looking, foreign.CarefulLooking, foreign.TolerantLooking, one.unpickler, one)


class Beside:
    """A pickler that is not cloudpickle's. What a notebook's variables need beside it knows of ours."""

    options: Dict[str, Any] = {}

    def __init__(
        self,
        namespace: Dict[str, Any],
        by_value: Optional[Collection[str]],
        kept: Dict[int, str],
        anchors: Dict[int, Any],
    ) -> None:
        self.ours = Pickler(namespace, by_value, kept, anchors)
        self.namespace, self.file = namespace, io.BytesIO()
        self.buffers, self.blobs = self.ours.buffers, self.ours.blobs
        self.classes, self.arrays, self.shared = self.ours.classes, self.ours.arrays, self.ours.shared
        taken = taken_into(self.buffers)
        super().__init__(self.file, protocol=5, buffer_callback=taken, **self.options)  # type: ignore[call-arg]


class PlainPickler(Beside, pickle.Pickler):
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
