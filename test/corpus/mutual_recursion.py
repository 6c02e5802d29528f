# SPDX-License-Identifier: BSD-3-Clause
def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def female(n):
    return 1 if n == 0 else n - male(female(n - 1))


def male(n):
    return 0 if n == 0 else n - female(male(n - 1))


def expression(text):
    value, text = term(text)
    while text[:1] == "+":
        other, text = term(text[1:])
        value += other
    return value, text


def term(text):
    if text[0] == "(":
        value, text = expression(text[1:])
        return value, text[1:]
    return int(text[0]), text[1:]


print(is_even(11), is_odd(6), female(6), male(6), expression("1+(2+(3+4)+5)+6"))
