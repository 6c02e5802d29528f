# SPDX-License-Identifier: BSD-3-Clause
"""A notebook's variables in another process, and back.

The session (A) writes them to a file; the process in which the cell runs (B) receives them from it, or has them as a
forked child of A; after the cell, B writes what the cell changed to another file, which A applies.

    A: send(namespace, file)              B: received = receive(file, namespace)     launched afresh
                                          B: received = baseline(namespace)          or a forked child
                                          B: the cell runs
    A: apply_changes(file, namespace)     B: send_changes(received, namespace, file)

What changed is found by looking: all is pickled before the cell and after it, in B, and compared. Not carried: the
state of modules that are imported, what C extensions keep to themselves, and the memory that objects other than
NumPy's arrays share without a reference from one to the other. An array over a file's memory is on that file in B, too
(persist/mapped_arrays.py), for which B opens it. All other descriptors are the caller's.
Pickles are code: a file has to come from the same session."""

from __future__ import annotations

import re
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..base.interrupts import has_come
from . import process_state, shared_memory, variables_file
from .keys import DEFAULT_MARSHALLER, class_key, is_class, is_variable, name_in, variable_key
from .not_transferred import NotTransferred, StandIn, VariableNotTransferred, describe, qualified_name
from .received import Received

__all__ = ["Applied", "NotTransferred", "VariableNotTransferred", "Received", "Sent"]
__all__ += ["apply_changes", "baseline", "receive", "send", "send_changes", "values"]

# A module's own names, and those under which IPython keeps inputs and outputs.
_NOT_THE_USERS = re.compile(
    "__(name|doc|package|loader|spec|builtins?|file|cached|annotate|conditional_annotations)__"
    r"|_{1,3}|_i{1,3}|_i?\d+|_[iod]h|In|Out"
)
_STATE, _CHANGES = "state", "changes"
_LARGEST = 10  # are told of
_NAMED = 4  # of those that travel together


class Sent(NamedTuple):
    """What did not travel, the length of the file, and what takes most of it: names, their types, bytes."""

    lost: List[NotTransferred]
    size: int
    largest: List[Tuple[str, str, int]]


class Applied(NamedTuple):
    """The names that were bound anew or updated in place, those that were deleted, and what did not travel."""

    changed: List[str]
    deleted: List[str]
    lost: List[NotTransferred]


def send(
    namespace: Dict[str, Any],
    file_descriptor: int,
    hidden: Collection[str] = (),
    only: Optional[Collection[str]] = None,
    marshaller: str = DEFAULT_MARSHALLER,
    refused: Sequence[NotTransferred] = (),
    announce: Optional[Callable[[str, Any], None]] = None,
) -> Sent:
    """In A: write the variables that the user defined, and the state of the process, to the (empty) file. hidden: names
    that are not the user's. only: those that are wanted; None: all. marshaller: what pickles them, also on their way
    back. refused: those that are known not to travel. announce: grouping.Collected's."""
    from . import grouping
    from .picklers import marshallers

    variables = _variables(namespace, hidden)
    if only is not None:
        variables = {name: value for name, value in variables.items() if name in only}
    for one in refused:
        variables.pop(one.name, None)
    chosen = marshallers.of(marshaller)
    collected = grouping.quietly(grouping.Collected, variables, namespace, (), None, chosen, announce)
    lost = [*refused, *(failure.lost for key, failure in collected.failures.items() if is_variable(key))]
    units = _packed(chosen, collected, collected.units, namespace, lost)
    index = {"kind": _STATE, "deleted": []}
    size = _write(file_descriptor, index, units, lost, process_state.look(), marshaller)
    return Sent(lost, size, _largest(collected, units))


def receive(file_descriptor: int, namespace: Dict[str, Any]) -> Received:
    """In B: fill the namespace from A's file. Names of variables that could not travel raise when they are used."""
    reader = variables_file.Reader(file_descriptor)
    shared_memory.begin_visit()
    packages = _Packages(reader, _STATE, True)
    received = Received(reader, reader.index.get("marshaller", DEFAULT_MARSHALLER))
    received.foreign = dict(namespace)
    received.lost = process_state.settle(packages.process_states, process_state.EARLY) + packages.lost
    variables: Dict[str, Any] = {}
    for values, _, _ in packages.load(namespace, received.lost):
        for key, value in values.items():
            if is_variable(key):
                variables[name_in(key)] = namespace[name_in(key)] = value
    for lost in received.lost:
        if lost.name in packages.names:
            namespace[lost.name] = received.stand_ins[lost.name] = StandIn(lost)
    received.lost += process_state.settle(packages.process_states, process_state.LATE)
    received.foreign = {name: v for name, v in received.foreign.items() if name not in packages.names}
    received.names = set(received.stand_ins)
    received.look(variables, namespace)
    return received


