# SPDX-License-Identifier: BSD-3-Clause
"""NumPy's arrays that share memory. Pickled by themselves they would arrive as copies of each other; so the largest of
them is the anchor, and the others travel as what they are of it. Nothing here imports NumPy: an array is proof that
it is loaded."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional, Tuple


def array_type() -> Optional[type]:
    """numpy.ndarray, where NumPy is loaded."""
    return getattr(sys.modules.get("numpy"), "ndarray", None)


def has_memory(array: Any) -> bool:
    """Whether an array's content is plain memory."""
    return array.nbytes > 0 and not array.dtype.hasobject


def root(array: Any) -> Any:
    """The array whose memory an array uses, perhaps itself."""
    kind = type(array)
    while type(array.base) is kind:
        array = array.base
    return array


def address(array: Any) -> int:
    """The address of an array's first element."""
    return array.__array_interface__["data"][0]


def bounds(array: Any) -> Tuple[int, int]:
    """The first address of the memory that an array spans, and the one behind its last."""
    low = high = address(array)
    for length, stride in zip(array.shape, array.strides):
        reach = (length - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low, high + array.itemsize


def anchors(arrays: List[Any], preferred: Dict[int, Any]) -> Dict[int, Any]:
    """For each root (its id) that several arrays share: the array of which the others are parts."""
    groups: Dict[int, Dict[int, Any]] = {}
    for array in arrays:
        groups.setdefault(id(root(array)), {})[id(array)] = array
    found = {}
    for key, group in groups.items():
        if len(group) < 2:
            continue
        spans = [bounds(array) for array in group.values()]
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        # One that covers all and is known by name; else one that covers all; else the root, which nobody may name.
        covering = [a for a in group.values() if a.flags.forc and bounds(a) == (low, high)]
        covering.sort(key=lambda a: id(a) not in preferred)
        whole = root(next(iter(group.values())))
        anchor = covering[0] if covering else whole
        if anchor.flags.forc:
            found[key] = anchor
    return found


def part_of(array: Any, anchor: Any) -> Optional[Tuple]:
    """What view() needs to make array of anchor; None if it is no part of it."""
    low, high = bounds(anchor)
    begin, end = bounds(array)
    if begin < low or end > high:
        return None
    layout = (address(array) - low, array.shape, array.strides, array.dtype)
    return (*layout, bool(array.flags.writeable))


def linear(array: Any) -> Any:
    """The bytes of a contiguous array, in the order in which they lie, and not copied."""
    return array.reshape(-1, order="A").view("u1")


def view(anchor: Any, offset: int, shape: Tuple, strides: Tuple, dtype: Any, writeable: bool) -> Any:
    """Make of anchor the array that part_of() has described."""
    array = type(anchor)(shape, dtype, buffer=linear(anchor), offset=offset, strides=strides)
    if not writeable:
        array.flags.writeable = False
    return array


def is_alike(new: Any, old: Any) -> bool:
    """Whether the content of new can be put into old."""
    return (
        type(old) is type(new)
        and old.shape == new.shape
        and old.dtype == new.dtype
        and bool(old.flags.writeable)
        and bool(new.flags.writeable)
    )
