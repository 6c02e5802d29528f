# SPDX-License-Identifier: BSD-3-Clause
"""Which variables belong together. Names that share an object which can change form one unit, and so does each class
that the notebook defines, with what it shares: other variables refer to it."""

from __future__ import annotations

import contextlib
import resource
import sys
import types
import warnings
from typing import Any, Callable, Collection, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set
from typing import Tuple

from ..base.interrupts import has_come
from . import array_memory
from .keys import DEFAULT_MARSHALLER, class_key, is_class, is_variable, name_in, variable_key
from .not_transferred import NotTransferred, describe, path_to, qualified_name, type_name
from .picklers import marshallers
from .picklers.notebook_pickler import OUT_OF_BAND, Careful, Place, TolerantPickler, is_importable
from .rebuild import internals
from .users_code import Reductions

# Shared by everybody and changed by nobody, or (containers) only as good as what is in them.
# By their ids, as looking a class up by itself would call users' metaclasses.
_ATOMS: FrozenSet[int] = frozenset(
    map(
        id,
        [str, bytes, int, float, complex, bool, range, slice, tuple, frozenset, type(None), type(Ellipsis)]
        + [types.BuiltinFunctionType, types.ModuleType, types.CodeType, types.MappingProxyType, type],
    )
)
_BOUND: FrozenSet[int] = frozenset(map(id, [tuple, frozenset]))
# By the names of their modules and classes, as nothing is imported for their sake.
_IMMUTABLE = (
    "datetime.date datetime.time datetime.datetime datetime.timedelta datetime.timezone decimal.Decimal uuid.UUID "
    "fractions.Fraction re.Pattern pathlib.PurePath enum.Enum numpy.dtype numpy.generic numpy.ufunc logging.Logger "
    "mpi4py.MPI.Comm mpi4py.MPI.Datatype mpi4py.MPI.Errhandler mpi4py.MPI.Group mpi4py.MPI.Info mpi4py.MPI.Op"
).split()


_SMALL: FrozenSet[int] = frozenset(map(id, [str, int, float, complex, type(None), Place]))


def is_large(obj: Any) -> bool:
    """Whether an object is a buffer that pickle would copy."""
    kind = type(obj)
    return (kind is bytes or kind is bytearray) and len(obj) >= OUT_OF_BAND


class Dumped:
    """Values in one pickle. It keeps alive what it looked at."""

    shares_memory = False  # arrays in it do

    def __init__(self, pickler: Any, values: List[Any]) -> None:
        self.pickler = pickler
        pickler.dump(values)
        self.data = pickler.file.getvalue()
        self.buffers: List[memoryview] = pickler.buffers + pickler.blobs
        self.blobs = len(pickler.blobs)
        self.classes = pickler.classes
        self.arrays = pickler.arrays
        self.careful = isinstance(pickler, Careful)
        # What the pickle refers to again when it meets it again, by id.
        self.objects = {key: obj for key, (_, obj) in pickler.memo.copy().items() if id(type(obj)) not in _SMALL}
        self.objects.update(pickler.shared)
        for array in self.arrays:
            root = array_memory.root(array)
            self.objects[id(root)] = root

    def wants_care(self, namespace: Dict[str, Any]) -> bool:
        """Whether a CarefulPickler would have done better."""
        return any(obj is namespace or is_large(obj) for obj in self.objects.values())


class Unit(NamedTuple):
    """Its keys are those of Collected (keys.py)."""

    keys: Tuple[str, ...]
    types: List[str]
    dumped: Any  # Dumped, or foreign.Packed
    by: str  # the marshaller that reads it


class Failure(NamedTuple):
    """What could not be pickled; rest is the pickle of what is left of it, if there is one."""

    lost: NotTransferred
    rest: Optional[Dumped]


# Of C's stack, for each level of Python's count: three times what was found with CPython 3.11 at worst, where a
# __reduce__ pickles what it refers to.
_LEVEL_LEN = 1280
_lowered: List[int] = []


def carried_levels() -> Optional[int]:
    """How deep pickling may go until the main thread's stack ends; None: Python sees to that, since 3.12."""
    if sys.version_info >= (3, 12):
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    size = _UNLIMITED_STACK if soft == resource.RLIM_INFINITY else min(soft, _UNLIMITED_STACK)
    return size // _LEVEL_LEN


# There is room for that much beneath any stack.
_UNLIMITED_STACK = 1 << 26


@contextlib.contextmanager
def _within_stack() -> Iterator[None]:
    """Pickling ends with RecursionError before the stack does, whatever the user allows."""
    limit, carried = sys.getrecursionlimit(), carried_levels()
    if carried is None or limit <= carried:
        yield
        return
    sys.setrecursionlimit(carried)
    _lowered[:] = [carried]
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        _lowered.clear()


