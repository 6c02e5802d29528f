# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def fails(n):
    if n == 0:
        raise ValueError("bottom")
    fails(n - 1)
    leaf("not reached")


def cleans_up(n):
    try:
        fails(n)
    finally:
        leaf(n)


def catches(n):
    try:
        cleans_up(n)
    except ValueError:
        return leaf(-n)


def passes_on(n):
    try:
        fails(n)
    except ValueError as problem:
        raise KeyError(leaf("other")) from problem


def by_c():
    return int("no number")


def divides(a, b):
    return a / b


def suppresses():
    for _ in range(2):
        try:
            fails(1)
        except ValueError:
            continue
        finally:
            leaf(0)
    try:
        raise RuntimeError
    except RuntimeError:
        return leaf(1)
    finally:
        leaf(2)


def misused():
    leaf()


print([catches(n) for n in range(3)], suppresses())
try:
    passes_on(3)
except KeyError as problem:
    print(repr(problem), repr(problem.__cause__))
for function in (by_c, misused, lambda: divides(1, 0), lambda: leaf.nothing):
    try:
        function()
    except Exception as problem:
        print(type(problem).__name__)
try:
    catches.nothing
except AttributeError:
    leaf(3)
