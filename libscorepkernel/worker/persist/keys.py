# SPDX-License-Identifier: BSD-3-Clause
"""How values are called while they are pickled and under way: a key for each variable and for each class that variables
need; and the marshaller that is meant where none is named."""

from __future__ import annotations

# Also the one that looks at variables, where another carries them.
DEFAULT_MARSHALLER = "cloudpickle"
_VARIABLE, _CLASS = "v:", "c:"


def variable_key(name: str) -> str:
    """The key of the variable of that name."""
    return f"{_VARIABLE}{name}"


def class_key(identifier: str) -> str:
    """The key of a class, by its tracker's id."""
    return f"{_CLASS}{identifier}"


def is_variable(key: str) -> bool:
    """Whether it is a variable's."""
    return key.startswith(_VARIABLE)


def is_class(key: str) -> bool:
    """Whether it is a class's."""
    return key.startswith(_CLASS)


def name_in(key: str) -> str:
    """The variable's name, or the id of the class's tracker."""
    return key[len(_VARIABLE) :]
