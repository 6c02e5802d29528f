# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


class Meta(type):
    def __new__(mcs, name, bases, members):
        leaf(name)
        return super().__new__(mcs, name, bases, members)

    def __call__(cls, *arguments):
        leaf("made")
        return super().__call__(*arguments)


class Shape(metaclass=Meta):
    sides = leaf(0)

    def __init__(self, size):
        self.size = size
        self._name = None

    def __init_subclass__(cls):
        leaf(cls.__name__)

    def area(self):
        return 0

    def described(self):
        return f"{self.name} {self.area()}"

    @property
    def name(self):
        return self._name or self.default_name()

    @name.setter
    def name(self, value):
        self._name = leaf(value)

    @name.deleter
    def name(self):
        self._name = None

    @classmethod
    def unit(cls):
        return cls(1)

    @staticmethod
    def default_name():
        return leaf("shape")


class Square(Shape):
    sides = 4

    class Corner:
        def angle(self):
            return leaf(90)

    def area(self):
        return super().area() + self.size**2

    def corners(self):
        return [self.Corner() for _ in range(self.sides)]


class Special(Square):
    def area(self):
        return leaf(super().area()) + 1


class Vector:
    __slots__ = ("values",)

    def __init__(self, *values):
        self.values = values

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self, other)))

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, at):
        return leaf(self.values[at])

    def __len__(self):
        return len(self.values)

    def __eq__(self, other):
        return self.values == other.values

    def __lt__(self, other):
        return len(self) < len(other)

    def __hash__(self):
        return hash(self.values)

    def __repr__(self):
        return f"<{', '.join(map(str, self))}>"

    def __bool__(self):
        return any(self)

    def __contains__(self, value):
        return leaf(value) in self.values

    def __call__(self, n):
        return leaf(n)

    def __getattr__(self, name):
        return leaf(name)

    def __del__(self):
        leaf("gone")


class Celsius:
    def __get__(self, owner, kind):
        return leaf(20)

    def __set__(self, owner, value):
        leaf(value)

    def __set_name__(self, owner, name):
        leaf(name)


class Room:
    temperature = Celsius()


shapes = [Shape(3), Square(3), Special(3), Square.unit(), Special.unit()]
for shape in shapes:
    shape.name = "s"
    del shape.name
    print(shape.described(), end=" ")
print(len(shapes[1].corners()), Square.Corner().angle())
a, b = Vector(1, 2), Vector(3, 4, 5)
print(a + b, a == Vector(1, 2), a < b, sorted([b, a]), bool(Vector(0)), 3 in b, a(1), a.nothing, a[0], len({a, b}))
room = Room()
room.temperature = room.temperature + 1
shapes.append(lambda self: leaf(self))
Room.late = shapes.pop()
room.late()
del a, b, shape, shapes, room
