# SPDX-License-Identifier: BSD-3-Clause
# arguments: --noinstrumenter
import scorep
import scorep.user


def leaf(n):
    return n


def work(n):
    for i in range(n):
        leaf(i)
    return n


@scorep.instrumenter.enable("lit")
def lit(n):
    return work(n)


@scorep.instrumenter.disable()
def dark(n):
    return work(n)


@scorep.user.region()
def named(n):
    return leaf(n)


@scorep.user.region("decorated")
def decorated(n):
    return leaf(n)


class Solver:
    @scorep.user.region()
    def step(self, n):
        return leaf(n)

    @scorep.instrumenter.enable()
    def seen(self, n):
        return leaf(n)


def everything():
    solver = Solver()
    return [lit(1), dark(1), named(1), decorated(1), solver.step(1), solver.seen(1), leaf(1)]


def nested():
    with scorep.instrumenter.disable():
        with scorep.instrumenter.disable():
            leaf(1)
        leaf(2)
        with scorep.instrumenter.enable():
            leaf(3)
            with scorep.instrumenter.enable("nothing new"):
                leaf(4)
            leaf(5)
        leaf(6)
    leaf(7)


everything()
with scorep.instrumenter.disable():
    everything()
with scorep.instrumenter.enable():
    everything()
nested()
with scorep.instrumenter.enable("around"):
    nested()
with scorep.instrumenter.disable("around the dark"):
    nested()
try:
    with scorep.instrumenter.disable():
        with scorep.instrumenter.enable("left by an exception"):
            leaf(1)
            raise ValueError
except ValueError:
    leaf(2)
print(leaf(8))
