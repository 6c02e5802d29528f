# SPDX-License-Identifier: BSD-3-Clause
"""The parts of the Score-P bindings' Python API that users' code calls, on the built-in tracer.

A notebook that says `import scorep.user` runs unchanged where there is no Score-P: a finder at the very end of
sys.meta_path, asked only when nothing else has a module of that name, makes these. Outside of a measured cell they
do nothing, as the bindings' own.
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
    """A parameter of the region: kept by Score-P; the built-in tracer has nowhere to show it."""


_MODULES: Dict[str, Dict[str, Any]] = {
    "scorep": {},
    "scorep.user": {
        "region": region,
        "region_begin": region_begin,
        "region_end": region_end,
        "parameter_int": parameter,
        "parameter_uint": parameter,
        "parameter_string": parameter,
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


def offer() -> None:
    """Make the modules importable where no others of their name are."""
    sys.meta_path.append(_Finder())