def baseline(namespace: Dict[str, Any], hidden: Collection[str] = (), marshaller: str = DEFAULT_MARSHALLER) -> Received:
    """In a forked child of A: remember the variables, which are here already. marshaller: of those that go back."""
    shared_memory.begin_visit()
    received = Received(None, marshaller)
    received.look(_variables(namespace, hidden), namespace)
    return received


def send_changes(
    received: Received,
    namespace: Dict[str, Any],
    file_descriptor: int,
    hidden: Collection[str] = (),
    but: Collection[str] = (),
) -> Sent:
    """In B, after the cell: write what it changed to the (empty) file, but not what these names alone have."""
    from . import grouping
    from .picklers import marshallers

    nothing = object()
    variables = {
        name: value
        for name, value in _variables(namespace, hidden).items()
        if received.foreign.get(name, nothing) is not value and received.stand_ins.get(name, nothing) is not value
    }
    chosen = marshallers.of(received.marshaller)
    with shared_memory.Handover():
        arrays = received.arrays()
        collected = grouping.quietly(
            grouping.Collected, variables, namespace, received.classes, arrays, chosen
        )
    kept_back = {variable_key(name) for name in but}
    changed = [unit for unit in received.changed_units(collected) if not kept_back.issuperset(unit.keys)]
    lost = [
        failure.lost
        for key, failure in collected.failures.items()
        if key not in kept_back and received.is_new_failure(key, failure)
    ]
    changed = _packed(chosen, collected, changed, namespace, lost)
    deleted = sorted(name for name in received.names if name not in namespace)
    index = {"kind": _CHANGES, "deleted": deleted, "classes": {} if received.is_launched else received.classes}
    process_states = process_state.changes(received.process_states)
    size = _write(file_descriptor, index, changed, lost, process_states, received.marshaller)
    return Sent(lost, size, _largest(collected, changed))


def apply_changes(file_descriptor: int, namespace: Dict[str, Any], begin: int = 0) -> Applied:
    """In A: make the variables what they are in B. What did not change stays the object that it is, and so does an
    array that was changed in place. begin: where in the file B's is."""
    reader = variables_file.Reader(file_descriptor, begin)
    packages = _Packages(reader, _CHANGES, False)
    lost = packages.lost + process_state.apply(packages.process_states, process_state.EARLY)
    recognize_classes(reader.index["classes"])
    variables: Dict[str, Any] = {}
    changed: Set[str] = set()
    for values, updates, seen_through in packages.load(namespace, lost):
        for old, new in updates:
            old[...] = new
        altered = {id(value) for key, value in values.items() if is_class(key)}
        altered |= {id(array) for array in [*(old for old, _ in updates), *seen_through]}
        changed |= {name for name, value in namespace.items() if id(value) in altered}
        variables.update({name_in(key): value for key, value in values.items() if is_variable(key)})
    changed |= {name for name, value in variables.items() if name not in namespace or namespace[name] is not value}
    # After all is loaded: what is loaded refers to A's arrays by the names that they had.
    namespace.update(variables)
    deleted = [name for name in reader.index["deleted"] if name in namespace]
    for name in deleted:
        del namespace[name]
    lost += process_state.apply(packages.process_states, process_state.LATE)
    return Applied(sorted(changed), deleted, lost)


def values(file_descriptor: int, namespace: Dict[str, Any], begin: int) -> Tuple[Dict[str, Any], List[NotTransferred]]:
    """In A: the variables that send() wrote elsewhere, without binding them. The other arguments as above."""
    packages = _Packages(variables_file.Reader(file_descriptor, begin), _STATE, False)
    lost = list(packages.lost)
    found: Dict[str, Any] = {}
    for loaded, _, _ in packages.load(namespace, lost):
        found.update({name_in(key): value for key, value in loaded.items() if is_variable(key)})
    return found, lost


# --- what the above share ------------------------------------------------------------------------------------


def _variables(namespace: Dict[str, Any], hidden: Collection[str]) -> Dict[str, Any]:
    return {
        name: value
        for name, value in list(namespace.items())
        if isinstance(name, str) and name not in hidden and not _NOT_THE_USERS.fullmatch(name)
    }


def _packed(
    marshaller: Any, collected: Any, units: List[Any], namespace: Dict[str, Any], lost: List[NotTransferred]
) -> Any:
    """The units in the form in which they travel. What cannot travel is added to lost."""
    from . import grouping

    if marshaller.foreign is None:
        return units
    return grouping.quietly(marshaller.foreign.pack, collected, units, namespace, lost)


