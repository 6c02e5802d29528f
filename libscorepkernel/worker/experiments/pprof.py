# SPDX-License-Identifier: BSD-3-Clause
"""What was sampled of a measured cell as a profile for pprof: its profile.proto, as gzip-compressed protocol buffers.
So little of that encoding is needed that it is written here: whole numbers, and bytes with their length in front."""

from __future__ import annotations

import gzip
from typing import Dict, Iterable, List, NamedTuple

from . import samples

# The numbers of fields in profile.proto.
_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING, _DURATION, _COMMENT, _DEFAULT_TYPE = 1, 2, 4, 5, 6, 10, 13, 14
_TYPE_NAME, _TYPE_UNIT = 1, 2
_SAMPLE_LOCATIONS, _SAMPLE_VALUES, _SAMPLE_LABEL = 1, 2, 3
_LABEL_KEY, _LABEL_TEXT, _LABEL_NUMBER = 1, 2, 3
_LOCATION_ID, _LOCATION_LINE = 1, 4
_LINE_FUNCTION, _LINE_NUMBER = 1, 2
_FUNCTION_ID, _FUNCTION_NAME, _FUNCTION_FILE, _FUNCTION_LINE = 1, 2, 4, 5
# How a field is encoded: as one number, or as bytes.
_VARINT, _BYTES = 0, 2
# The values of each sample: how often it was seen, then its time as a whole and by what it was spent on.
_TYPES = ("samples", "wall", "python", "native", "waiting", "gil")


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all bytes but the last have their highest bit set."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _message(field: int, *parts: bytes) -> bytes:
    return _bytes(field, b"".join(parts))


def _numbers(field: int, values: Iterable[int]) -> bytes:
    return _bytes(field, b"".join(map(_varint, values)))


class _Strings:
    """Texts, which the rest names by their numbers. The first is empty."""

    def __init__(self) -> None:
        self._numbers = {"": 0}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def encoded(self) -> List[bytes]:
        return [_bytes(_STRING, text.encode("utf-8", "replace")) for text in self._numbers]


class _Place(NamedTuple):
    function: int
    line: int


class _Profile:
    """What is gathered of the tree. Functions and locations have numbers from 1 on."""

    def __init__(self, sampled: samples.Samples) -> None:
        self._sampled = sampled
        self._strings = _Strings()
        self._locations: Dict[_Place, int] = {}
        self._samples: List[bytes] = []
        self.ns: Dict[int, int] = {}  # by thread

    def gather(self) -> None:
        nodes = self._sampled.nodes
        locations = [self._location_of(node) for node in nodes]
        for number, node in enumerate(nodes):
            if node.samples or any(node.own):
                self._add(node, [locations[at] for at in samples.stack(nodes, number) if locations[at]])

    def _add(self, node: samples.Node, stack: List[int]) -> None:
        """stack: innermost first, as pprof has it."""
        if stack:
            self._samples.append(self._sample(node, stack))
            self.ns[node.thread] = self.ns.get(node.thread, 0) + sum(node.own)

    def _location_of(self, node: samples.Node) -> int:
        """0 for what is left out."""
        if node.function < 0 or not self._sampled.functions[node.function].is_shown:
            return 0
        place = _Place(node.function, node.line or self._sampled.functions[node.function].line)
        return self._locations.setdefault(place, len(self._locations) + 1)

    def _sample(self, node: samples.Node, stack: List[int]) -> bytes:
        thread = self._sampled.threads[node.thread]
        labels = [self._label("thread", _number(_LABEL_TEXT, self._strings.number(thread.name)))]
        if thread.rank >= 0:
            labels.append(self._label("rank", _number(_LABEL_NUMBER, thread.rank)))
        values = (node.samples, sum(node.own), *node.own)
        return _message(_SAMPLE, _numbers(_SAMPLE_LOCATIONS, stack), _numbers(_SAMPLE_VALUES, values), *labels)

    def _label(self, key: str, value: bytes) -> bytes:
        return _message(_SAMPLE_LABEL, _number(_LABEL_KEY, self._strings.number(key)), value)

    def encoded(self, comment: str) -> bytes:
        types = [self._type(name, "count" if name == "samples" else "nanoseconds") for name in _TYPES]
        locations = [self._location(number, place) for place, number in self._locations.items()]
        functions = [self._function(number) for number in sorted({place.function for place in self._locations})]
        rest = [
            _number(_DURATION, max(self.ns.values(), default=0)),
            _number(_COMMENT, self._strings.number(comment)),
            _number(_DEFAULT_TYPE, self._strings.number("wall")),
        ]
        # Last, as all that comes before adds to them.
        return b"".join([*types, *self._samples, *locations, *functions, *rest, *self._strings.encoded()])

    def _type(self, name: str, unit: str) -> bytes:
        parts = _number(_TYPE_NAME, self._strings.number(name)), _number(_TYPE_UNIT, self._strings.number(unit))
        return _message(_TYPE, *parts)

    @staticmethod
    def _location(number: int, place: _Place) -> bytes:
        line = _number(_LINE_FUNCTION, place.function + 1), _number(_LINE_NUMBER, place.line)
        return _message(_LOCATION, _number(_LOCATION_ID, number), _message(_LOCATION_LINE, *line))

    def _function(self, number: int) -> bytes:
        """Without the system's name for it: pprof takes a name that is the same for one of C++, and would take
        <module> for a template."""
        function = self._sampled.functions[number]
        return _message(
            _FUNCTION,
            _number(_FUNCTION_ID, number + 1),
            _number(_FUNCTION_NAME, self._strings.number(function.name)),
            _number(_FUNCTION_FILE, self._strings.number(function.place if function.cell else function.file)),
            _number(_FUNCTION_LINE, function.line),
        )


def made(sampled: samples.Samples, directory: str) -> bytes:
    """The profile as a file. directory: the experiment's."""
    profile = _Profile(sampled)
    profile.gather()
    # Without the time, so that one experiment gives one file, whenever it is exported.
    return gzip.compress(profile.encoded(f"Experiment: {directory}"), mtime=0)
