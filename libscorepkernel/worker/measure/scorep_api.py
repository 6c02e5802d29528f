# SPDX-License-Identifier: BSD-3-Clause
"""The Python interface of Score-P's bindings, for users' code in a session: scorep.user and scorep.instrumenter.

It is there whether or not the bindings are installed, and is the same: where they are, what their modules define is
replaced by what stands here, since theirs would begin a second measurement in the process; whatever else they have
stays. `import scorep` is enough for both, as it is under `python -m scorep`. Outside of a measured cell nothing of this
does anything, as with the bindings' own. Names, arguments and meaning are the bindings' (their README, versions 4.x).

The tracer takes the functions of this file for what their callers call (KIND_THROUGH): so that a wrapper does not hide
the functions of libraries that it wraps.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import operator
import os
import sys
import types
from _thread import get_ident
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ..base import tracer

# The version of the bindings whose interface this is, for where there are none to ask.
VERSION = "4.5.1"
FILE = os.path.abspath(__file__)
_USER, _SWITCHED = "user:", "user_instrumenter:"  # before the names of regions, as the bindings write them


class _Nothing:
    """In place of the tracer, for a Python that it was not built for."""

    def __getattr__(self, name: str) -> Callable:
        return lambda *_: False


_tracer: Any = tracer.extension or _Nothing()  # that it is missing, measured cells say

_told: Set[str] = set()
# Taken now: users' code may replace what a module is found to hold later.
_index, _getframe = operator.index, sys._getframe


def begin_cell() -> None:
    """A measured cell begins: what is told once in a cell may be told again."""
    _told.clear()


def _tell(what: str, text: str) -> None:
    """Tell the user the first time that it happens in a cell."""
    if what not in _told:
        _told.add(what)
        print(text, file=sys.stderr, flush=True)


class Preparation:
    """The run of an instrumenter file before a measured cell: what it registers is for the cell, and what it decorates
    is decorated once, however many cells there are."""

    current: Optional["Preparation"] = None
    _count = 0

    def __init__(self, instruments: bool) -> None:
        self.registered = instruments
        Preparation._count += 1
        self.number = Preparation._count

    def __enter__(self) -> "Preparation":
        Preparation.current = self
        return self

    def __exit__(self, *_: object) -> None:
        Preparation.current = None


def _resume() -> None:
    if Preparation.current:
        Preparation.current.registered = True
    else:
        _tracer.resume()


def _suspend() -> None:
    if Preparation.current:
        Preparation.current.registered = False
    else:
        _tracer.suspend()


def _recording() -> bool:
    return Preparation.current.registered if Preparation.current else _tracer.recording()


def _caller(depth: int = 2) -> Tuple[str, int]:
    """The place in the source that called the function which calls this."""
    frame = _getframe(depth)
    return frame.f_code.co_filename, frame.f_lineno


def _place(file_name: Optional[str], line_number: Optional[int]) -> Tuple[str, int]:
    """The same, where the caller may have said it."""
    if file_name is None or line_number is None:
        return _caller(3)
    return os.path.abspath(file_name), line_number


# --- scorep.user -----------------------------------------------------------------------------------------


def region_begin(name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
    """Enter a region of that name. It is left by region_end(name), or with the function that began it."""
    _tracer.region_begin(_USER + name, *_place(file_name, line_number))


def region_end(name: str) -> None:
    """Leave the innermost region of that name, begun in this thread. If there is none, the trace gets an
    error_region."""
    if not _tracer.region_end(_USER + name):
        _tracer.stray_end(_USER + name, *_caller())
        _tell(
            "region_end",
            f"scorep.user.region_end({name!r}): no region of that name is open in this thread. The trace has an "
            "error_region for each such end; this is said once in a cell.",
        )


class region:  # noqa: N801 - the name is the bindings'
    """A context manager and a decorator: what runs in it is a region of that name. As a decorator without a name it is
    the function's own region, also while functions are not recorded."""

    def __init__(self, region_name: str = "") -> None:
        self.region_name = region_name
        self._name = _USER + region_name

    def __call__(self, func: Callable) -> Callable:
        return _by_a_name(func, self._name) if self.region_name else _by_its_name(func)

    def __enter__(self) -> "region":
        if not self.region_name:
            raise RuntimeError("A region name needs to be specified.")
        _tracer.region_begin(self._name, *_caller())
        return self

    def __exit__(self, *_: object) -> None:
        _tracer.region_end(self._name)


