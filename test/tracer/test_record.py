# SPDX-License-Identifier: BSD-3-Clause
"""What is recorded of one thread: calls, exceptions, generators, coroutines, and under which names."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, ROD_RUN, VERSION, Case  # noqa: E402


class Calls(Case):
    def test_functions_and_methods(self):
        cell = """
def neighbours(u, i):
    return u[i - 1] + u[i + 1]
def step(u):
    v = u[:]
    for i in range(1, len(u) - 1):
        v[i] = neighbours(u, i)
    return v
class Rod:
    def __init__(self): self.u = [0.0] * 20
    def run(self, steps):
        for _ in range(steps): self.u = step(self.u)
Rod().run(10)
"""
        result, trace = self.measure(cell)
        init = ROD_RUN.replace("run", "__init__")
        expected = {CELL: 1, "__main__:Rod": 1, init: 1, ROD_RUN: 1, "__main__:step": 10, "__main__:neighbours": 180}
        self.assertEqual(trace.visits(), expected)
        self.assertEqual(trace.locations, {0: ("Master thread", 2 * 194)})
        rows = {row[0]: row for row in result["regions"]}
        self.assertEqual(rows["__main__:step"][1:4], ["<cell>", 4, 10])
        self.assertEqual(trace.summary()[ROD_RUN], tuple(rows[ROD_RUN][3:6]))
        self.assertGreater(rows[CELL][4], rows[ROD_RUN][4])
        self.assertEqual(rows["__main__:neighbours"][4], rows["__main__:neighbours"][5])
        self.assertAlmostEqual(result["seconds"], rows[CELL][4] / 1e9, delta=0.5)

    def test_recursion_counts_inclusive_time_once(self):
        result, trace = self.measure("def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(10)")
        rows = {row[0]: row for row in result["regions"]}
        self.assertEqual(rows["__main__:fib"][3], 177)
        self.assertEqual(trace.summary()["__main__:fib"], tuple(rows["__main__:fib"][3:6]))
        self.assertLessEqual(rows["__main__:fib"][4], rows[CELL][4])

    def test_mutual_recursion(self):
        cell = "def odd(n): return n and even(n - 1)\ndef even(n): return n == 0 or odd(n - 1)\neven(9)"
        result, trace = self.measure(cell)
        for name, _, _, visits, inclusive, exclusive in result["regions"]:
            self.assertEqual(trace.summary()[name], (visits, inclusive, exclusive))

    def test_deep_recursion(self):
        cell = "import sys\nsys.setrecursionlimit(6000)\ndef down(n): return n and down(n - 1)\ndown(5000)"
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:down"], 5001)

    def test_recursion_without_end(self):
        cell = "def down(): down()\ntry: down()\nexcept RecursionError: pass\ndef after(): pass\nafter()"
        _, trace = self.measure(cell)
        self.assertGreater(trace.visits()["__main__:down"], 500)
        self.assertEqual(trace.order()[-3:], ["+__main__:after", "-__main__:after", "-" + CELL])

    def test_same_name_twice(self):
        result, _ = self.measure("def f(): pass\nf()\ndef f(): return 1\nf()\nf()")
        self.assertEqual(sorted(row[2:4] for row in result["regions"] if row[0] == "__main__:f"), [[1, 1], [3, 2]])

    def test_one_region_for_code_made_again_and_again(self):
        cell = "for i in range(50):\n    exec(compile('def g(): pass\\ng()', '<ipython-input-1>', 'exec'), globals())"
        result, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:g"], 50)
        self.assertEqual(trace.definitions.count('Name: "__main__:g"'), 1)

    def test_more_code_objects_than_the_table_holds(self):
        cell = """
def f(): pass
code = f.__code__
for i in range(70000):
    exec(code.replace(co_firstlineno=i % 3 + 1))
    if i % 10000 == 0: f()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:f"], 70007)


