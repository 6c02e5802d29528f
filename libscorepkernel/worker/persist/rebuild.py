# SPDX-License-Identifier: BSD-3-Clause
"""What the pickles of a notebook's variables call by name in the process that reads them; and the names by which all
processes call the classes that the notebook defines (cloudpickle's tracker)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import pickle
import sys
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from cloudpickle import cloudpickle as internals


class ClassMissing(pickle.UnpicklingError):
    """An object's class could not be made."""

    def __init__(self, key: str, name: str) -> None:
        super().__init__(f"its class {name} is not here")
        self.key = key


def tracker_id(cls: type) -> str:
    """The name by which all processes call a class."""
    return internals._get_or_create_tracker_id(cls)


def tracked(key: str) -> Optional[type]:
    """The class of that name in this process; None: there is none."""
    return internals._DYNAMIC_CLASS_TRACKER_BY_ID.get(key)


def track(key: str, cls: type) -> None:
    """Call a class of this process by the name that another process has given it."""
    internals._lookup_class_or_track(key, cls)


def make_code(filename: str, make: Callable, arguments: Tuple) -> types.CodeType:
    code: types.CodeType = make(*arguments)
    return code if code.co_filename == filename else code.replace(co_filename=filename)


def make_function(code: Any, namespace: Dict[str, Any], cells: Tuple) -> Any:
    return types.FunctionType(code, namespace, code.co_name, None, cells or None)


def fill_function(func: Any, state: Tuple) -> None:
    attributes, dictionary, contents = state
    for name, value in attributes.items():
        setattr(func, name, value)
    func.__dict__.update(dictionary)
    for cell, value in contents:
        cell.cell_contents = value


def same(obj: Any) -> Any:
    return obj


def fill_cell(cell: Any, state: Tuple) -> None:
    for value in state[0]:
        cell.cell_contents = value


def make_class(maker: Any, arguments: Tuple) -> type:
    """The class of that tracker's id, which a process that has it does not make again."""
    known = tracked(arguments[-2])
    if known is not None:
        return known
    with _without_hooks(next(argument for argument in arguments if isinstance(argument, tuple))):
        return maker(*arguments)


@contextlib.contextmanager
def _without_hooks(bases: Tuple) -> Iterator[None]:
    """The notebook's own __init_subclass__ has heard of the class where it was defined, and what it needs may not be
    here yet."""
    name = "__init_subclass__"
    found = {cls for base in bases for cls in getattr(base, "__mro__", ()) if name in cls.__dict__}
    hooks = {cls: cls.__dict__[name] for cls in found if cls in internals._DYNAMIC_CLASS_TRACKER_BY_CLASS}
    try:
        for cls in hooks:
            setattr(cls, name, classmethod(_no_hook))
        yield
    finally:
        for cls, hook in hooks.items():
            setattr(cls, name, hook)


def _no_hook(_: type, **__: Any) -> None:
    return None


def fill_class(cls: type, state: Tuple) -> None:
    setter, (attributes, slots) = state
    before = internals._extract_class_dict(cls)
    setter(cls, (attributes, slots))
    if "_member_map_" in before:
        return  # an Enum, which allows no deletion
    for name, value in before.items():
        special = name.startswith(("__", "_abc_")) or isinstance(value, types.MemberDescriptorType)
        if name not in attributes and not special:
            delattr(cls, name)


def find_class(key: str, name: str) -> type:
    cls = tracked(key)
    if cls is None:
        raise ClassMissing(key, name)
    return cls


def import_module(name: str, inner: List[str]) -> Any:
    module = importlib.import_module(name)
    for submodule in inner:
        if submodule not in sys.modules:
            try:
                importlib.import_module(submodule)
            except Exception:  # most were not imported by the user, and are not needed
                continue
    return sys.modules.get(name, module)


def make_lru_cache(func: Any, parameters: Dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(func)


def make_times(buffer: Any, shape: Tuple, strides: Tuple, dtype: Any) -> Any:
    return sys.modules["numpy"].ndarray(shape, dtype, buffer, 0, strides)


def opaque(_: int, __: bytes) -> None:
    """Stands in a pickle for what could not be pickled."""
    raise pickle.UnpicklingError("this part of a variable could not be pickled, and stands only for comparison")