def _by_its_name(func: Callable) -> Callable:
    named = _unwrapped(func)
    if not isinstance(named, types.FunctionType):  # it is never recorded by itself
        return _by_a_name(func, f"{getattr(func, '__module__', None) or 'builtins'}:{_name_of(func)}")

    def inner(*args: Any, **kwds: Any) -> Any:
        number = _tracer.function_begin(named)
        try:
            return func(*args, **kwds)
        finally:
            _tracer.function_end(number)

    return _like(func, inner, region)


def _by_a_name(func: Callable, name: str) -> Callable:
    place = _place_of(func)

    def inner(*args: Any, **kwds: Any) -> Any:
        _tracer.region_begin(name, *place)
        try:
            return func(*args, **kwds)
        finally:
            _tracer.region_end(name)

    return _like(func, inner, region)


def _name_of(func: Callable) -> str:
    return getattr(func, "__name__", None) or type(func).__name__


def _place_of(func: Callable) -> Tuple[str, int]:
    code = getattr(_unwrapped(func), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if isinstance(code, types.CodeType) else ("None", 0)


def _unwrapped(func: Callable) -> Callable:
    """The function below wrappers of ours."""
    while _is_ours(func):
        func = func.__wrapped__  # type: ignore[attr-defined]
    return func


def _is_ours(func: Callable) -> bool:
    return isinstance(func, types.FunctionType) and func.__code__.co_filename == FILE and hasattr(func, "__wrapped__")


def _like(func: Any, inner: Any, by: type) -> Callable:
    """The wrapper, looking like what it wraps, and saying which decorator made it. functools.wraps, which is Python
    code of a library, would be recorded."""
    for name in functools.WRAPPER_ASSIGNMENTS:
        try:
            setattr(inner, name, getattr(func, name))
        except AttributeError:
            pass
    inner.__dict__.update(getattr(func, "__dict__", {}))
    inner.__wrapped__, inner.__scorep_decorator__ = func, by
    return inner


def instrument_function(fun: Callable, instrumenter_fun: Callable = region) -> Callable:
    """The function, decorated: by region, or by an enable or disable of scorep.instrumenter. One that is decorated so
    already is returned as it is: an instrumenter file runs before each measured cell of a session."""
    preparation = Preparation.current
    number, original = getattr(fun, "__scorep_prepared__", (0, None))
    if preparation and original is not None and number != preparation.number:
        fun = original  # it was decorated for an earlier cell
    if getattr(fun, "__scorep_decorator__", None) is instrumenter_fun:
        return fun
    decorated = instrumenter_fun()(fun)
    if preparation:
        try:
            setattr(decorated, "__scorep_prepared__", (preparation.number, fun))
        except AttributeError:  # of somebody else's decorator, whose result takes none
            pass
    return decorated


def instrument_module(module: ModuleType, instrumenter_fun: Callable = region) -> None:
    """Decorate all functions of a module."""
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType):
            setattr(module, name, instrument_function(value, instrumenter_fun))


def parameter_int(name: str, val: int) -> None:
    """A parameter of the innermost region: a whole number of 64 bits. OverflowError: it has more."""
    _tracer.parameter(name, _index(val))


def parameter_uint(name: str, val: int) -> None:
    """The same for one that is not negative."""
    _tracer.parameter(name, _index(val), False)


def parameter_string(name: str, string: str) -> None:
    """The same for a text."""
    if not isinstance(string, str):
        raise TypeError(f"parameter_string() wants a text, not {type(string).__name__}")
    _tracer.parameter(name, string)


