# SPDX-License-Identifier: BSD-3-Clause
"""Variables that could not travel: what is said of them, and what stands in for them."""

from __future__ import annotations

from collections import deque
from types import FunctionType, MethodType
from typing import Any, Dict, Iterator, NamedTuple, Tuple

# The search for the culprit is no reason to look at everything.
_MAX_SEARCHED = 100_000
_MAX_TEXT = 500


class NotTransferred(NamedTuple):
    """A variable that could not travel. type and path are those of the culprit in it, as far as it was found."""

    name: str
    type: str
    path: str
    reason: str


class VariableNotTransferred(RuntimeError):
    """A variable was used that could not travel to this process."""


# A metaclass may have attributes of its own, or raise at each.
_QUALNAME: Any = vars(type)["__qualname__"]
_MODULE: Any = vars(type)["__module__"]


def qualified_name(kind: type) -> str:
    """A class's name as it is defined."""
    return _QUALNAME.__get__(kind)


def type_name(value: Any) -> str:
    """The name of a value's type, as Python's own messages have it."""
    kind, module = qualified_name(type(value)), "builtins"
    try:
        module = str(_MODULE.__get__(type(value)))
    except Exception:  # it may be missing, or of a kind of the user's
        pass
    return kind if module in ("builtins", "__main__") else f"{module}.{kind}"


def describe(problem: BaseException) -> str:
    """An exception in a line; users' exceptions may fail to print."""
    try:
        text = str(problem)
    except Exception:
        text = ""
    text = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + " ..."
    kind = qualified_name(type(problem)).rpartition(".")[2]
    return f"{kind}: {text}" if text else kind


def path_to(culprit: Any, value: Any, name: str) -> str:
    """How to get from a variable to the culprit in it; the variable's name if it is not found."""
    queue = deque([(value, name)])
    seen = {id(value): value}
    while queue:
        here, path = queue.popleft()
        if here is culprit:
            return path
        try:
            for step, child in _children(here):
                if id(child) not in seen and len(seen) < _MAX_SEARCHED:
                    seen[id(child)] = child
                    queue.append((child, path + step))
        except Exception:  # users' containers may fail to be looked at
            continue
    return name


def _children(value: Any) -> Iterator[Tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"[{repr(key)[:40]}]" if isinstance(key, (str, int, float)) else f"[<{type_name(key)}>]", child
            yield ".<key>", key
    elif isinstance(value, (list, tuple, deque)):
        yield from ((f"[{position}]", child) for position, child in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((".<element>", child) for child in value)
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, FunctionType):
        for variable, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
            try:
                yield f".<closure>.{variable}", cell.cell_contents
            except ValueError:
                continue  # an empty cell
        yield from ((f".__defaults__[{position}]", child) for position, child in enumerate(value.__defaults__ or ()))
    yield from ((f".{key}", child) for key, child in list(getattr(value, "__dict__", {}).items()))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            member = kind.__dict__.get(slot)
            if member is not None and hasattr(value, slot):
                yield f".{slot}", member.__get__(value, kind)
    # What C code keeps is named by the standard library's own attributes.
    for attribute in ("func", "args", "keywords", "func_closure", "default_factory"):
        if type(value).__module__ in ("functools", "collections") and hasattr(value, attribute):
            yield f".{attribute}", getattr(value, attribute)


REMEDY = (
    "Make such objects in the cell that uses them, or measure in the session with %%marshalling_settings "
    "PROCESS=session."
)


class StandIn:
    """Bound to the name of a variable that was not transferred: any use of it says why it is not there."""

    __slots__ = ("_lost",)

    def __init__(self, lost: NotTransferred) -> None:
        object.__setattr__(self, "_lost", lost)

    def __repr__(self) -> str:
        return f"<{explain(object.__getattribute__(self, '_lost'))}>"

    def __getattr__(self, name: str) -> Any:
        # Python and IPython ask everything for such; that is no use of it. NumPy would make an array of the stand-in.
        asked = name.startswith(("__", "_repr_", "_ipython_")) and not name.startswith("__array")
        raise AttributeError(name) if asked else VariableNotTransferred(explain(object.__getattribute__(self, "_lost")))


def explain(lost: NotTransferred) -> str:
    """Why a variable is not there, for people."""
    where = "" if lost.path == lost.name else f" (at {lost.path})"
    return (
        f"the variable {lost.name!r} is not available in this process, because it holds a {lost.type}{where} "
        f"that cannot be taken to another process: {lost.reason.rstrip('.')}. {REMEDY}"
    )


def _refuse(self: StandIn, *_: Any, **__: Any) -> Any:
    raise VariableNotTransferred(explain(object.__getattribute__(self, "_lost")))


_BINARY = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
_USES = (
    "call getitem setitem delitem contains len iter next reversed bool int float complex index round neg pos abs "
    "invert lt le eq ne gt ge hash str bytes format enter exit aenter aexit await aiter anext setattr delattr "
    "reduce reduce_ex copy deepcopy fspath length_hint array array_ufunc array_function "
    + " ".join(f"{name} r{name} i{name}" for name in _BINARY.split())
)


def _guard() -> None:
    methods: Dict[str, Any] = {f"__{name}__": _refuse for name in _USES.split()}
    for name, method in methods.items():
        setattr(StandIn, name, method)


_guard()
