# SPDX-License-Identifier: BSD-3-Clause


def outer(n):
    return inner(n) + helper(n)


def inner(n):
    return n


def helper(n):
    return sum(inner(i) for i in range(n))


class Thing:
    def method(self):
        return inner(1)

    def other(self):
        return helper(2)