def rewind_begin(name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
    """Begin a region that may be taken back from the trace."""
    _tracer.rewind_begin(name, *_place(file_name, line_number))


def rewind_end(name: str, value: bool) -> None:
    """End it. value: whether the trace is to be as if nothing had been recorded in it."""
    if not _tracer.rewind_end(name, value):
        _tell(
            "rewind_end",
            f"scorep.user.rewind_end({name!r}): no rewind region of that name has begun in this thread. Nothing was "
            "taken back.",
        )


def oa_region_begin(name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
    """Enter a phase for Score-P's online access, which Score-P 8 does not have any more: a region of that name."""
    _tracer.region_begin(name, *_place(file_name, line_number))


def oa_region_end(name: str) -> None:
    """Leave it."""
    if not _tracer.region_end(name):
        _tracer.stray_end(name, *_caller())
        _tell(
            "region_end",
            f"scorep.user.oa_region_end({name!r}): no phase of that name is open in this thread. The trace has an "
            "error_region for each such end; this is said once in a cell.",
        )


def enable_recording() -> None:
    """Undo disable_recording()."""
    _tracer.record(True)


def disable_recording() -> None:
    """Record nothing at all, in all threads, until enable_recording()."""
    _tracer.record(False)


def force_finalize() -> None:
    """Write the experiment now. What comes after it in the cell is not recorded."""
    if Preparation.current:
        _tell("finalize", "scorep.user.force_finalize() has no effect before the cell, where nothing is measured yet.")
    _tracer.finalize()


def reregister_exit_handler() -> None:
    """The kernel writes an experiment when its cell ends, and needs no handler at exit."""


# --- scorep.instrumenter ---------------------------------------------------------------------------------


class Instrumenter:
    """What records functions, as the bindings' own modules use it."""

    def register(self) -> None:
        """Record functions."""
        _resume()

    def unregister(self) -> None:
        """Record none."""
        _suspend()

    def get_registered(self) -> bool:
        """Whether functions are recorded."""
        return _recording()

    def run(self, cmd: Any, globals: Optional[dict] = None, locals: Optional[dict] = None) -> None:
        """Execute code with functions being recorded."""
        before = _recording()
        _resume()
        try:
            exec(cmd, {} if globals is None else globals, {} if locals is None else locals)
        finally:
            if not before:
                _suspend()

    def try_region_begin(self, code_object: Any) -> bool:
        """Whether a region of the code object was entered: no, begin it by name."""
        return False

    def try_region_end(self, code_object: Any) -> bool:
        """Whether a region of the code object was left: no, end it by name."""
        return False

    def region_begin(
        self, module_name: str, function_name: str, file_name: str, line_number: int, code_object: Any = None
    ) -> None:
        """Enter the region module_name:function_name."""
        _tracer.region_begin(f"{module_name}:{function_name}", file_name, line_number)

    def region_end(self, module_name: str, function_name: str, code_object: Any = None) -> None:
        """Leave it."""
        name = f"{module_name}:{function_name}"
        if not _tracer.region_end(name):
            _tracer.stray_end(name, *_caller())

    def rewind_begin(self, name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
        """As scorep.user.rewind_begin."""
        _tracer.rewind_begin(name, *_place(file_name, line_number))

    def oa_region_begin(self, name: str, file_name: Optional[str] = None, line_number: Optional[int] = None) -> None:
        """As scorep.user.oa_region_begin."""
        _tracer.region_begin(name, *_place(file_name, line_number))

    oa_region_end = staticmethod(oa_region_end)
    rewind_end = staticmethod(rewind_end)
    user_enable_recording = staticmethod(enable_recording)
    user_disable_recording = staticmethod(disable_recording)
    user_parameter_int = staticmethod(parameter_int)
    user_parameter_uint = staticmethod(parameter_uint)
    user_parameter_string = staticmethod(parameter_string)
    force_finalize = staticmethod(force_finalize)
    reregister_exit_handler = staticmethod(reregister_exit_handler)


_instrumenter = Instrumenter()
_TYPES = ("profile", "trace", "dummy", "cTrace", "cProfile")


def has_c_instrumenter() -> bool:
    """Whether there are instrumenters that are not written in Python."""
    return True


def get_instrumenter(enable_instrumenter: bool = False, instrumenter_type: str = "dummy") -> Instrumenter:
    """What records functions: there is one. RuntimeError: there is no such type."""
    if instrumenter_type not in _TYPES:
        raise RuntimeError(f'instrumenter_type "{instrumenter_type}" is unknown; there are {", ".join(_TYPES)}')
    return _instrumenter


def register() -> None:
    """Record the functions of this thread, and of threads that begin from now on."""
    _resume()


def unregister() -> None:
    """Record none of them."""
    _suspend()


class _Switch:
    """As a context manager and as a decorator: what it does to this thread is undone at its end."""

    _turns_on = False

    def __init__(self, region_name: str = "") -> None:
        self.region_name = region_name
        self._name = _SWITCHED + region_name
        self._entered: Dict[int, List[bool]] = {}  # by thread

    def __call__(self, func: Callable) -> Callable:
        place = _place_of(func)

        def inner(*args: Any, **kwds: Any) -> Any:
            switched = self._switch(place)
            try:
                return func(*args, **kwds)
            finally:
                self._undo(switched)

        return _like(func, inner, type(self))

    def __enter__(self) -> None:
        self._entered.setdefault(get_ident(), []).append(self._switch(_caller()))

    def __exit__(self, *_: object) -> None:
        thread = get_ident()
        if thread not in self._entered:  # it is ended in another one than it was begun in
            thread = next(iter(self._entered), thread)
        entered = self._entered.get(thread)
        if entered:
            self._undo(entered.pop())
        if not entered:
            self._entered.pop(thread, None)

    def _switch(self, place: Tuple[str, int]) -> bool:
        """Whether there is something to undo: as with the bindings, a region is made only then."""
        if _recording() == self._turns_on:
            return False
        self._begin(place)
        return True

    def _begin(self, place: Tuple[str, int]) -> None:
        raise NotImplementedError

    def _undo(self, switched: bool) -> None:
        raise NotImplementedError


class enable(_Switch):  # noqa: N801
    """Record the functions that are called in it. With a name it is a region, too."""

    _turns_on = True

    def _begin(self, place: Tuple[str, int]) -> None:
        if self.region_name:
            _tracer.region_begin(self._name, *place)
        _resume()

    def _undo(self, switched: bool) -> None:
        if switched:
            _suspend()
            if self.region_name:
                _tracer.region_end(self._name)


class disable(_Switch):  # noqa: N801
    """Record none of the functions that are called in it. With a name it is a region, though."""

    def _begin(self, place: Tuple[str, int]) -> None:
        _suspend()
        if self.region_name:
            _tracer.region_begin(self._name, *place)

    def _undo(self, switched: bool) -> None:
        if switched:
            if self.region_name:
                _tracer.region_end(self._name)
            _resume()


# --- the modules -----------------------------------------------------------------------------------------


def _named(module: str, *members: Any) -> Dict[str, Any]:
    """A module's content. Its members are found there when they are pickled."""
    for member in members:
        member.__module__ = module
    return {member.__name__: member for member in members}


_MODULES: Dict[str, Dict[str, Any]] = {
    "scorep.user": _named(
        "scorep.user",
        *(region, region_begin, region_end, instrument_function, instrument_module, rewind_begin, rewind_end),
        *(parameter_int, parameter_uint, parameter_string, enable_recording, disable_recording),
        *(force_finalize, reregister_exit_handler, oa_region_begin, oa_region_end),
    ),
    "scorep.instrumenter": {
        **_named("scorep.instrumenter", enable, disable, register, unregister, get_instrumenter, has_c_instrumenter),
        "global_instrumenter": _instrumenter,
    },
    "scorep": {},
}


def _complete(module: ModuleType) -> None:
    """A module of that name has been made: give it what is ours."""
    name = module.__name__
    module.__dict__.update(_MODULES[name])
    if name == "scorep.user":
        _tracer.take_time()  # regions with parameters are missing in Score-P's profile
    if name == "scorep":
        module.__dict__.setdefault("__version__", VERSION)
        for inner in ("scorep.instrumenter", "scorep.user"):
            importlib.import_module(inner)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked when nothing else has a module of that name."""

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
        _complete(module)


class _Completer(importlib.abc.MetaPathFinder):
    """Completes the bindings' own modules, as soon as they are imported."""

    def find_spec(
        self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if name not in _MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or not spec.origin:
            return None
        if name == "scorep" and not _are_bindings(spec):
            return None  # a module of the user's own that has this name
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _complete(module)

        setattr(spec.loader, "exec_module", exec_module)  # of this import alone
        return spec


def _are_bindings(spec: importlib.machinery.ModuleSpec) -> bool:
    places = spec.submodule_search_locations or ()
    names = ("instrumenter.py", "__main__.py")
    return any(os.path.exists(os.path.join(place, name)) for place in places for name in names)


def offer() -> None:
    """Make the modules importable where no others of their name are, and ours where they are."""
    sys.meta_path.insert(0, _Completer())
    sys.meta_path.append(_Finder())
    for name in _MODULES:  # `python -m scorep` has imported them
        if name in sys.modules:
            _complete(sys.modules[name])