def _write(
    file_descriptor: int,
    index: Dict[str, Any],
    units: List[Any],
    lost: List[NotTransferred],
    process_states: Dict[str, bytes],
    marshaller: str,
) -> int:
    if marshaller != DEFAULT_MARSHALLER:
        index = {**index, "marshaller": marshaller}
    packages = [variables_file.Package({"process_state": key}, state, ()) for key, state in process_states.items()]
    for unit in units:
        about = {"keys": unit.keys, "types": unit.types, "blobs": unit.dumped.blobs}
        if unit.by != DEFAULT_MARSHALLER:
            about["by"] = unit.by
        packages.append(variables_file.Package(about, unit.dumped.data, unit.dumped.buffers))
    return variables_file.write(file_descriptor, {**index, "lost": lost}, packages)


def _largest(collected: Any, units: List[Any]) -> List[Tuple[str, str, int]]:
    found = []
    for unit in units:
        names = [name_in(key) if is_variable(key) else qualified_name(collected.values[key]) for key in unit.keys]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        size = len(unit.dumped.data) + sum(buffer.nbytes for buffer in unit.dumped.buffers)
        found.append((", ".join(names[:_NAMED]) + more, ", ".join(dict.fromkeys(unit.types)), size))
    return sorted(found, key=lambda one: -one[2])[:_LARGEST]


class _Packages:
    """What a file of variables holds."""

    def __init__(self, reader: variables_file.Reader, kind: str, keep: bool) -> None:
        if reader.index.get("kind") != kind:
            raise ValueError(f"the file of variables is another: {reader.index.get('kind')!r}, not {kind!r}")
        self.lost = [NotTransferred(*map(str, lost)) for lost in reader.index["lost"]]
        self.process_states: Dict[str, bytes] = {}
        self._units: List[variables_file.Package] = []
        self._loaded: List[Any] = []
        for package in reader.packages(keep):
            if "process_state" in package.about:
                self.process_states[package.about["process_state"]] = package.data
            else:
                self._units.append(package)
        keys = [key for unit in self._units for key in unit.about["keys"]]
        self.names = {name_in(key) for key in keys if is_variable(key)} | {lost.name for lost in self.lost}

    def load(self, namespace: Dict[str, Any], lost: List[NotTransferred]) -> Any:
        """The values of each unit by their keys, the arrays that are to be updated as (old, new), and parts of them.
        Adds to lost."""
        from . import grouping
        from .picklers import marshallers

        waiting, failed = self._units, []  # type: List[variables_file.Package], List[variables_file.Package]
        problems: Dict[str, BaseException] = {}
        readers = {by: marshallers.of(by).unpickler for by in set(map(_marshaller_of, waiting))}
        while waiting:
            failed = []
            for unit in waiting:
                keys = unit.about["keys"]
                unpickler = readers[_marshaller_of(unit)](unit.data, list(unit.buffers), unit.about["blobs"], namespace)
                try:
                    values = dict(zip(keys, grouping.quietly(unpickler.load)))
                except BaseException as problem:
                    if has_come(problem):
                        raise
                    failed.append(unit)
                    problems.update({key: problem for key in keys})
                else:
                    self._loaded.append(values)  # a class is tracked for as long as it is alive
                    yield values, unpickler.updates, unpickler.seen_through
                # It refers to itself, and to the buffers.
                unpickler.memo.clear()
            # What makes a class may call functions, which need variables that were not there yet.
            waiting = failed if len(failed) < len(waiting) else []
        for unit in failed:
            for key, kind in zip(unit.about["keys"], unit.about["types"]):
                if is_variable(key):
                    lost.append(NotTransferred(name_in(key), kind, name_in(key), _reason(key, problems)))


def _marshaller_of(unit: variables_file.Package) -> str:
    return unit.about.get("by", DEFAULT_MARSHALLER)


def _reason(key: str, problems: Dict[str, BaseException]) -> str:
    problem = problems[key]
    culprit = problems.get(class_key(getattr(problem, "key", "")))
    return describe(problem) if culprit is None else f"{describe(problem)}: {describe(culprit)}"


def recognize_classes(places: Dict[str, Tuple[int, str]]) -> None:
    """In A: call classes as a forked child calls them, in which they lie where they lie here."""
    from . import rebuild

    wanted = {tuple(place): key for key, place in places.items() if rebuild.tracked(key) is None}
    waiting: List[type] = [object] if wanted else []
    seen = set()
    while waiting:
        cls = waiting.pop()
        if id(cls) not in seen:
            seen.add(id(cls))
            waiting += type.__subclasses__(cls)
            key = wanted.get((id(cls), qualified_name(cls)))
            if key is not None:
                rebuild.track(key, cls)
