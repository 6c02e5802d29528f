# SPDX-License-Identifier: BSD-3-Clause
"""What the process in which a cell runs remembers of the variables as they were before."""

from __future__ import annotations

import hashlib
import weakref
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from . import array_memory, process_state, variables_file
from .keys import variable_key
from .not_transferred import NotTransferred, StandIn, qualified_name


class Mark(NamedTuple):
    """What a pickle with its buffers was. A buffer: its length, and its digest or where the file has it."""

    digest: bytes
    buffers: Tuple[Tuple[int, Any], ...]


class Received:
    """What is remembered of the variables as they were before the cell."""

    def __init__(self, reader: Optional[variables_file.Reader], marshaller: str) -> None:
        self.marshaller = marshaller  # its name
        self.lost: List[NotTransferred] = []
        self.names: Set[str] = set()
        self.foreign: Dict[str, Any] = {}  # B's own, as long as they stay what they are
        self.stand_ins: Dict[str, StandIn] = {}
        self.process_states: Dict[str, bytes] = {}
        self.units: Dict[Tuple[str, ...], Mark] = {}
        self.single: Dict[str, Mark] = {}
        self.failed: Dict[str, Optional[Mark]] = {}
        self.classes: Dict[str, Tuple[int, str]] = {}  # where a forked child has them, its parent has them too
        self._arrays: Dict[str, Any] = {}  # weak: what the cell lets go is freed
        self._reader = reader
        self._mapped = (0, 0)
        self._digests: Dict[Tuple[int, int], bytes] = {}

    def look(self, variables: Dict[str, Any], namespace: Dict[str, Any]) -> None:
        """Remember the variables as they are now."""
        from . import grouping
        from .picklers import marshallers

        array = array_memory.array_type()
        self._find_mapping(array)
        kept = {name: value for name, value in variables.items() if array and issubclass(type(value), array)}
        self._arrays = {name: weakref.ref(value) for name, value in kept.items()}
        chosen = marshallers.of(self.marshaller)
        collected = grouping.quietly(grouping.Collected, variables, namespace, None, kept, chosen)
        self.units = {unit.keys: self._mark(unit.dumped) for unit in collected.units}
        self.single = {key: self._mark(dumped) for key, dumped in collected.single.items()}
        self.failed = {key: f.rest and self._mark(f.rest) for key, f in collected.failures.items()}
        self.classes = {key: (id(cls), qualified_name(cls)) for key, cls in collected.classes.items()}
        self.names |= set(variables)
        self.process_states = process_state.look()
        self._digests = {}

    @property
    def is_launched(self) -> bool:
        """Whether the variables came from a file; else from a fork."""
        return self._reader is not None

    def arrays(self) -> Dict[str, Any]:
        """Those that were bound to names and are still there."""
        found = {name: reference() for name, reference in self._arrays.items()}
        return {name: array for name, array in found.items() if array is not None}

    def is_changed(self, mark: Optional[Mark], dumped: Any) -> bool:
        """Whether a unit is not what it was before the cell."""
        if mark is None or len(mark.buffers) != len(dumped.buffers) or mark.digest != _digest(dumped.data):
            return True
        return not all(self._is_same(before, now) for before, now in zip(mark.buffers, dumped.buffers))

    def was_never_known(self, name: str) -> bool:
        """Whether nothing of that variable could be pickled before the cell, to compare it with."""
        key = variable_key(name)
        return key in self.failed and self.failed[key] is None

    def is_new_failure(self, key: str, failure: Any) -> bool:
        """Whether something could not travel that did not come like that."""
        return key not in self.failed or failure.rest is None or self.is_changed(self.failed[key], failure.rest)

    def changed_units(self, collected: Any) -> List[Any]:
        """The units that have to travel back."""
        single: Dict[str, bool] = {}

        def is_changed(key: str) -> bool:
            if key not in single:
                dumped = collected.single.get(key)
                single[key] = dumped is None or self.is_changed(self.single.get(key), dumped)
            return single[key]

        home = {key: keys for keys in self.units for key in keys}
        changed = []
        for unit in collected.units:
            key, before = unit.keys[0], home.get(unit.keys[0], ())
            if unit.keys in self.units:
                if self.is_changed(self.units[unit.keys], unit.dumped):
                    changed.append(unit)
            # What is left of a unit stays, if all else of it is gone or travels.
            elif len(unit.keys) > 1 or is_changed(key) or not all(is_changed(k) for k in before if k != key):
                changed.append(unit)
        return changed

    def _is_same(self, before: Tuple[int, Any], buffer: memoryview) -> bool:
        length, where = before
        if buffer.nbytes != length:
            return False
        if isinstance(where, bytes):
            return self._buffer_digest(buffer) == where
        return self._reader is not None and self._reader.is_original(buffer, where)

    def _mark(self, dumped: Any) -> Mark:
        marks = tuple((buffer.nbytes, self._place(buffer)) for buffer in dumped.buffers)
        return Mark(_digest(dumped.data), marks)

    def _place(self, buffer: memoryview) -> Any:
        """Where the file of variables has a buffer, so that it need not be read; else its digest."""
        interface = getattr(buffer.obj, "__array_interface__", None)
        if interface is not None and self._mapped[0] <= interface["data"][0] < self._mapped[1]:
            return interface["data"][0] - self._mapped[0]
        return self._buffer_digest(buffer)

    def _buffer_digest(self, buffer: memoryview) -> bytes:
        # Variables that form a unit are looked at twice.
        key = (id(buffer.obj), buffer.nbytes)
        if key not in self._digests:
            self._digests[key] = _digest(buffer)
        return self._digests[key]

    def _find_mapping(self, array: Optional[type]) -> None:
        if self._reader is not None and array is not None:
            begin = array_memory.address(array(self._reader.view.nbytes, "u1", self._reader.view))
            self._mapped = (begin, begin + self._reader.view.nbytes)


def _digest(data: Any) -> bytes:
    # Nobody's forgeries are to be found: SHA-1 is the fastest here that has no collisions by accident.
    return hashlib.new("sha1", data, usedforsecurity=False).digest()  # type: ignore[call-arg]
