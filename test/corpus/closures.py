# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def adder(n):
    def add(m):
        return leaf(n + m)

    return add


def counter():
    count = 0

    def step(by=1):
        nonlocal count
        count += by
        return count

    def reset():
        nonlocal count
        count = leaf(0)

    return step, reset


def compose(*functions):
    if not functions:
        return lambda x: x
    first, *rest = functions
    return lambda x: compose(*rest)(first(x))


def layers(n):
    def layer(m):
        def inner():
            return layer(m - 1) if m else leaf("bottom")

        return inner()

    return layer(n)


def default(value=leaf(7), *, other=lambda: leaf(8)):
    return value + other()


step, reset = counter()
step()
step(2)
reset()
print(adder(1)(2), step(), compose(adder(1), lambda x: x * 2, leaf)(3), layers(4), default(), default(1, other=lambda: 2))
print([f(1) for f in [lambda x, n=n: leaf(x + n) for n in range(3)]])
print((lambda f: f(f, 5))(lambda f, n: 1 if n == 0 else n * f(f, n - 1)))
