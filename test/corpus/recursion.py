# SPDX-License-Identifier: BSD-3-Clause
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def hanoi(n, source, target, spare):
    if n == 0:
        return 0
    return hanoi(n - 1, source, spare, target) + 1 + hanoi(n - 1, spare, target, source)


def depth(tree):
    return 1 + max((depth(branch) for branch in tree), default=0)


print(fib(9), hanoi(5, "a", "b", "c"), depth([[], [[], [[]]], []]))