def _why_lowered() -> str:
    return f": the stack carries {_lowered[0]} levels. A higher `ulimit -s` carries more" if _lowered else ""


def quietly(function: Any, *arguments: Any) -> Any:
    """Users do not want to be told of what their objects say when they are pickled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


class Collected:
    """Variables in units, the classes that others need first. known: the classes (their trackers' ids) that the reader
    has; None: all. arrays: the arrays that it has, by name. marshaller: a marshallers.Marshaller.
    announce: is called with the key and value of what is pickled next, which may not come to its end."""

    def __init__(
        self,
        variables: Dict[str, Any],
        namespace: Dict[str, Any],
        known: Optional[Collection[str]],
        arrays: Optional[Dict[str, Any]] = None,
        marshaller: Any = None,
        announce: Optional[Callable[[str, Any], None]] = None,
    ) -> None:
        self._announce = announce
        self._reductions = Reductions()
        self._marshaller = marshaller or marshallers.of(DEFAULT_MARSHALLER)
        self._namespace = namespace
        self._kept = {id(array): name for name, array in (arrays or {}).items()}
        self._arrays = {id(array): array for array in (arrays or {}).values()}
        self.values: Dict[str, Any] = {variable_key(name): value for name, value in variables.items()}
        self.single: Dict[str, Dumped] = {}
        self.failures: Dict[str, Failure] = {}
        self.units: List[Unit] = []
        with _within_stack():
            self._dump_each()
            if known is not None:
                self._drop_those_without_class(known)
            self._groups = _Groups(self.single)
            self._find_shared()
            self._make_units()

    @property
    def classes(self) -> Dict[str, type]:
        """All that the variables need, by their trackers' ids."""
        return {name_in(key): value for key, value in self.values.items() if is_class(key)}

    # --- each by itself --------------------------------------------------------------------------------

    def _dump_each(self) -> None:
        waiting = list(self.values)
        while waiting:
            key = waiting.pop()
            if self._announce:
                self._announce(key, self.values[key])
            try:
                # A class includes the classes that it needs: none can wait for another in a circle.
                by_value = None if is_class(key) else ()
                dumped = self._dump([self.values[key]], by_value, {}, False)
            except BaseException as problem:
                if has_come(problem):
                    raise
                failure = self._failure(key, problem)
                if self._marshaller.foreign and failure.rest:
                    self.single[key] = failure.rest  # another may be able to
                else:
                    self.failures[key] = failure
                classes = failure.rest.classes if failure.rest else {}
            else:
                self.single[key] = dumped
                classes = dumped.classes
            for name, cls in classes.items():
                if class_key(name) not in self.values:
                    self.values[class_key(name)] = cls
                    waiting.append(class_key(name))

    def _pickler(self, kind: Any, by_value: Optional[Collection[str]], anchors: Dict[int, Any]) -> Any:
        pickler = kind(self._namespace, by_value, self._kept, anchors)
        pickler.reductions = self._reductions
        return pickler

    def _dump(
        self, values: List[Any], by_value: Optional[Collection[str]], anchors: Dict[int, Any], careful: bool
    ) -> Dumped:
        def dump(kind: Any) -> Dumped:
            return Dumped(self._pickler(kind, by_value, anchors), values)

        if not careful and values[0] is not self._namespace and not is_large(values[0]):
            try:
                dumped = dump(self._marshaller.fast)
            except (Exception, RecursionError):
                pass  # perhaps for the namespace in it
            else:
                if not dumped.wants_care(self._namespace):
                    return dumped
        return dump(self._marshaller.careful)

    def _failure(self, key: str, problem: BaseException) -> Failure:
        value = self.values[key]
        name = name_in(key) if is_variable(key) else qualified_name(value)
        if isinstance(problem, RecursionError):
            reason = f"it is nested too deeply (RecursionError){_why_lowered()}"
            lost = NotTransferred(name, type_name(value), name, reason)
            return Failure(lost, None)
        culprit, rest = value, None
        # Where the one cannot go around it, what is left is ours.
        for kind in (self._marshaller.tolerant, TolerantPickler):
            pickler = self._pickler(kind, None if is_class(key) else (), {})
            try:
                rest = Dumped(pickler, [value])
            except BaseException as another:
                if has_come(another):
                    raise  # else it is reported for what failed first
            if culprit is value and pickler.problem is not None:
                culprit = pickler.culprit
            if rest is not None:
                break
        return Failure(NotTransferred(name, type_name(culprit), path_to(culprit, value, name), describe(problem)), rest)

    def _drop_those_without_class(self, known: Collection[str]) -> None:
        absent = {name_in(key): failure for key, failure in self.failures.items() if is_class(key)}
        for key, dumped in list(self.single.items()):
            missing = [name for name in dumped.classes if name in absent and name not in known]
            if missing and is_variable(key):
                del self.single[key]
                self.failures[key] = Failure(absent[missing[0]].lost._replace(name=name_in(key)), dumped)

    # --- together --------------------------------------------------------------------------------------

    def _find_shared(self) -> None:
        owners: Dict[int, str] = {}
        binding: Dict[int, bool] = {}
        # An immutable object counts where a name is bound to it: `a is b` has to stay true.
        named = {id(value) for value in self.values.values() if id(type(value)) in _BOUND}
        for key, dumped in self.single.items():
            for place, obj in dumped.objects.items():
                if id(type(obj)) in _ATOMS and place not in named and not is_large(obj):
                    continue
                owner = owners.setdefault(place, key)
                if owner != key and not self._groups.are_one(owner, key):
                    if place not in binding:
                        binding[place] = place in named or _can_change(obj)
                    if binding[place]:
                        self._groups.join(owner, key)
        for key, dumped in self.single.items():
            # Others than ours do not know the classes that have travelled before.
            if is_class(key) or self._marshaller.foreign:
                for name in dumped.classes:
                    if class_key(name) in self.single:
                        self._groups.join(key, class_key(name))

    def _make_units(self) -> None:
        while True:
            units = [self._unit(keys) for keys in self._groups.all()]
            self.units, circle = _in_order([unit for unit in units if unit is not None])
            if not circle:
                return
            for unit in circle[1:]:
                self._groups.join(circle[0].keys[0], unit.keys[0])

    def _unit(self, keys: Tuple[str, ...]) -> Optional[Unit]:
        alone = [self.single[key] for key in keys]
        types_of = [type_name(self.values[key]) for key in keys]
        anchors = array_memory.anchors([array for dumped in alone for array in dumped.arrays], self._arrays)
        by = DEFAULT_MARSHALLER if self._marshaller.foreign else self._marshaller.name
        if len(keys) == 1 and not anchors:
            return Unit(keys, types_of, alone[0], by)
        by_value = {name_in(key) for key in keys if is_class(key)}
        if self._announce:
            self._announce(keys[0], self.values[keys[0]])
        try:
            values = [self.values[key] for key in keys]
            if self._marshaller.foreign:
                dumped = Dumped(self._pickler(self._marshaller.tolerant, by_value, anchors), values)
            else:
                dumped = self._dump(values, by_value, anchors, any(dumped.careful for dumped in alone))
            dumped.shares_memory = bool(anchors)
            return Unit(keys, types_of, dumped, by)
        except BaseException as problem:  # although each could be pickled by itself
            if has_come(problem):
                raise
            for key in keys:
                self.failures[key] = self._failure(key, problem)
            return None


class _Groups:
    """Groups of keys that can be joined (union-find)."""

    def __init__(self, keys: Collection[str]) -> None:
        self._parent = {key: key for key in keys}

    def find(self, key: str) -> str:
        """The key of a group that stands for all of it."""
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key

    def are_one(self, one: str, other: str) -> bool:
        """Whether all these keys are in one group."""
        return self.find(one) == self.find(other)

    def join(self, one: str, other: str) -> None:
        """Make one group of the groups that these keys are in."""
        self._parent[self.find(one)] = self.find(other)

    def all(self) -> List[Tuple[str, ...]]:
        """The groups, each sorted: what is pickled in one order can be compared."""
        groups: Dict[str, List[str]] = {}
        for key in self._parent:
            groups.setdefault(self.find(key), []).append(key)
        return [tuple(sorted(group)) for group in groups.values()]


def _in_order(units: Sequence[Unit]) -> Tuple[List[Unit], List[Unit]]:
    """Units after those that define their classes; and those that wait for each other in a circle."""
    home = {key: unit for unit in units for key in unit.keys}
    done: Set[str] = set()
    order: List[Unit] = []
    waiting = list(units)
    while waiting:
        still = []
        for unit in waiting:
            needs = [class_key(name) for name in unit.dumped.classes]
            if all(key not in home or home[key] is unit or key in done for key in needs):
                order.append(unit)
                done.update(unit.keys)
            else:
                still.append(unit)
        if len(still) == len(waiting):
            return order, still
        waiting = still
    return order, []


def _can_change(obj: Any) -> bool:
    """Whether an object can change, so that all names that share it have to travel together."""
    try:
        if isinstance(obj, type) or id(type(obj)) in _ATOMS:
            return is_large(obj)  # it cannot change, but one copy of it is enough
        if isinstance(obj, types.FunctionType):
            return not internals._should_pickle_by_reference(obj)
        for name in _IMMUTABLE:
            module, _, cls = name.rpartition(".")
            kind = getattr(sys.modules.get(module), cls, None)
            if isinstance(kind, type) and isinstance(obj, kind):
                return False
        return not is_importable(obj)
    except Exception:  # users' objects may fail to be looked at
        return True
