# SPDX-License-Identifier: BSD-3-Clause
"""The Score-P bindings' Python API in a session, for users' code that calls it.

Where the bindings are installed they are used, with an instrumenter of ours: theirs would start a second measurement.
Where they are not, a finder at the very end of sys.meta_path, asked only when nothing else has a module of that name,
makes the parts that users' code calls; so a notebook runs unchanged. Outside of a measured cell all of it does
nothing, as the bindings' own.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType, TracebackType
from typing import Any, Callable, Dict, Optional, Sequence, Type


_USER = "user:"  # before the names of regions, as the bindings write them


def _tracer() -> Any:
    from . import _tracer as tracer  # type: ignore[attr-defined]

    return tracer


def _caller(depth: int) -> tuple:
    frame = sys._getframe(depth)
    return frame.f_code.co_filename, frame.f_lineno


def region_begin(name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
    """Enter a region of that name."""
    file, line = _caller(2)
    _tracer().region_begin(_USER + name, file_name or file, line_number or line)


def region_end(name: str) -> None:
    """Leave the innermost region of that name."""
    _tracer().region_end(_USER + name)


class region:  # noqa: N801 - the name is the bindings'
    """A context manager and a decorator: what runs in it is a region of that name."""

    def __init__(self, region_name: str = "") -> None:
        self._name = _USER + region_name if region_name else ""
        self._file, self._line = _caller(2)

    def __call__(self, function: Callable) -> Callable:
        name = self._name or f"{function.__module__}:{function.__qualname__}"
        code = function.__code__

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            _tracer().region_begin(name, code.co_filename, code.co_firstlineno)
            try:
                return function(*args, **kwargs)
            finally:
                _tracer().region_end(name)

        return wrapped

    def __enter__(self) -> "region":
        _tracer().region_begin(self._name, self._file, self._line)
        return self

    def __exit__(self, *_: object) -> None:
        _tracer().region_end(self._name)


class _Switch:
    """scorep.instrumenter.enable and disable: as a context manager, undone at its end."""

    _begin = _end = ""

    def __init__(self, region_name: str = "") -> None:
        self._region = region(region_name) if region_name else None

    def __enter__(self) -> None:
        if self._region:
            self._region.__enter__()
        getattr(_tracer(), self._begin)()

    def __exit__(
        self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        getattr(_tracer(), self._end)()
        if self._region:
            self._region.__exit__(kind, value, trace)


class enable(_Switch):  # noqa: N801
    """Record the functions called in the block."""

    _begin, _end = "resume", "suspend"


class disable(_Switch):  # noqa: N801
    """Record none of the functions called in the block."""

    _begin, _end = "suspend", "resume"


def parameter(name: str, value: Any) -> None:
    """A parameter of the innermost region."""
    _tracer().parameter(name, value)


def rewind_begin(name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
    """Enter a region that may be taken back."""
    file, line = _caller(2)
    _tracer().rewind_begin(name, file_name or file, line_number or line)


def rewind_end(name: str, value: bool) -> None:
    """Leave it; value: as if nothing had been recorded in it."""
    _tracer().rewind_end(name, value)


def force_finalize() -> None:
    """The experiment is written at the cell's end, and not before."""


class Instrumenter:
    """What the bindings' modules use in a session: scorep.instrumenter.global_instrumenter."""

    def register(self) -> None:
        _tracer().resume()

    def unregister(self) -> None:
        _tracer().suspend()

    def get_registered(self) -> bool:
        return _tracer().recording()

    def try_region_begin(self, code_object: Any) -> bool:
        return False  # begin it by name

    def try_region_end(self, code_object: Any) -> bool:
        return False

    def region_begin(
        self, module_name: str, function_name: str, file_name: str, line_number: int, code_object: Any = None
    ) -> None:
        _tracer().region_begin(f"{module_name}:{function_name}", *_known_place(file_name, line_number))

    def region_end(self, module_name: str, function_name: str, code_object: Any = None) -> None:
        _tracer().region_end(f"{module_name}:{function_name}")

    def rewind_begin(self, name: str, file_name: str, line_number: int) -> None:
        _tracer().rewind_begin(name, *_known_place(file_name, line_number))

    def rewind_end(self, name: str, value: bool) -> None:
        _tracer().rewind_end(name, value)

    def user_enable_recording(self) -> None:
        _tracer().record(True)

    def user_disable_recording(self) -> None:
        _tracer().record(False)

    def user_parameter_int(self, name: str, value: int) -> None:
        _tracer().parameter(name, value)

    user_parameter_uint = user_parameter_int

    def user_parameter_string(self, name: str, value: str) -> None:
        _tracer().parameter(name, value)

    def force_finalize(self) -> None:
        force_finalize()

    def reregister_exit_handler(self) -> None:
        pass  # there is none


def _known_place(file_name: str, line_number: int) -> tuple:
    """The bindings take the file from the module, and a notebook's cell has none."""
    if file_name != "None":
        return file_name, line_number
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "scorep":
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else (file_name, line_number)


_MODULES: Dict[str, Dict[str, Any]] = {
    "scorep": {},
    "scorep.user": {
        "region": region,
        "region_begin": region_begin,
        "region_end": region_end,
        "parameter_int": parameter,
        "parameter_uint": parameter,
        "parameter_string": parameter,
        "rewind_begin": rewind_begin,
        "rewind_end": rewind_end,
        "enable_recording": lambda: _tracer().record(True),
        "disable_recording": lambda: _tracer().record(False),
        "force_finalize": force_finalize,
    },
    "scorep.instrumenter": {"enable": enable, "disable": disable},
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if name not in _MODULES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name == "scorep")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = __doc__
        module.__dict__.update(_MODULES[module.__name__])


class _Adopter(importlib.abc.MetaPathFinder):
    """Gives the bindings' own module our instrumenter, as soon as it is imported."""

    def find_spec(
        self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if name != "scorep.instrumenter":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            module.global_instrumenter = Instrumenter()  # type: ignore[attr-defined]

        setattr(spec.loader, "exec_module", exec_module)  # of this import alone
        return spec


def offer() -> None:
    """Make the modules importable where no others of their name are, and ours where they are."""
    sys.meta_path.insert(0, _Adopter())
    sys.meta_path.append(_Finder())
