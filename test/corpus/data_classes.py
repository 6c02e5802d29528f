# SPDX-License-Identifier: BSD-3-Clause
import collections
import dataclasses
import enum
import typing


def leaf(n):
    return n


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 0
    tags: list = dataclasses.field(default_factory=lambda: [leaf(1)], compare=False)

    def norm(self):
        return leaf(self.x**2 + self.y**2)


@dataclasses.dataclass(frozen=True)
class Named:
    x: int
    name: str = "p"

    def __post_init__(self):
        leaf(self.name)


class Pair(typing.NamedTuple):
    first: int
    second: int = 2

    def total(self):
        return leaf(self.first + self.second)


class Colour(enum.Enum):
    RED = leaf(1)
    BLUE = 2

    def mixed(self, other):
        return leaf((self.name, other.name))


Plain = collections.namedtuple("Plain", "a b")
p, q = Point(1, 2), Point(1, 3)
print(p, p == q, p < q, q >= p, p.norm(), dataclasses.astuple(p), dataclasses.replace(p, y=5))
try:
    Named(1).x = 2
except dataclasses.FrozenInstanceError as problem:
    print(problem)
print(hash(Named(1)) == hash(Named(1)), Named(3, name="n"))
print(Pair(1).total(), Pair(3)._replace(second=4), Plain(1, b=2)._asdict())
print(Colour.RED.mixed(Colour(2)), Colour["RED"])
