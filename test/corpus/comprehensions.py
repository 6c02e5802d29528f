# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def rows(n):
    return [[leaf(i * j) for j in range(i)] for i in range(n)]


def flat(values):
    return [x for row in values for x in row if leaf(x)]


def table(n):
    return {leaf(i): {leaf(-i) for _ in range(2)} for i in range(n)}


class Holder:
    items = [leaf(i) for i in range(2)]

    def both(self):
        return [self.one(i) for i in self.items]

    def one(self, i):
        return leaf(i)


print(flat(rows(4)), table(2), Holder().both())
print([leaf(i) for i in range(3)], {leaf(i % 2) for i in range(4)}, {i: leaf(i) for i in range(2)})
print(sum(leaf(i) for i in range(4)), any(leaf(i) for i in range(4)), max((leaf(i) for i in (3, 1)), default=0))
print(list(leaf(i) for i in (j for j in range(3) if leaf(j))), [f() for f in [lambda: leaf(1)]])
print([y for x in range(4) if (y := leaf(x)) % 2], [] or [leaf(i) for i in ()])
