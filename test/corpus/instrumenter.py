# SPDX-License-Identifier: BSD-3-Clause
import scorep.instrumenter
import scorep.user


def leaf(n):
    return n


def work(n):
    for i in range(n):
        leaf(i)
    return n


def partly(n):
    leaf(n)
    with scorep.instrumenter.disable():
        leaf(n)
        work(n)
    return leaf(n)


def nested():
    with scorep.instrumenter.disable():
        leaf(1)
        with scorep.instrumenter.enable():
            work(2)
            with scorep.instrumenter.disable():
                work(3)
            leaf(4)
        leaf(5)
    leaf(6)


def fails():
    with scorep.instrumenter.disable():
        leaf(7)
        raise ValueError


@scorep.instrumenter.disable()
def quiet(n):
    return work(n)


@scorep.instrumenter.enable()
def loud(n):
    return work(n)


@scorep.user.region()
def half(n):
    return work(n)


with scorep.instrumenter.disable():
    work(1)
    loud(2)
    half(2)
    with scorep.user.region("in the dark"):
        leaf(3)
    with scorep.instrumenter.disable():
        work(4)
    work(5)
with scorep.instrumenter.enable():
    work(1)
work(1)
with scorep.instrumenter.disable("named"):
    work(6)
with scorep.instrumenter.disable():
    with scorep.instrumenter.enable("lit"):
        leaf(8)
    with scorep.instrumenter.disable("nothing new"):
        leaf(9)
try:
    fails()
except ValueError:
    leaf(10)
nested()
print(partly(2), quiet(3), loud(1), half(1))
