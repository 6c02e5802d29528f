# SPDX-License-Identifier: BSD-3-Clause
import threading


def leaf(n):
    return n


def tree(depth, name):
    leaf(name)
    if depth == 0:
        return
    branches = [threading.Thread(target=tree, args=(depth - 1, f"{name}{i}")) for i in range(2)]
    for branch in branches:
        branch.start()
    before_join(depth)
    for branch in branches:
        branch.join()


def before_join(n):
    for i in range(n):
        leaf(i)


def chain(n):
    if n:
        link = threading.Thread(target=chain, args=(n - 1,))
        link.start()
        link.join()
        for _ in range(n):
            leaf(n)


tree(3, "t")
chain(4)
timer = threading.Timer(0.001, leaf, args=("later",))
timer.start()
timer.join()
print(threading.active_count() > 0)
