# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def fails(n):
    raise ValueError(leaf(n))


def numbers(n):
    for i in range(n):
        yield i
    fails(n)


def catching(n):
    try:
        yield from numbers(n)
    except ValueError:
        yield leaf("caught")


def passing(values):
    for value in values:
        yield leaf(value)


def stops():
    yield 1
    raise StopIteration


def consume(values):
    try:
        return list(values)
    except (ValueError, RuntimeError) as problem:
        return type(problem).__name__


print(consume(numbers(3)), consume(catching(2)), consume(passing(passing(numbers(2)))), consume(stops()))
print(consume(fails(i) if i == 2 else leaf(i) for i in range(4)))
spent = numbers(1)
print(consume(spent), consume(spent), next(spent, "end"))
failing = passing(fails(1) if i else 0 for i in range(2))
next(failing)
try:
    next(failing)
except ValueError:
    leaf("outside")
del spent, failing
