# SPDX-License-Identifier: BSD-3-Clause
import asyncio
import concurrent.futures
import functools
import threading

import scorep.user


class Node:
    def __init__(self, value, *children):
        self.value = value
        self.children = children

    def __iter__(self):
        yield self.value
        for child in self.children:
            yield from child

    @property
    def total(self):
        return sum(self)

    @classmethod
    def full(cls, depth):
        return cls(depth, *(cls.full(depth - 1) for _ in range(2) if depth))


class Failed(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = checked(value)


def checked(value, limit=100):
    if value > limit:
        raise Failed(value - limit)
    return value


def retried(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(value):
            for _ in range(times):
                try:
                    return function(value)
                except Failed as problem:
                    value = problem.value
            return value

        return wrapper

    return decorate


@retried(3)
def solve(value):
    with scorep.user.region("solve"):
        return checked(value)


def in_pool(values):
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return list(pool.map(solve, values))


def search(tree, wanted):
    for value in tree:
        if value == wanted:
            return value


results = []


def in_thread(tree):
    asyncio.run(pausing(tree))


async def pausing(tree):
    for value in sorted(tree, key=lambda v: -v):
        await asyncio.sleep(0)
        results.append(checked(value))


tree = Node.full(3)
print(tree.total, search(tree, 1), solve(250), in_pool([1, 150, 320]))
print(eval("tree.total"), [solve(n) for n in tree.children[0]])
thread = threading.Thread(target=in_thread, args=(tree,))
thread.start()
with scorep.user.region("outside"):
    search(tree, 0)
thread.join()
print(results)
