# SPDX-License-Identifier: BSD-3-Clause
"""The standard library as it was when the worker began. Cells replace parts of it (an encoder of their own in the place
of json.dumps, a socket.socket that refuses, a clock that stands still); the worker's modules go on with what they had:
the names of modules and builtins in them stand for copies, which are made as soon as each module has been executed."""

from __future__ import annotations

import builtins
import importlib.machinery
import os
import sys
from types import FunctionType, ModuleType
from typing import Any, Dict

# What is to be seen as it is at the moment: sys.stdout, the running loop.
_LIVE = ("sys", "builtins", "asyncio")
# Those whose functions use what can be replaced, too: json.dumps calls JSONEncoder. They get copies of their functions.
_WHOLE = "genericpath importlib importlib.util json os posixpath shutil site socket subprocess sysconfig".split()
_BUILTINS = {name: value for name, value in vars(builtins).items() if not name.startswith("_")}
_STANDARD = os.path.dirname(os.__file__) + os.sep
_copies: Dict[str, ModuleType] = {}


def take(package: str) -> None:
    """Have all modules of the package use copies, those that will be imported later, too. package: its directory."""
    for directory in (package, os.path.dirname(os.path.abspath(__file__))):
        _look_after(directory)  # the folder of this module has been found already


def _look_after(directory: str) -> None:
    # Where Python looks first for what is to find the modules in a directory: nothing of users' own is changed.
    sys.path_importer_cache[directory] = _Finder(
        directory,
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (_Loader, importlib.machinery.SOURCE_SUFFIXES),
    )


class _Finder(importlib.machinery.FileFinder):
    """Finds the modules in a directory of the package, and sees to those in the packages that it finds there."""

    def find_spec(self, fullname: str, target: Any = None) -> Any:
        spec = super().find_spec(fullname, target)
        for directory in (spec.submodule_search_locations if spec else None) or ():
            _look_after(directory)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _settle(vars(module))


def _settle(names: Dict[str, Any]) -> None:
    """Let names stand for what they stand for now, whatever happens to the modules that it came from."""
    names.update((name, _copy(value)) for name, value in names.items() if is_standard(value))
    for name, value in _BUILTINS.items():
        names.setdefault(name, value)


def is_standard(value: Any) -> bool:
    """Whether it is a module of the standard library, and one of those that are copied."""
    if type(value) is not ModuleType or value.__name__ in _LIVE:
        return False
    origin = str(getattr(value.__spec__, "origin", None))
    is_library = origin.startswith(_STANDARD) and "-packages" not in origin[len(_STANDARD) :]
    return origin in ("built-in", "frozen") or is_library


def _copy(module: ModuleType) -> ModuleType:
    """The module as it was when the first of the worker's modules had imported it."""
    name = module.__name__
    if name not in _copies:
        copy = _copies[name] = ModuleType(name)
        names = vars(copy)
        names.update(vars(module))
        if name in _WHOLE:
            names.update((key, _own(value, vars(module), names)) for key, value in vars(module).items())
            _settle(names)
    return _copies[name]


def _own(value: Any, theirs: Dict[str, Any], ours: Dict[str, Any]) -> Any:
    """A function of a module that is copied whole, as one that looks up all else in the copy."""
    if type(value) is not FunctionType or value.__module__ not in _WHOLE:
        return value
    if value.__globals__ is not theirs:  # posixpath has those of genericpath
        return getattr(_copy(sys.modules[value.__module__]), value.__name__)
    function = FunctionType(value.__code__, ours, value.__name__, value.__defaults__, value.__closure__)
    function.__kwdefaults__ = value.__kwdefaults__
    return function