class Names(Case):
    def test_module_class_and_function(self):
        setup = "sys.modules['mine'] = type(sys)('mine')\nload('def f(): return [g() for g in [lambda: 1]]', '/home/me/mine.py', **vars(sys.modules['mine']))"
        cell = """
def outer():
    def inner(): pass
    inner()
outer()
class A:
    class B:
        @staticmethod
        def f(): pass
A.B.f()
(lambda: 1)()
"""
        _, trace = self.measure(cell, setup)
        names = set(trace.visits())
        self.assertLessEqual({"__main__:inner", "__main__:<lambda>"}, names)
        if VERSION >= (3, 11):
            self.assertLessEqual({"__main__.B:f", "__main__.A:B"}, names)
        else:
            self.assertLessEqual({"__main__:f", "__main__:B"}, names)

    def test_methods(self):
        """The class that defines them, whatever they are called on."""
        cell = """
class A:
    def m(self): self.n()
    def n(self): pass
class B(A):
    def n(self): super().n()
def free(self): pass
B().m(); free(A())
"""
        _, trace = self.measure(cell)
        names = {"__main__.A:m", "__main__.A:n", "__main__.B:n", "__main__:free" if VERSION >= (3, 11) else "__main__.A:free"}
        self.assertLessEqual(names, set(trace.visits()))

    def test_names_that_are_not_ascii(self):
        _, trace = self.measure("def größe(): pass\ngröße()")
        self.assertEqual(trace.visits()["__main__:größe"], 1)

    def test_hostile_names(self):
        cell = r"""
def f(): pass
exec(f.__code__.replace(co_name="\udc80x", co_filename="/a\udcff.py"))
exec(f.__code__.replace(co_name="n" * 10000, co_filename="/" + "p" * 10000), {"__name__": 7})
exec(f.__code__.replace(co_name="", co_filename=""), {})
"""
        if VERSION >= (3, 11):
            cell = cell.replace("(co_name", "(co_qualname='.', co_name", 1)
        result, _ = self.drive("measure(%r)\nreport(1)" % cell)
        trace = self.trace()
        self.assertEqual(result["events"], len(trace.events))
        self.assertEqual(result["events"], 8)

    def test_statements_of_one_cell_are_one_region(self):
        driver = """
begin()
names = new_names()
for name, source in (("<module>", "x = 1"), ("<cell line: 2>", "def f(): return x"), ("<cell line: 3>", "f()")):
    code = compile(source, "<cell>", "exec").replace(co_name=name)
    tracer.start(); exec(code, names); tracer.stop()
report(tracer.end())
"""
        (result,) = self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 3, "__main__:f": 1})
        self.assertEqual([row[:4] for row in result["regions"] if row[0] == CELL], [[CELL, "<cell>", 1, 3]])


class Exceptions(Case):
    def test_through_several_frames(self):
        cell = """
def a(): b()
def b():
    try: c()
    finally: cleanup()
def c(): raise ValueError
def cleanup(): pass
try: a()
except ValueError: pass
def after(): pass
after()
"""
        _, trace = self.measure(cell)
        a, b, c, cleanup, after = ("__main__:" + name for name in ("a", "b", "c", "cleanup", "after"))
        calls = ["+" + a, "+" + b, "+" + c, "-" + c, "+" + cleanup, "-" + cleanup, "-" + b, "-" + a, "+" + after, "-" + after]
        self.assertEqual(trace.order(), ["+" + CELL] + calls + ["-" + CELL])

    def test_out_of_the_cell(self):
        driver = "begin()\ntry: run('def f(): 1 / 0\\nf()')\nexcept ZeroDivisionError: report(tracer.end())"
        (result,) = self.drive(driver)
        self.assertEqual(result["events"], 4)
        self.assertEqual(self.trace().order()[-1], "-" + CELL)

    def test_the_exception_is_untouched(self):
        cell = """
import traceback
def f(): raise KeyError("k") from OSError(5)
try: f()
except KeyError as e: seen = (repr(e), repr(e.__cause__), len(traceback.extract_tb(e.__traceback__)))
"""
        driver = "report(measure(%r)['seen'])" % cell
        self.assertEqual(self.drive(driver)[1], ["KeyError('k')", "OSError(5)", 2])

    def test_system_exit_and_interrupt(self):
        cell = """
def f(): raise SystemExit(3)
def g(): raise KeyboardInterrupt
for h in f, g:
    try: h()
    except BaseException: pass
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 1, "__main__:g": 1})


class Generators(Case):
    def test_each_resume_is_a_visit(self):
        _, trace = self.measure("def gen(n):\n    for i in range(n): yield i\nsum(gen(5))")
        self.assertEqual(trace.visits()["__main__:gen"], 6)

    def test_unfinished_thrown_and_closed(self):
        cell = """
def gen():
    try:
        while True: yield work()
    except KeyError: yield -1
    finally: done()
def work(): pass
def done(): pass
a = gen(); next(a); del a
b = gen(); next(b); b.throw(KeyError); b.close()
c = gen(); next(c)
try: c.throw(ValueError)
except ValueError: pass
def never(): yield  # some Pythons run it to close it, some do not
n = never(); n.close()
try: gen().throw(ValueError)
except ValueError: pass
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:work"], 3)
        self.assertEqual(trace.visits()["__main__:done"], 3)
        # first, and closed; first, thrown, closed; first, thrown; thrown before it began
        self.assertEqual(trace.visits()["__main__:gen"], 2 + 3 + 2 + 1)
        self.assertEqual(trace.order()[-1], "-" + CELL)

    def test_left_open_when_the_measurement_ends(self):
        driver = """
begin()
names = run("def gen():\\n    while True: yield 1\\ng = gen()\\nnext(g)")
report(tracer.end())
next(names["g"])
measure("def f(): pass\\nf()", "2")
names["g"].close()
"""
        self.drive(driver)
        self.assertEqual(self.trace().visits(), {CELL: 1, "__main__:gen": 1})
        self.assertEqual(self.trace("2").visits(), {CELL: 1, "__main__:f": 1})

    def test_delegation(self):
        cell = """
def inner():
    try: yield 1
    except KeyError: yield 2
def outer(): yield from inner()
o = outer(); next(o); o.throw(KeyError)
try: next(o)
except StopIteration: pass
p = outer(); next(p)
try: p.throw(ValueError)
except ValueError: pass
"""
        _, trace = self.measure(cell)
        # inner: begun, thrown into, finished; begun, thrown into and ended by it.
        self.assertEqual(trace.visits()["__main__:inner"], 5)
        self.assertEqual(trace.order()[-1], "-" + CELL)

    def test_recursive_generators(self):
        cell = "def tree(n):\n    if n:\n        yield from tree(n - 1)\n        yield n\n        yield from tree(n - 1)\nlist(tree(5))"
        _, trace = self.measure(cell)
        self.assertEqual(trace.order()[-1], "-" + CELL)


