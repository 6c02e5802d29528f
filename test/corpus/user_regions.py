# SPDX-License-Identifier: BSD-3-Clause
import scorep.user


def leaf(n):
    return n


@scorep.user.region("decorated")
def decorated(n):
    return leaf(n)


@scorep.user.region()
def by_its_own_name(n):
    return leaf(n)


@scorep.user.region("recursive")
def recursive(n):
    return 0 if n == 0 else 1 + recursive(n - 1)


@scorep.user.region("failing")
def fails():
    raise ValueError(leaf(1))


def early():
    with scorep.user.region("early"):
        return leaf(2)


def numbers(n):
    with scorep.user.region("begun by a generator"):
        for i in range(n):
            leaf(i)
    yield n


class Solver:
    @scorep.user.region("solve")
    def solve(self, n):
        with scorep.user.region("step"):
            return self.step(n)

    def step(self, n):
        return leaf(n)


with scorep.user.region("one"):
    leaf(0)
    with scorep.user.region("two: with a colon"):
        leaf(1)
        with scorep.user.region("one"):
            pass
for i in range(3):
    scorep.user.region_begin("iteration")
    leaf(i)
    scorep.user.region_begin("inner")
    scorep.user.region_end("inner")
    scorep.user.region_end("iteration")
print(decorated(1), by_its_own_name(2), recursive(3), early(), list(numbers(2)), Solver().solve(4))
try:
    fails()
except ValueError:
    leaf(3)
try:
    with scorep.user.region("left by an exception"):
        fails()
except ValueError:
    leaf(4)
instrumented = scorep.user.instrument_function(leaf)
instrumented(5)
