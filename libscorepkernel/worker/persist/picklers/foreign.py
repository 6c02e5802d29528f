# SPDX-License-Identifier: BSD-3-Clause
"""A module of the user's choice as marshaller: it has dump(obj, file) and load(file), or dumps(obj) and loads(bytes).
It is given all values of a unit at once. Arrays therefore come back as new arrays; and what cannot be right by its way
is refused: arrays that share memory, the notebook's namespace, and, unless it takes them by value, functions and
classes of the notebook. What changed is found by our own pickler, which only looks."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib
import io
import json
import os
import shutil
import tempfile
import types
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from ...base.interrupts import has_come
from .. import variables_file
from ..keys import is_variable, name_in
from ..not_transferred import NotTransferred, describe, type_name
from .notebook_pickler import Careful, Pickler, Tolerant

_FILE = "unit"
_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)


class Looking(Pickler):
    """A pickler that only sees what is in a unit."""

    defines = False  # there are functions or classes of the notebook
    holds_namespace = False

    def _dynamic_function_reduce(self, func: Any) -> Any:
        self.defines = True
        return super()._dynamic_function_reduce(func)

    def _class(self, cls: type) -> Any:
        reduced = super()._class(cls)
        self.defines = self.defines or bool(self.classes)
        return reduced


class CarefulLooking(Careful, Looking):
    """The same, with care."""

    def persistent_id(self, obj: Any) -> Any:
        self.holds_namespace = self.holds_namespace or obj is self.namespace
        return super().persistent_id(obj)


class TolerantLooking(Tolerant, CarefulLooking):
    """The same, with tolerance."""


class Packed(NamedTuple):
    """What a foreign marshaller has made of a unit's values: as grouping.Dumped, as far as it is written."""

    data: bytes
    buffers: List[memoryview]
    blobs: int = 0


class Foreign:
    """The module, and how it is used. ImportError, AttributeError: it cannot be."""

    def __init__(self, name: str) -> None:
        self.name = name
        module = importlib.import_module(name)
        self._by_file = _has(module, "dump", "load")
        if not self._by_file and not _has(module, "dumps", "loads"):
            raise AttributeError(f"the module {name} has neither dump and load nor dumps and loads")
        self._module = module

    def dump(self, values: List[Any]) -> Packed:
        """Make bytes of a unit's values. Whatever the module raises."""
        # parallel_marshall divides what it is given; so it is given one thing.
        if not self._by_file:
            return Packed(bytes(memoryview(self._module.dumps({_FILE: values}))), [])
        with _directory() as directory:
            path = os.path.join(directory, _FILE)
            with open(path, "wb") as file:
                self._module.dump({_FILE: values}, file)
            # It may have written more files beside its own.
            names = sorted(os.listdir(directory))
            contents = [memoryview(_content(os.path.join(directory, name))) for name in names]
        return Packed(json.dumps([directory, names]).encode(), contents)

    def load(self, data: bytes, buffers: Sequence[memoryview]) -> List[Any]:
        """Make again the values that dump() was given."""
        if not self._by_file:
            return self._module.loads(data)[_FILE]
        directory, names = json.loads(data)
        with _restored(directory, names, buffers) as there:
            with open(os.path.join(there, _FILE), "rb") as file:
                return self._module.load(file)[_FILE]

    def unpickler(self, data: bytes, buffers: List[memoryview], _: int, __: Dict[str, Any]) -> Any:
        """Makes a loader that is used as notebook_pickler.Unpickler is."""
        return _Loader(functools.partial(self.load, data, buffers))

    def pack(
        self, collected: Any, units: List[Any], namespace: Dict[str, Any], lost: List[NotTransferred]
    ) -> List[Any]:
        """Units with the module's bytes in the place of ours; adds to lost what it does not take."""
        packed = []
        for unit in units:
            keys = [key for key in unit.keys if is_variable(key)]
            values = [collected.values[key] for key in keys]
            if all(_is_module(value) for value in values):
                packed += [unit] if values else []  # it is imported, and not marshalled
                continue
            try:
                self._refuse(unit.dumped, namespace)
                dumped = self.dump(values)
            except BaseException as problem:
                if has_come(problem):
                    raise
                names = [name_in(key) for key in keys]
                lost += [NotTransferred(name, type_name(v), name, describe(problem)) for name, v in zip(names, values)]
            else:
                types_of = [kind for key, kind in zip(unit.keys, unit.types) if key in keys]
                packed.append(unit._replace(keys=tuple(keys), types=types_of, dumped=dumped, by=self.name))
        return packed

    def _refuse(self, looked: Any, namespace: Dict[str, Any]) -> None:
        """ValueError: the unit holds what would arrive as something else than it is here."""
        if any(isinstance(obj, _FILES) for obj in looked.objects.values()):
            raise ValueError("an open file belongs to its process")  # and might be emptied in another
        why = ""
        if looked.pickler.holds_namespace:
            why = "would copy the notebook's namespace, which is in it"
        elif looked.shares_memory:
            why = "would copy arrays that share memory"
        elif looked.pickler.holds_mapped:
            why = "would copy memory that is a file's, or shared with others"
        elif looked.pickler.defines and not self._takes_definitions(namespace):
            why = (
                "takes functions and classes of the notebook by their names only, which mean nothing in another process"
            )
        if why:
            raise ValueError(f"{self.name} {why}: use %%marshalling_settings MARSHALLER=cloudpickle")

    def _takes_definitions(self, namespace: Dict[str, Any]) -> bool:
        """Whether functions are taken by value and see the namespace after it, and classes by value."""
        function = types.FunctionType((lambda: 0).__code__, namespace, "_scorepkernel_probe")
        cls = type("_ScorepkernelProbe", (), {"__module__": "__main__"})
        try:
            packed = self.dump([function, cls()])
            other, instance = self.load(packed.data, packed.buffers)
            return other.__globals__ is namespace and type(instance).__name__ == cls.__name__
        except Exception:
            return False


