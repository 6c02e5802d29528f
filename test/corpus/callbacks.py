# SPDX-License-Identifier: BSD-3-Clause
import bisect
import functools
import heapq
import itertools
import json
import re


def key(x):
    return -x


def compare(a, b):
    return (a > b) - (a < b)


def double(x):
    return leaf(x) * 2


def leaf(x):
    return x


def add(a, b):
    return a + b


def odd(x):
    return x % 2


def upper(match):
    return leaf(match.group().upper())


def default(value):
    return sorted(value, key=key)


def fails(x):
    raise LookupError(x)


class Ordered:
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return leaf(self.n) < other.n


values = [3, 1, 2, 5]
print(sorted(values, key=key), sorted(values, key=functools.cmp_to_key(compare)), max(values, key=key))
print(list(map(double, values)), list(filter(odd, values)), functools.reduce(add, values, 10))
print(re.sub(r"[a-z]+", upper, "ab1cd2"), json.dumps({"s": {1, 2}}, default=default), json.loads("[1, 2.5]", parse_int=leaf))
print([o.n for o in sorted(map(Ordered, values))], bisect.bisect_left([1, 2, 3], -2, key=key))
print(list(itertools.accumulate(values, add)), [(k, len(list(g))) for k, g in itertools.groupby(values, odd)])
print(heapq.nsmallest(2, values, key=leaf), list(itertools.takewhile(odd, [1, 3, 4])), list(itertools.starmap(add, [(1, 2)])))
print(functools.partial(add, 1)(2), list(iter(functools.partial(next, iter(map(leaf, [1, 2, 9]))), 9)))
for call in (lambda: sorted(values, key=fails), lambda: list(map(fails, values)), lambda: re.sub("a", fails, "aa")):
    try:
        call()
    except LookupError:
        leaf("caught")