class Chance(Case):
    """Programs that call, raise, yield and give up at random, and count for themselves."""

    CELL_SOURCE = """
import random, threading
class Stop(Exception): pass
def make(name):
    def function(depth): return act(name, depth)
    def generator(depth):
        note(name + "gen")
        while True:
            try: yield act(name, depth)
            finally: note(name + "gen")  # resumed, thrown into or closed
    return function, generator
def note(name): counts[name] = counts.get(name, 0) + 1
def act(name, depth):
    note("act")
    chance = rng.random()
    if depth == 0 or chance < 0.1: return 0
    if chance < 0.2: raise Stop
    function, generator = rng.choice(made)
    if chance < 0.6: return function(depth - 1) + call(function, depth - 1)
    return sum(step(generator(depth - 1)))
def call(function, depth):
    note("call")
    try: return function(depth)
    except Stop: return 1
def step(g):
    note("step")
    found = []
    try:
        for _ in range(rng.randrange(4)): found.append(next(g))
        if rng.random() < 0.3: g.throw(Stop)
    except (Stop, StopIteration): pass
    if rng.random() < 0.5: g.close()
    return found
made = [make(str(i)) for i in range(5)]
counts, rng = {}, random.Random(seed)
for _ in range(30): call(rng.choice(made)[0], 6)
"""

    def test_counts_agree(self):
        driver = "for seed in range(8):\n    name = str(seed)\n    begin(name)\n    names = run(%r, dict(new_names(), seed=seed))\n    report(tracer.end())\n    report(names['counts'])"
        said = self.drive(driver % self.CELL_SOURCE)
        for seed in range(8):
            result, counts = said[2 * seed : 2 * seed + 2]
            trace = self.trace(str(seed))
            self.check_result(result, trace)
            for name in ("act", "call", "step"):
                self.assertEqual(trace.visits()["__main__:" + name], counts[name])
            self.assertEqual(trace.visits()["__main__:note"], sum(counts.values()))


class Coroutines(Case):
    CELL_SOURCE = """
import asyncio
async def leaf(n):
    await asyncio.sleep(0)
    return n
async def numbers():
    for i in range(3): yield await leaf(i)
async def main():
    a = sum(await asyncio.gather(leaf(1), leaf(2)))
    async for i in numbers(): a += i
    await late()
    return a
async def late():  # how often it is resumed is asyncio's affair
    try: await asyncio.wait_for(asyncio.sleep(60), 0.001)
    except asyncio.TimeoutError: pass
"""

    def test_under_asyncio_run(self):
        _, trace = self.measure(self.CELL_SOURCE + "assert asyncio.run(main()) == 6")
        self.assertEqual(trace.visits()["__main__:leaf"], 10)
        # Begun, and resumed after gather, three sleeps, and each time that late() is.
        self.assertEqual(trace.visits()["__main__:main"], 5 + trace.visits()["__main__:late"] - 1)
        self.assertEqual(trace.order()[-1], "-" + CELL)

    def test_a_cell_that_awaits(self):
        """The cell itself is a coroutine: what the event loop runs while it waits is its own doing."""
        cell = "import asyncio\nasync def leaf():\n    await asyncio.sleep(0)\n    return 1\nawait asyncio.gather(leaf(), leaf())\nlate()"
        driver = """
import ast, asyncio
code = compile(%r, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names = load("def late(): pass", "<ipython-input-2>", __name__="__main__")
async def cell():
    await eval(code, names)
    names["late"]()
begin()
tracer.start(); asyncio.run(cell()); tracer.stop()
names["late"]()
report(tracer.end())
""" % cell
        (result,) = self.drive(driver)
        trace = self.trace()
        self.assertEqual(trace.visits()[CELL], 1)
        self.assertEqual(trace.visits()["__main__:leaf"], 4)
        self.assertFalse([name for name in trace.visits() if name.startswith("spk")])
        # The event loop is not the user's doing: asyncio shows only where the user's code calls it.
        self.assertNotIn("+asyncio.base_events.BaseEventLoop:_run_once", trace.order())
        self.assertEqual(result["events"], len(trace.events))


if __name__ == "__main__":
    unittest.main()
