# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def numbers(n):
    for i in range(n):
        yield leaf(i)


def careful(n):
    try:
        for i in range(n):
            yield i
    finally:
        leaf(-1)


def stubborn():
    while True:
        try:
            yield leaf(1)
        except ValueError:
            leaf(2)
        except GeneratorExit:
            leaf(3)
            return


def outer(n):
    try:
        yield from careful(n)
    finally:
        leaf(-2)


def search(wanted):
    for value in careful(10):
        if value == wanted:
            return value


def refuse():
    try:
        yield 1
    except GeneratorExit:
        yield leaf(2)


for value in numbers(10):
    if value == 2:
        break
print(search(3))
closed = careful(5)
next(closed)
closed.close()
closed.close()
never_begun = careful(5)
never_begun.close()
never_resumed = careful(5)
del never_begun, never_resumed
dropped = outer(5)
print(next(dropped), next(dropped))
del dropped
thrown = stubborn()
print(next(thrown), thrown.throw(ValueError("x")), next(thrown))
thrown.close()
thrown = numbers(3)
next(thrown)
try:
    thrown.throw(KeyError("y"))
except KeyError:
    leaf(4)
thrown = numbers(3)
try:
    thrown.throw(KeyError("before it began"))
except KeyError:
    leaf(5)
refusing = refuse()
next(refusing)
try:
    refusing.close()
except RuntimeError as problem:
    print(problem)
del closed, thrown, refusing
