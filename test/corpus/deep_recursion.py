# SPDX-License-Identifier: BSD-3-Clause
def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def fails(n):
    if n == 0:
        raise RuntimeError
    fails(n - 1)


def generate(n):
    if n:
        yield n
        yield from generate(n - 1)


def bounce(n):
    return n if n == 0 else (lambda: bounce(n - 1))()


print(down(400), sum(generate(50)), bounce(200))
try:
    fails(400)
except RuntimeError:
    down(3)
