# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import functools

calls = []


def traced(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        calls.append(function.__name__)
        return function(*arguments, **named)

    return wrapper


def repeated(times):
    def decorate(function):
        def wrapper(*arguments):
            return [function(*arguments) for _ in range(times)]

        return wrapper

    return decorate


class Counted:
    def __init__(self, function):
        self.function = function
        self.count = 0

    def __call__(self, *arguments):
        self.count += 1
        return self.function(*arguments)


def registered(cls):
    cls.extra = traced(lambda self: leaf("extra"))
    return cls


@traced
def leaf(n):
    return n


@repeated(3)
@traced
def twice(n):
    return leaf(leaf(n))


@Counted
def counted(n):
    return leaf(n)


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@functools.singledispatch
def shown(value):
    return leaf(value)


@shown.register
def _(value: int):
    return value + 1


@registered
class Thing:
    @traced
    def method(self):
        return leaf(1)

    @classmethod
    @traced
    def make(cls):
        return cls()

    @functools.cached_property
    def costly(self):
        return leaf(2)


@contextlib.contextmanager
def around(n):
    leaf(n)
    yield
    leaf(-n)


@around(5)
def surrounded():
    return leaf(0)


thing = Thing.make()
print(twice(4), counted(1), counted(2), counted.count, fib(10), fib(10), shown("x"), shown(1))
print(thing.method(), thing.costly, thing.costly, thing.extra(), surrounded(), len(calls))
del around, surrounded  # what is made and never run: else a second run in the same session would close it
