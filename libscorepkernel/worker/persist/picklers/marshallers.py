# SPDX-License-Identifier: BSD-3-Clause
"""The marshallers: what makes bytes of variables that travel. cloudpickle's pickler is the default; dill's
(dill_pickler.py) and Python's own (python_pickler.py) have most of what notebook_pickler.py adds. Any other
module is given the values of a unit, and gives them back (foreign.py)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..keys import DEFAULT_MARSHALLER
from .notebook_pickler import CarefulPickler, Pickler, TolerantPickler, Unpickler


class Marshaller(NamedTuple):
    """Types of picklers, which are made as Pickler is; and what is made as Unpickler is."""

    name: str
    fast: Any
    careful: Any  # Careful
    tolerant: Any  # Tolerant
    unpickler: Any
    foreign: Any = None  # a foreign.Foreign: then the picklers are for finding what changed, and no more


def of(name: str) -> Marshaller:
    """The one of that name. ImportError and others: its module is not there, or cannot do it."""
    if name == DEFAULT_MARSHALLER:
        return Marshaller(name, Pickler, CarefulPickler, TolerantPickler, Unpickler)
    if name == "pickle":
        from . import python_pickler as plain

        return Marshaller(name, plain.PlainPickler, plain.CarefulPlainPickler, plain.TolerantPlainPickler, Unpickler)
    if name == "dill":
        from . import dill_pickler as dill

        return Marshaller(name, dill.Pickler, dill.Pickler, dill.TolerantPickler, dill.Unpickler)
    from . import foreign

    one = foreign.Foreign(name)
    return Marshaller(name, foreign.Looking, foreign.CarefulLooking, foreign.TolerantLooking, one.unpickler, one)
