# SPDX-License-Identifier: BSD-3-Clause
"""cloudpickle's picklers, able to carry what a notebook's variables need.

Imported when variables travel and not before, as it imports cloudpickle."""

from __future__ import annotations

import contextlib
import copyreg
import dataclasses
import functools
import io
import mmap
import pickle
import sys
import types
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional, Tuple

import cloudpickle

from ...base.interrupts import has_come
from .. import array_memory, mapped_arrays, rebuild, shared_memory
from ..not_transferred import qualified_name
from ..users_code import Reductions

# Are told of the classes of what is pickled, where somebody wants to know; the last one is.
_lookers: List[Callable[[type], None]] = []

# What is smaller travels in the pickle.
OUT_OF_BAND = 4096
_FUNCTION_STATE = "__name__ __qualname__ __module__ __doc__ __annotations__ __defaults__ __kwdefaults__ __type_params__"
_LRU_CACHE = type(functools.lru_cache(maxsize=1)(len))
_SENTINELS = "MISSING KW_ONLY _HAS_DEFAULT_FACTORY _FIELD _FIELD_CLASSVAR _FIELD_INITVAR"


@contextlib.contextmanager
def told_of_classes(look: Callable[[type], None]) -> Iterator[None]:
    """While the block runs, look is called with the class of what is pickled."""
    _lookers.append(look)
    try:
        yield
    finally:
        _lookers.pop()


class Place:
    """What only the reading process knows; Unpickler.find_class puts it in."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> str:
        return self._name

    def __call__(self, *_: Any) -> Any:  # pickle wants to be told something callable
        raise pickle.UnpicklingError(f"{self._name} outside of a notebook's variables")


NAMESPACE, INTO, VIEW, MAPPED = Place("NAMESPACE"), Place("INTO"), Place("VIEW"), Place("MAPPED")


class _Hollow:
    """A closure's cell without its content, which a function needs before its content can be made."""

    def __reduce__(self) -> Tuple:
        return types.CellType, ()


