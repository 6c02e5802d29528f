# SPDX-License-Identifier: BSD-3-Clause
def leaf(n):
    return n


source = """
def made(n):
    return leaf(n) + 1

class Made:
    def method(self):
        return made(2)

made(0)
"""
exec(source)
print(made(1), Made().method())  # noqa: F821 - source defines them
exec(compile(source, "somewhere.py", "exec"), globals())
print(eval("leaf(3) + made(4)"), eval(compile("[leaf(i) for i in range(2)]", "<text>", "eval")))
space = {"__name__": __name__, "leaf": leaf}
exec("def apart(n):\n    return leaf(n)\nresult = apart(5)", space)
print(space["result"], space["apart"](6))


def local():
    found = {}
    exec("def inner(n): return leaf(n)\ninner(1)", globals(), found)
    return found["inner"](2)


def fails():
    exec("leaf(1)\nraise KeyError('x')")


print(local(), eval("(lambda n: leaf(n))(7)"), [eval(f"leaf({i})") for i in range(2)])
try:
    fails()
except KeyError:
    leaf(8)
try:
    exec("def = 1")
except SyntaxError:
    leaf(9)
same = [eval("lambda: leaf(0)") for _ in range(3)]
print([f() for f in same], len({f.__code__ for f in same}))
