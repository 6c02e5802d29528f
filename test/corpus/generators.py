# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


def numbers(n):
    for i in range(n):
        yield leaf(i)


def evens(values):
    for value in values:
        if value % 2 == 0:
            yield value


def both(n):
    yield from numbers(n)
    result = yield from returning(n)
    yield result


def returning(n):
    yield leaf(n)
    return leaf(-n)


def average():
    total, count, mean = 0, 0, None
    while True:
        total += yield mean
        count += 1
        mean = total / count


print(list(numbers(4)), list(evens(numbers(6))), list(both(3)))
print(sum(leaf(i) for i in numbers(3)), sum(i for i in ()))
averages = average()
next(averages)
print([averages.send(value) for value in (1, 2, 6)])
averages.close()
first, second = numbers(3), numbers(3)
print(list(zip(first, second)))
del averages, first, second