def taken_into(buffers: List[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    """A callback that keeps large buffers out of the pickle."""

    def out_of_band(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        buffers.append(raw)
        return False

    return out_of_band


class Pickler(cloudpickle.CloudPickler):
    """Pickles what a notebook defines by value, and by reference: its namespace, classes that travel elsewhere.

    by_value: the classes (their tracker's ids) to define; None: all. kept: arrays (their ids) that the reader has, by
    name. anchors: see array_memory."""

    def __init__(
        self,
        namespace: Dict[str, Any],
        by_value: Optional[Collection[str]],
        kept: Dict[int, str],
        anchors: Dict[int, Any],
    ) -> None:
        self.file = io.BytesIO()
        self.buffers: List[memoryview] = []
        self.blobs: List[memoryview] = []
        self.namespace, self.by_value, self.kept, self.anchors = namespace, by_value, kept, anchors
        # Found on the way, and kept alive with the pickler: ids are compared.
        self.classes: Dict[str, type] = {}
        self.arrays: List[Any] = []
        self.shared: Dict[int, Any] = {}
        self.holds_mapped = False  # an array over a file's memory, or over what others share
        self._hollows: Dict[int, _Hollow] = {}
        self._memory = mapped_arrays.Memory()
        self._watch = _lookers[-1] if _lookers else None
        self.reductions = Reductions()  # its caller may share one among picklers
        super().__init__(self.file, protocol=5, buffer_callback=taken_into(self.buffers))
        self._array_type = array_memory.array_type()
        self._c_data = getattr(getattr(sys.modules.get("_ctypes"), "Array", None), "__base__", None)
        mpi = sys.modules.get("mpi4py.MPI")
        self._reducers = _with_mpi(mpi, len(vars(mpi))) if isinstance(mpi, types.ModuleType) else _REDUCERS
        self._reducers = {**self._reducers, **shared_memory.kinds()}

    # --- overrides of cloudpickle ------------------------------------------------------------------------

    def dump(self, obj: Any) -> None:
        """cloudpickle's looks into every RuntimeError, and fails on some."""
        super(cloudpickle.CloudPickler, self).dump(obj)

    def reducer_override(self, obj: Any) -> Any:
        """Called for everything but the commonest types."""
        kind = type(obj)
        if kind is self._array_type:
            return self._array(obj)
        if self._watch is not None:
            self._watch(kind)
        if issubclass(kind, type):
            return self._class(obj)
        if self._array_type is not None and issubclass(kind, self._array_type):
            mapped = self._mapped(obj)
            if mapped is not None:
                return mapped
        if self._c_data is not None and issubclass(kind, self._c_data):
            self._refuse_shared(obj)
        own = self._reducers.get(kind)
        reduced = NotImplemented if own is None else own(self, obj)
        reduced = super().reducer_override(obj) if reduced is NotImplemented else reduced
        return self.reductions.of(obj) if reduced is NotImplemented else reduced

    def _class(self, cls: type) -> Any:
        reduced = super().reducer_override(cls)
        if reduced is NotImplemented or len(reduced) < 6:
            return reduced  # importable
        key = rebuild.tracker_id(cls)
        self.classes[key] = cls
        if self.by_value is not None and key not in self.by_value:
            return rebuild.find_class, (key, qualified_name(cls))
        maker, arguments, state, _, _, setter = reduced
        state[0].pop("__slotnames__", None)  # which pickle itself adds
        if any(isinstance(base, types.FunctionType) for base in arguments[2]) and issubclass(cls, tuple):
            # typing.NamedTuple is written as a base, but is none: it would want to see the class's body again.
            arguments = (*arguments[:2], cls.__bases__, *arguments[3:])
        return rebuild.make_class, (maker, arguments), (setter, state), None, None, rebuild.fill_class

    def _dynamic_function_reduce(self, func: Any) -> Any:
        if func.__globals__ is not self.namespace:
            return super()._dynamic_function_reduce(func)
        state = {name: getattr(func, name) for name in _FUNCTION_STATE.split() if hasattr(func, name)}
        cells = func.__closure__ or ()
        # cloudpickle would give each function cells of its own; here functions share what they shared.
        hollow = tuple(map(self._hollow, cells))
        contents = [(self._hollow(cell), cell.cell_contents) for cell in cells if not _is_empty(cell)]
        arguments = (func.__code__, NAMESPACE, hollow)
        contained = (state, dict(func.__dict__), contents)
        return rebuild.make_function, arguments, contained, None, None, rebuild.fill_function

    def _code(self, code: types.CodeType) -> Any:
        """With the name of its file, by which tracebacks and reports know it: cloudpickle leaves it out since 3.1.3."""
        return rebuild.make_code, (code.co_filename, *self.dispatch_table[types.CodeType](code))

    def _hollow(self, cell: Any) -> _Hollow:
        self.shared[id(cell)] = cell
        return self._hollows.setdefault(id(cell), _Hollow())

    def _cell(self, cell: Any) -> Any:
        contents = () if _is_empty(cell) else (cell.cell_contents,)
        return rebuild.same, (self._hollow(cell),), (contents,), None, None, rebuild.fill_cell

    def _method(self, method: Any) -> Any:
        """By its name in the class, if it is there: its function then stays the class's."""
        owner, func = method.__self__, method.__func__
        for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
            found = base.__dict__.get(getattr(func, "__name__", ""))
            if found is not None:
                same = found is func or getattr(found, "__func__", None) is func
                return (getattr, (owner, func.__name__)) if same else NotImplemented
        return NotImplemented

    def _module(self, module: Any) -> Any:
        if sys.modules.get(module.__name__) is not module:
            return NotImplemented
        prefix = module.__name__ + "."
        # After `import scipy.optimize`, the name scipy is bound; its submodule has to be there all the same.
        inner = [name for name in list(sys.modules) if name.startswith(prefix) and "._" not in name]
        return rebuild.import_module, (module.__name__, inner)

    def _file(self, file: Any) -> Any:
        for name in ("stdout", "stderr"):
            if file is getattr(sys, name):
                return getattr, (sys, name)
        raise pickle.PicklingError("an open file belongs to its process")  # cloudpickle would send a copy of it

    def _memoryview(self, view: memoryview) -> Any:
        whole = memoryview(view.obj)
        if view.obj is None or (whole.format, whole.shape, whole.strides) != (view.format, view.shape, view.strides):
            raise pickle.PicklingError("a part of a buffer cannot be taken by itself")
        return memoryview, (view.obj,)

    def _lru_cache(self, wrapper: Any) -> Any:
        """By value, and empty; pickle would look for its name in a process that does not have it yet."""
        if is_importable(wrapper):
            return NotImplemented
        return rebuild.make_lru_cache, (wrapper.__wrapped__, wrapper.cache_parameters())

    def _sentinel(self, obj: Any) -> Any:
        """dataclasses tells them by identity, which cloudpickle keeps for some, and only since version 3."""
        for name in _SENTINELS.split():
            if obj is getattr(dataclasses, name, None):
                return getattr, (dataclasses, name)
        return NotImplemented

    def _mapping(self, _: mmap.mmap) -> Any:
        raise pickle.PicklingError("a mapping belongs to its process; a numpy.memmap can be taken to another")

    def _refuse_shared(self, data: Any) -> None:
        """Of ctypes, as multiprocessing's RawArray."""
        ctypes: Any = sys.modules["_ctypes"]
        begin = ctypes.addressof(data)
        self._memory.refuse_shared(begin, begin + ctypes.sizeof(data))

    def _mapped(self, array: Any) -> Any:
        """None: its memory is this process's own."""
        if not array_memory.has_memory(array):
            return None
        try:
            found = self._memory.source(array)
        except mapped_arrays.Refused:
            self.holds_mapped = True
            raise
        if found is None:
            return None
        self.holds_mapped = True
        owner = mapped_arrays.owner_of(array)
        self.shared[id(owner)] = owner  # what is mapped once travels together, and is mapped once
        kind, source, *layout, mappings, state = mapped_arrays.parts(array, *found)
        place = (self.kept.get(id(array)), kind, source, tuple(layout), mappings)
        return (MAPPED, place, state, None, None, mapped_arrays.fill) if state else (MAPPED, place)

    def _array(self, array: Any) -> Any:
        if not array_memory.has_memory(array):
            return NotImplemented
        mapped = self._mapped(array)
        if mapped is not None:
            return mapped
        self.arrays.append(array)
        name = self.kept.get(id(array))
        anchor = self.anchors.get(id(array_memory.root(array)))
        if anchor is not None and anchor is not array:
            part = array_memory.part_of(array, anchor)
            if part is not None:
                return VIEW, (name, anchor, part)
        if array.dtype.kind in "mM" and array.flags.forc:
            # NumPy has no buffers for times.
            buffer = pickle.PickleBuffer(array_memory.linear(array))
            reduced: Any = (rebuild.make_times, (buffer, array.shape, array.strides, array.dtype))
        else:
            reduced = array.__reduce_ex__(5)
        # The parts of an anchor count on where its elements lie.
        strides = array.strides if anchor is not None else None
        return reduced if name is None else (INTO, (name, strides, *reduced))


_REDUCERS: Dict[type, Any] = {
    types.CellType: Pickler._cell,
    types.CodeType: Pickler._code,
    types.MethodType: Pickler._method,
    types.ModuleType: Pickler._module,
    io.TextIOWrapper: Pickler._file,
    mmap.mmap: Pickler._mapping,
    memoryview: Pickler._memoryview,
    _LRU_CACHE: Pickler._lru_cache,
    **{type(getattr(dataclasses, n)): Pickler._sentinel for n in _SENTINELS.split() if hasattr(dataclasses, n)},
}


@functools.lru_cache(maxsize=1)
def _with_mpi(mpi: types.ModuleType, _: int) -> Dict[type, Any]:
    """For what is MPI's own, as COMM_WORLD, too: it goes by the name that each process has for it. mpi4py sends it
    since version 4 only. _: how much there is in the module, which may be being imported."""
    own = {id(value): name for name, value in vars(mpi).items() if type(value).__module__ == "mpi4py.MPI"}

    def reduce(_: Pickler, handle: Any) -> Any:
        return (getattr, (mpi, own[id(handle)])) if id(handle) in own else NotImplemented

    return {**_REDUCERS, **dict.fromkeys((type(getattr(mpi, name)) for name in own.values()), reduce)}


class Careful:
    """A pickler that asks of every object whether it is the namespace or large. That is several times slower for long
    lists of numbers, so that it is used where such an object was seen."""

    namespace: Dict[str, Any]
    blobs: List[memoryview]
    shared: Dict[int, Any]

    def persistent_id(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is dict:
            return ("namespace", 0) if obj is self.namespace else None
        if (kind is bytes or kind is bytearray) and len(obj) >= OUT_OF_BAND:
            if id(obj) not in self.shared:
                self.shared[id(obj)] = obj
                self._places[id(obj)] = len(self.blobs)
                self.blobs.append(memoryview(obj))
            return (kind.__name__, self._places[id(obj)])
        return None

    @functools.cached_property
    def _places(self) -> Dict[int, int]:
        return {}


class CarefulPickler(Careful, Pickler):
    """The same, with care."""


# The modules of what runs cells.
_KERNEL = frozenset(
    f"{__name__.partition('.')[0]}.{name}"
    for name in ("shell", "streams", "server", "base.connection", "base.interrupts")
)


class Tolerant:
    """A pickler that goes around what cannot be pickled: for what is left, so that a change in it is seen, and to find
    the culprit."""

    culprit: Any = None
    problem: Optional[BaseException] = None

    def note(self, obj: Any, problem: BaseException) -> None:
        """The first is what the user is told of."""
        if self.problem is None:
            self.culprit, self.problem = obj, problem

    def is_left(self, obj: Any) -> bool:
        """Whether the pickler does what has to be done."""
        return isinstance(obj, (type, types.FunctionType))

    def reducer_override(self, obj: Any) -> Any:
        try:
            if type(obj).__module__ in _KERNEL:
                # As a thread refers to the shell, which each cell changes: that is no change of the variable.
                raise pickle.PicklingError("it is a part of the kernel")
            reduced = super().reducer_override(obj)  # type: ignore[misc]
            if reduced is NotImplemented and not self.is_left(obj):
                reducer = getattr(self, "dispatch_table", copyreg.dispatch_table).get(type(obj))
                reduced = reducer(obj) if reducer else obj.__reduce_ex__(5)
                if isinstance(reduced, str) and not is_importable(obj, reduced):
                    raise pickle.PicklingError(f"it is not {reduced} of an importable module")
            return reduced
        except BaseException as problem:
            if isinstance(problem, RecursionError) or has_come(problem):
                raise
            self.note(obj, problem)
            return rebuild.opaque, (id(obj), getattr(problem, "digest", b""))


class TolerantPickler(Tolerant, CarefulPickler):
    """The same, with tolerance."""


class Unpickler(pickle.Unpickler):
    """Reads what a Pickler wrote. Arrays that are to be updated in place are listed in `updates`, as (old, new), for
    the caller to copy once all is read."""

    def __init__(self, data: bytes, buffers: List[memoryview], blobs: int, namespace: Dict[str, Any]) -> None:
        count = len(buffers) - blobs
        super().__init__(io.BytesIO(data), buffers=buffers[:count])
        self._blobs, self._made = buffers[count:], {}  # type: Any, Dict[int, Any]
        self._namespace = namespace
        self.updates: List[Tuple[Any, Any]] = []
        self.seen_through: List[Any] = []  # parts of such arrays
        self._mappings: Dict[Any, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name in ("NAMESPACE", "INTO", "VIEW", "MAPPED"):
            places: Dict[str, Any] = {"INTO": self._into, "VIEW": self._view, "MAPPED": self._mapped}
            return places.get(name, self._namespace)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        kind, place = pid
        if kind == "namespace":
            return self._namespace
        if place not in self._made:
            blob = self._blobs[place]
            self._made[place] = bytearray(blob) if kind == "bytearray" else bytes(blob)
        return self._made[place]

    def _into(self, name: str, strides: Optional[Tuple], make: Any, arguments: Tuple, state: Any = None) -> Any:
        new: Any = make(*arguments)
        old: Any = self._namespace.get(name)
        if state is not None:
            new.__setstate__(state)
        if not array_memory.is_alike(new, old) or (strides is not None and strides != old.strides):
            return new
        self.updates.append((old, new))
        return old

    def _view(self, name: Optional[str], anchor: Any, part: Tuple) -> Any:
        new = array_memory.view(anchor, *part)
        old: Any = self._namespace.get(name or "")
        if name is not None and array_memory.is_alike(new, old):
            if old.strides == new.strides and array_memory.address(old) == array_memory.address(new):
                self.seen_through.append(old)
                return old
        return new

    def _mapped(self, name: Optional[str], kind: type, source: Tuple, layout: Tuple, mappings: List[str]) -> Any:
        old: Any = self._namespace.get(name or "")
        if name is not None and mapped_arrays.is_same(old, kind, source, layout):
            return old
        return mapped_arrays.make(self._mappings, kind, source, layout, mappings)


def is_importable(obj: Any, name: Optional[str] = None) -> bool:
    """Whether another process gets it by importing a module."""
    module = getattr(obj, "__module__", None) or "builtins"
    found: Any = sys.modules.get(module) if module != "__main__" else None
    path: Any = name or getattr(obj, "__qualname__", None) or getattr(obj, "__name__", "")
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is obj and obj is not None


def _is_empty(cell: Any) -> bool:
    try:
        cell.cell_contents
    except ValueError:
        return True
    return False
