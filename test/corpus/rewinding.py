# SPDX-License-Identifier: BSD-3-Clause
import scorep.user


def leaf(n):
    return n


def work(n):
    for i in range(n):
        leaf(i)
    return n


def attempt(n, again):
    scorep.user.rewind_begin("attempt")
    work(n)
    scorep.user.rewind_end("attempt", again)
    return leaf(n)


def nested():
    scorep.user.rewind_begin("outer")
    leaf(1)
    scorep.user.rewind_begin("inner")
    work(2)
    scorep.user.rewind_end("inner", True)
    leaf(3)
    scorep.user.rewind_end("outer", False)


def all_of_it():
    scorep.user.rewind_begin("all")
    with scorep.user.region("in the rewound"):
        scorep.user.rewind_begin("a part")
        work(3)
        scorep.user.rewind_end("a part", False)
    scorep.user.rewind_end("all", True)


for i in range(4):
    attempt(i, i % 2 == 0)
nested()
all_of_it()
scorep.user.rewind_begin("at module level")
work(2)
scorep.user.rewind_end("at module level", True)
print(leaf(5))
