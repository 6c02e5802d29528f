# SPDX-License-Identifier: BSD-3-Clause
import contextlib


def leaf(n):
    return n


class Manager:
    def __init__(self, swallows=False):
        self.swallows = swallows

    def __enter__(self):
        return leaf(self)

    def __exit__(self, kind, value, trace):
        leaf(kind)
        return self.swallows


class Broken:
    def __enter__(self):
        raise OSError(leaf("enter"))

    def __exit__(self, *_):
        leaf("never")


@contextlib.contextmanager
def managed(n):
    try:
        yield leaf(n)
    except KeyError:
        leaf("swallowed")
    finally:
        leaf(-n)


def returns_from_within():
    with Manager(), managed(1) as value:
        return leaf(value)


def fails():
    raise KeyError(leaf("k"))


with Manager() as manager, managed(2):
    leaf(manager.swallows)
with Manager(swallows=True):
    fails()
with managed(3):
    with Manager():
        fails()
try:
    with Manager(), Broken():
        leaf("not reached")
except OSError:
    leaf("caught")
with contextlib.suppress(KeyError):
    fails()
with contextlib.ExitStack() as stack:
    stack.callback(leaf, "last")
    for n in range(2):
        stack.enter_context(managed(n))
    stack.enter_context(Manager(swallows=True))
    fails()
for n in range(3):
    with Manager():
        if n == 1:
            break
print(returns_from_within())