class _Loader:
    """As much of an Unpickler as its user needs."""

    def __init__(self, load: Any) -> None:
        self.load = load
        self.updates: List[Tuple[Any, Any]] = []
        self.seen_through: List[Any] = []
        self.memo: Dict[int, Any] = {}


def _has(module: Any, *names: str) -> bool:
    return all(callable(getattr(module, name, None)) for name in names)


def _is_module(value: Any) -> bool:
    return isinstance(value, types.ModuleType)


# --- files -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _directory() -> Iterator[str]:
    """Make a new directory for the block, and remove it afterwards."""
    wanted = os.environ.get(variables_file.DIRECTORY)
    parent = os.path.abspath(wanted) if wanted and os.path.isdir(wanted) else None
    directory = tempfile.mkdtemp(prefix="scorepkernel-", dir=parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _restored(directory: str, names: List[str], contents: Sequence[memoryview]) -> Iterator[str]:
    """The directory in which a unit was written, as it was then. Where there is more in it than the one file, that may
    hold the others' paths: so it is the same directory, for one reader at a time."""
    with contextlib.ExitStack() as at_end:
        if len(names) == 1:
            directory = at_end.enter_context(_directory())
        else:
            at_end.enter_context(_alone_in(directory))
        for name, content in zip(names, contents):
            with open(os.path.join(directory, os.path.basename(name)), "wb") as file:
                file.write(content)
        yield directory


@contextlib.contextmanager
def _alone_in(directory: str) -> Iterator[None]:
    """Make it, and remove it afterwards. Meanwhile no other rank of this machine does so. The lock ends with its
    process."""
    while True:
        with contextlib.suppress(FileExistsError):
            os.makedirs(directory, 0o700)
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # another has just removed it
        try:
            found = os.fstat(descriptor)
            if found.st_uid != os.getuid() or found.st_mode & 0o077:  # it is to hold code, as pickles are
                raise PermissionError(f"{directory} is not this user's own")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_there(directory, found):
                try:
                    yield
                finally:
                    shutil.rmtree(directory, ignore_errors=True)
                return
        finally:
            os.close(descriptor)


def _is_there(directory: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(directory), found)
    except FileNotFoundError:
        return False


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
