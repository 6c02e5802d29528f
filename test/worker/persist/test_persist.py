#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Variables go to another process and come back: a launched one, and a forked one. What is asserted in a cell is
asserted there.

SPK_TREE: the build to test; without one, the sources. SPK_PERSIST_PYTHON: the Python to test it with."""

import importlib.util
import json
import os
import struct
import subprocess
import signal
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
PYTHON = os.environ.get("SPK_PERSIST_PYTHON") or sys.executable
LIMIT = 240  # seconds; far more than any case takes


def _has(module):
    return subprocess.run([PYTHON, "-c", "import " + module], stderr=subprocess.DEVNULL).returncode == 0


VERSION = tuple(json.loads(subprocess.check_output([PYTHON, "-c", "import sys; print(list(sys.version_info[:2]))"])))
needs_numpy = unittest.skipUnless(_has("numpy"), "this Python has no NumPy")
needs_pandas = unittest.skipUnless(_has("pandas"), "this Python has no pandas")
HAS_CLOUDPICKLE = _has("cloudpickle")
NO_CLOUDPICKLE = "this Python has no cloudpickle"


class Ways:
    """Cases for both ways to have another process."""

    way = ""
    marshaller = "cloudpickle"

    def run_cell(self, setup, cell, check="", way=None, **environment):
        job = {"setup": setup, "cell": cell, "check": check, "way": way or self.way, "marshaller": self.marshaller}
        done = subprocess.run(
            [PYTHON, os.path.join(HERE, "child.py"), "A"],
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ, **environment),
            timeout=LIMIT,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), job)
        return json.loads(done.stdout)

    def keeps(self, setup, cell, check="", changed=None, deleted=()):
        """Runs a cell that loses nothing."""
        told = self.run_cell(setup, cell, check)
        self.assertEqual(told["sent"] + told["received"] + told["returned"] + told["lost"], [])
        if changed is not None:
            self.assertEqual(told["changed"], sorted(changed))
        self.assertEqual(told["deleted"], sorted(deleted))
        return told

    # --- what changed ----------------------------------------------------------------------------------

    def test_nothing(self):
        setup = "x = [1, 2]; y = {'a': x}; z = 'text'; w = (1, [2])\nold = {n: id(globals()[n]) for n in 'xyzw'}"
        self.keeps(setup, "assert x == [1, 2] and y['a'] is x and z == 'text' and w == (1, [2])", "assert old == {n: id(globals()[n]) for n in 'xyzw'}", [])

    def test_assignments(self):
        cell = "a = 1\nb = c = [2]\nd, *e = 'xyz'\nx += 1\nfor i in range(3): pass\nif (n := 10) > 5: pass\nwith open('/dev/null') as f: pass\nf = 0"
        check = "assert (a, b, c, d, e, x, i, n, f) == (1, [2], [2], 'x', ['y', 'z'], 6, 2, 10, 0) and b is c"
        self.keeps("x = 5", cell, check, "abcdexinf")

    def test_methods_that_change(self):
        setup = "l = [1]; s = {1}; d = {1: 1}; b = bytearray(b'x'); import collections; q = collections.deque([1])\nsame = [1]"
        cell = "l.append(2); s.add(2); d[2] = 2; b += b'y'; q.appendleft(0)"
        self.keeps(setup, cell, "assert (l, s, d, b, list(q)) == ([1, 2], {1, 2}, {1: 1, 2: 2}, b'xy', [0, 1])", "lsdbq")

    def test_only_the_changed_travel(self):
        setup = "x = [1]; y = [2]; old = y"
        self.keeps(setup, "x.append(2)", "assert y is old and x == [1, 2]", ["x"])

    def test_deletion(self):
        self.keeps("x = 1; y = 2; z = [3]", "del x\ndel globals()['z']", "assert 'x' not in globals() and y == 2", [], "xz")

    def test_deleted_and_defined_again(self):
        self.keeps("x = [1]; y = 1", "del x, y\nx = [1]; y = 2", "assert x == [1] and y == 2")

    def test_exec_and_globals(self):
        self.keeps("", "exec('a = 1')\nglobals()['q'] = 1\nif True:\n    def f(): return a", "assert a == q == f() == 1", "aqf")

    def test_definitions_under_try(self):
        self.keeps("", "try:\n    raise KeyError\nexcept KeyError:\n    class C: pass\nfinally:\n    y = C()", "assert type(y) is C")

    def test_attribute(self):
        setup = "class P:\n    pass\np = P(); q = P(); p.x = [1]; q.x = [2]; old = q"
        self.keeps(setup, "p.x.append(5); p.y = 1", "assert p.x == [1, 5] and p.y == 1 and q is old and type(p) is type(q) is P", ["p"])

    def test_type_changes(self):
        self.keeps("x = 1; y = 0.0; t = True", "x = 1.0; y = -0.0; t = 1", "assert type(x) is float and str(y) == '-0.0' and type(t) is int", "xyt")

    def test_from_a_function(self):
        setup = "count = 0; seen = []\ndef step():\n    global count, fresh\n    count += 1; fresh = count; seen.append(count)"
        self.keeps(setup, "step(); step()", "assert (count, fresh, seen) == (2, 2, [1, 2])", ["count", "fresh", "seen"])

    def test_hidden_names(self):
        setup = "_ = 1; _3 = 2; _i4 = 'x'; In = ['']; _mine = 5; __version__ = '1'"
        cell = "_mine += 1; __version__ = '2'; _3 = _i4 = 99; Out = {}"
        self.keeps(setup, cell, "assert _3 == 2 and 'Out' not in globals() and _mine == 6", ["_mine", "__version__"])

    def test_not_a_number(self):
        self.keeps("x = float('nan'); l = [x]", "assert x != x", "", [])

    def test_sets_and_order(self):
        setup = "s = {str(i) for i in range(100)}; d = {k: 1 for k in 'zyx'}"
        self.keeps(setup, "assert len(s) == 100 and list(d) == ['z', 'y', 'x']", "", [])

    def test_order_of_a_dictionary(self):
        self.keeps("d = {'a': 1, 'b': 2}", "d['a'] = d.pop('a')", "assert list(d) == ['b', 'a']", ["d"])

    # --- aliases ---------------------------------------------------------------------------------------

    def test_aliases(self):
        setup = "a = []; b = a; c = [a]; d = {'x': a}"
        cell = "assert a is b and c[0] is a and d['x'] is a; a.append(1); assert d == {'x': [1]}"
        self.keeps(setup, cell, "assert a == [1] and a is b and c[0] is a and d['x'] is a", "abcd")

    def test_alias_is_made(self):
        self.keeps("a = [1]", "c = [a]; b = a", "assert b is a and c[0] is a; a.append(2); assert c == [[1, 2]]")

    def test_alias_is_ended(self):
        self.keeps("a = [1]; b = a", "b = list(a)", "assert a == b and a is not b")

    def test_alias_is_ended_unequally(self):
        self.keeps("a = [1]; b = [a]; old = [a, 1][:1]", "b = [[2]]; del old", "assert a == [1] and b == [[2]]", deleted=["old"])

    def test_the_rest_of_a_unit_keeps_its_identity(self):
        self.keeps("a = [1]; b = {'x': a}; where = id(a)", "del b", "assert id(a) == where", [], "b")
        self.keeps("a = [1]; b = {'x': a}; where = id(a)", "b = {'x': 5}", "assert id(a) == where and b == {'x': 5}", ["b"])

    def test_alias_deep_inside(self):
        setup = "class N: pass\nn = N(); n.next = N(); n.next.data = [1]; x = n.next.data; y = {1: {2: n.next}}"
        self.keeps(setup, "assert x is n.next.data; x.append(2)", "assert x is n.next.data is y[1][2].data and x == [1, 2]")

    def test_cycle(self):
        self.keeps("a = []; a.append(a); b = {}; b['b'] = b", "assert a[0] is a; a.append(1)", "assert a[0] is a and a[1] == 1 and b['b'] is b", "a")

    def test_tuple_alias(self):
        self.keeps("t = (1, 2); u = t; d = {'t': t}", "assert t is u and d['t'] is t", "assert t is u", [])

    def test_atoms_join_nothing(self):
        setup = "import datetime, decimal, re, pathlib\nu = datetime.timezone.utc; m = decimal.Decimal(1); r = re.compile('a'); s = 'text'\n"
        setup += "a = [u, m, r, s, len, int]; b = [u, m, r, s, len, int]; old = b"
        self.keeps(setup, "a.append(1)", "assert b is old", ["a"])

    def test_the_namespace_joins_nothing(self):
        setup = "g = globals(); d = {'g': globals()}; x = [1]; y = [2]; old = y"
        self.keeps(setup, "assert g is globals() and d['g'] is g; g['x'].append(2); g['z'] = 3", "assert z == 3 and x == [1, 2] and y is old and g is globals() is d['g']", "xz")

    # --- functions -------------------------------------------------------------------------------------

    def test_function_sees_the_namespace(self):
        setup = "y = 1\ndef f(): return y\ng = lambda: f() + 1\nold = f"
        self.keeps(setup, "assert g() == 2; y = 5; assert f() == 5 and f.__globals__ is globals()", "assert g() == 6 and f is old", "y")

    def test_function_is_redefined(self):
        self.keeps("y = 1\ndef f(): return 0", "def f(): return y", "y = 7\nassert f() == 7 and f.__globals__ is globals()", "f")

    def test_function_defaults_and_attributes(self):
        setup = "l = []\ndef f(a, b=l, *, c: int = 3) -> str:\n    'doc'\n    b.append(a)\n    return c\nf.note = l"
        cell = "assert f(1) == 3 and l == [1] and f.note is l and f.__doc__ == 'doc' and f.__kwdefaults__ == {'c': 3} and f.__annotations__['c'] is int"
        self.keeps(setup, cell, "assert l == [1] and f.__defaults__[0] is l is f.note")

    def test_closures_share_cells(self):
        setup = "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n    return inc, lambda: n\ninc, get = make()"
        self.keeps(setup, "inc(); assert get() == 1; inc()", "assert get() == 2; inc(); assert get() == 3", ["inc", "get"])

    def test_recursion(self):
        setup = "def make():\n    def fact(n): return n * fact(n - 1) if n else 1\n    return fact\nf = make()\ndef g(n): return g(n - 1) if n else 'end'"
        self.keeps(setup, "assert f(5) == 120 and g(3) == 'end'", "", [])

    def test_decorators(self):
        setup = "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner(*a): return 2 * f(*a)\n    return inner\n"
        setup += "@twice\ndef one(): return 1\n@functools.lru_cache(maxsize=7)\ndef slow(x): return x + off\noff = 1\npart = functools.partial(slow, 5)"
        self.keeps(setup, "assert one() == 2 and one.__wrapped__() == 1 and slow(1) == 2 and part() == 6 and slow.cache_parameters()['maxsize'] == 7", "assert part() == 6", [])

    def test_decorated_in_the_cell(self):
        self.keeps("import functools", "@functools.lru_cache\ndef f(x): return x + k\nk = 1", "assert f(1) == 2")

    def test_methods_of_objects(self):
        setup = "class C:\n    n = 0\n    def inc(self): self.n += 1\n    @classmethod\n    def made(cls): return cls()\nc = C(); m = c.inc; k = C.made"
        cell = "assert m.__self__ is c and m.__func__ is C.inc; m(); assert c.n == 1 and type(k()) is C"
        self.keeps(setup, cell, "m(); assert c.n == 2 and m.__self__ is c and type(c) is C", "cm")

    def test_generator_and_async_functions(self):
        setup = "def gen():\n    yield 1\nasync def co(): return 2"
        self.keeps(setup, "assert list(gen()) == [1]\ntry:\n    co().send(None)\nexcept StopIteration as e:\n    assert e.value == 2", "", [])

    # --- classes ---------------------------------------------------------------------------------------

    def test_class_identity(self):
        setup = "class C:\n    def m(self): return self.x\nc = C(); c.x = 1; old, kept = C, c"
        cell = "assert type(c) is C and c.m() == 1; d = C(); d.x = 2"
        self.keeps(setup, cell, "assert C is old and type(d) is C and d.m() == 2 and isinstance(kept, C) and c is kept", "d")

    def test_class_attributes(self):
        setup = "class C:\n    n = 0\n    gone = 1\nc = C(); old = C"
        cell = "C.n = 5; C.new = [1]; C.m = lambda self: self.n; del C.gone"
        self.keeps(setup, cell, "assert C is old and c.n == 5 and c.m() == 5 and c.new == [1] and not hasattr(C, 'gone')", ["C", "old"])

    def test_class_attribute_shared(self):
        setup = "class C:\n    all = []\nnames = C.all; c = C()"
        self.keeps(setup, "assert C.all is names; C.all.append(1)", "assert names == [1] and C.all is names and c.all is names")

    def test_class_is_redefined(self):
        setup = "class C: v = 1\nc = C()"
        self.keeps(setup, "class C: v = 2\nd = C()", "assert c.v == 1 and d.v == 2 and type(d) is C and type(c) is not C", "Cd")

    def test_class_of_the_cell(self):
        self.keeps("", "class Base:\n    def who(self): return 'base'\nclass D(Base):\n    def who(self): return super().who() + '!'\nd = D()", "assert d.who() == 'base!' and type(d) is D and isinstance(d, Base)")

    def test_class_features(self):
        setup = "import abc\nclass A(abc.ABC):\n    __slots__ = ('a',)\n    @abc.abstractmethod\n    def f(self): ...\n"
        setup += "class B(A):\n    def f(self): return self.a\n    @property\n    def p(self): return self.a * 2\n    @staticmethod\n    def s(): return B\n"
        setup += "b = B(); b.a = 4"
        self.keeps(setup, "assert b.f() == 4 and b.p == 8 and b.s() is B and isinstance(b, A); b.a = 5", "assert b.p == 10 and type(b) is B", "b")

    def test_class_registry_is_not_told_again(self):
        setup = "seen = []\nclass Base:\n    def __init_subclass__(cls): seen.append(cls.__name__)\nclass D(Base): x = 1"
        self.keeps(setup, "assert seen == ['D']; D.x = 2", "assert D.x == 2 and seen == ['D']")

    def test_classes_that_know_each_other(self):
        setup = "class A: pass\nclass B: pass\nA.b = B(); B.a = A(); x = [A(), B()]; y = [x[0]]"
        self.keeps(setup, "assert type(A.b) is B and type(B.a) is A and type(x[0]) is A; x[0].v = 1", "assert y[0].v == 1 and type(y[0]) is A and y[0] is x[0]")

    def test_units_that_wait_for_each_other(self):
        setup = "class C: s = []\nclass E: s = []\na = [C.s, E()]; b = [E.s, C()]"
        self.keeps(setup, "assert a[0] is C.s and b[0] is E.s and type(a[1]) is E; a[0].append(1)", "assert C.s == [1] and a[0] is C.s and b[0] is E.s and type(b[1]) is C")

    def test_dataclass(self):
        setup = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n    l: list = dataclasses.field(default_factory=list)\np = P(1)"
        cell = "assert [f.name for f in dataclasses.fields(p)] == ['x', 'l'] and p == P(1)\np = dataclasses.replace(p, x=2)\n"
        cell += "@dataclasses.dataclass\nclass Q(P):\n    z: int = 0\nq = Q(1, [2], 3)"
        self.keeps(setup, cell, "assert p == P(2) and dataclasses.asdict(q) == {'x': 1, 'l': [2], 'z': 3} and isinstance(q, P)")

    def test_enum(self):
        setup = "import enum\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\n    def low(self): return self.name.lower()\nr = Color.RED; l = [r]"
        cell = "assert r is Color.RED and l[0] is r and Color(2) is Color.BLUE and r.low() == 'red'; b = Color.BLUE; l.append(b)"
        self.keeps(setup, cell, "assert b is Color.BLUE and l == [Color.RED, Color.BLUE] and r is Color.RED", "bl")

    def test_namedtuple(self):
        setup = "import collections, typing\nP = collections.namedtuple('P', 'x y')\nclass Q(typing.NamedTuple):\n    x: int\n    y: int = 2\np = P(1, 2); q = Q(1)"
        self.keeps(setup, "assert p.y == q.y == 2 and p._asdict() == {'x': 1, 'y': 2}; p = p._replace(x=5)", "assert p == P(5, 2) and type(p) is P", "p")

    def test_class_with_a_lock(self):
        """A class that cannot travel: its instances cannot go to a process that does not have it."""
        setup = "import threading\nclass C:\n    lock = threading.Lock()\nc = C(); x = 1"
        told = self.run_cell(setup, "x = 2\nif RECEIVED.is_launched:\n    assert 'C.lock' in repr(c)\nelse:\n    c.v = 1", "assert x == 2")
        if self.way == "launched":
            self.assertEqual({(name, kind, path) for name, kind, path, _ in told["sent"]}, {(n, "_thread.lock", "C.lock") for n in "cC"})
        else:
            self.run_cell(setup, "c.v = 1", "assert c.v == 1 and type(c) is C")

    # --- modules ---------------------------------------------------------------------------------------

    def test_modules(self):
        setup = "import json, os.path as p, xml.dom, concurrent.futures\nl = [json]"
        self.keeps(setup, "assert l[0] is json and json.dumps([1]) == '[1]' and concurrent.futures.Future and xml.dom.Node; import xml.etree.ElementTree", "assert xml.etree.ElementTree.XML and json is l[0]", [])

    def test_module_is_imported_in_the_cell(self):
        self.keeps("", "import colorsys as c\nfrom bisect import bisect", "import bisect as b, colorsys\nassert c is colorsys and bisect is b.bisect", ["c", "bisect"])

    def test_dynamic_module(self):
        setup = "import types\nm = types.ModuleType('m'); m.x = 1"
        self.keeps(setup, "assert m.x == 1; m.x = 2", "assert m.x == 2 and m.__name__ == 'm'", "m")

    # --- what cannot travel ----------------------------------------------------------------------------

    def loses(self, setup, name, kind, path, reason):
        """A variable that cannot travel costs itself and no other; a change of it, or a new one, is reported."""
        told = self.run_cell(setup + "\nother = [1]; HELD = globals()[%r]" % name, "other.append(2)", "assert other == [1, 2] and %s is HELD" % name)
        if self.way == "launched":
            lost = {entry[0]: entry for entry in told["sent"]}
            self.assertEqual(sorted(lost), sorted({name, "HELD"}))
            self.assertEqual(lost[name][1:3], [kind, path])
            self.assertRegex(lost[name][3], reason)
        self.assertEqual(told["returned"] + told["lost"], [])
        told = self.run_cell("%s = 'old'; other = 1" % name, setup + "\nother = 2", "assert other == 2 and %s == 'old'" % name)
        (lost,) = [entry for entry in told["lost"] if entry[0] == name]
        self.assertEqual(lost[1:3], [kind, path])
        self.assertRegex(lost[3], reason)

    def test_generator(self):
        self.loses("x = (i for i in [])", "x", "generator", "x", "generator")

    def test_lock_deep_inside(self):
        setup = "import threading\nclass M: pass\ndef _f():\n    m = M(); m.lock = threading.Lock()\n    return {'model': [0, 1, 2, m]}\nx = _f()"
        self.loses(setup, "x", "_thread.lock", "x['model'][3].lock", "lock")

    def test_socket(self):
        self.loses("import socket\ns = socket.socket()", "s", "socket.socket", "s", "socket")

    def test_open_file(self):
        self.loses("f = [open('/etc/passwd')]", "f", "_io.TextIOWrapper", "f[0]", "open file")
        self.loses("f = open('/dev/null', 'rb')", "f", "_io.BufferedReader", "f", "BufferedReader")

    def test_thread(self):
        where = ("_thread.lock", "t._started._cond._lock") if VERSION < (3, 13) else ("_thread._ThreadHandle", "t._handle")
        self.loses("import threading\nt = threading.Thread()", "t", *where, "cannot pickle")

    def test_database(self):
        self.loses("import sqlite3\nd = {'db': sqlite3.connect(':memory:')}", "d", "sqlite3.Connection", "d['db']", "Connection")

    def test_reduce_raises(self):
        setup = "class Odd(BaseException): pass\nclass R:\n    def __reduce__(self): raise %s\nr = (1, [R()])"
        self.loses(setup % "Odd('no')", "r", "R", "r[1][0]", "Odd: no")
        self.loses(setup % "RuntimeError", "r", "R", "r[1][0]", "RuntimeError")
        self.loses(setup % "SystemExit(1)", "r", "R", "r[1][0]", "SystemExit: 1")

    def test_too_deep(self):
        told = self.run_cell("y = 1", "x = []\nfor _ in range(100000): x = [x]\ny = 2", "assert y == 2 and 'x' not in globals()")
        self.assertEqual([entry[:3] for entry in told["lost"]], [["x", "list", "x"]])
        self.assertIn("nested", told["lost"][0][3])

    def test_in_a_closure(self):
        setup = "def make():\n    g = (i for i in [])\n    return lambda: g\nf = make()"
        self.loses(setup, "f", "generator", "f.<closure>.g", "generator")

    def test_new_name_for_what_cannot_travel(self):
        told = self.run_cell("g = (i for i in 'ab')", "h = [1]" if self.way == "launched" else "h = g", "assert next(g) == 'a'")
        self.assertEqual([entry[0] for entry in told["lost"]], [] if self.way == "launched" else ["h"])

    def test_lost_name_is_bound_again(self):
        self.run_cell("g = (i for i in 'ab')", "g = [1]", "assert g == [1] and APPLIED.changed == ['g']")

    def test_lost_name_is_deleted(self):
        self.run_cell("g = (i for i in 'ab')", "del g", "assert 'g' not in globals() and APPLIED.deleted == ['g']")

    def test_change_around_what_cannot_travel(self):
        """Where the child has it, a change of the rest is noticed."""
        if self.way == "launched":
            self.skipTest("a launched process does not have it")
        told = self.run_cell("import threading\nx = {'lock': threading.Lock(), 'l': [1]}", "x['l'].append(2)", "assert x['l'] == [1]")
        self.assertEqual([entry[:3] for entry in told["lost"]], [["x", "_thread.lock", "x['lock']"]])

    def test_iterators_travel_in_their_state(self):
        self.keeps("l = [1, 2, 3]; i = iter(l); next(i)", "assert next(i) == 2; l.append(4)", "assert list(i) == [3, 4]")

    # --- buffers ---------------------------------------------------------------------------------------

    def test_large_bytes(self):
        setup = "b = bytes(range(256)) * 100; c = b; a = bytearray(b); l = [a, b]; s = 'x' * 10000"
        cell = "assert b is c and l[0] is a and l[1] is b and b[255] == 255 and len(a) == 25600; a[5] = 99; a.append(1)"
        self.keeps(setup, cell, "assert a[5] == 99 and len(a) == 25601 and l[0] is a and b is c and b[5] == 5")

    def test_memoryview(self):
        self.keeps("b = bytearray(b'abc' * 5000); m = memoryview(b)", "assert m.obj is b; m[0] = 90", "assert b[0] == 90 and m[0] == 90 and m.obj is b")

    @needs_numpy
    def test_array_in_place(self):
        setup = "import numpy as np\nx = np.arange(10000.0); small = np.zeros(3); y = x; view = x[10:20]; where = id(x)\nclass K:\n    def __reduce__(self): raise TypeError\n"
        setup += "k = K(); k.x = x; z = np.ones(5000)"
        cell = "assert x.flags.writeable and x[9999] == 9999; x[15] = -1; small += 1; x[9999] = 7"
        check = "assert id(x) == where and x is y is k.x and view[5] == -1 and x[9999] == 7 and x[0] == 0 and (small == 1).all()"
        told = self.run_cell(setup, cell, check)
        self.assertEqual((told["changed"], told["lost"]), (["small", "view", "x", "y"], []))

    @needs_numpy
    def test_array_is_bound_anew(self):
        """The old array may be known to others, who must not see the new one's content."""
        setup = "import numpy as np\nx = np.zeros(5000)\nclass K:\n    def __reduce__(self): raise TypeError\nk = K(); k.x = x"
        self.run_cell(setup, "x = x + 1", "assert (x == 1).all() and (k.x == 0).all() and APPLIED.changed == ['x']")

    @needs_numpy
    def test_array_of_another_shape(self):
        self.keeps("import numpy as np\nx = np.zeros(5000); y = np.zeros(4)", "x = np.ones((50, 100)); y = y.astype('i2')", "assert x.shape == (50, 100) and y.dtype == 'i2'", "xy")

    @needs_numpy
    def test_arrays_that_share_memory(self):
        setup = "import numpy as np\nb = np.arange(6000.0); v = b[100:200]; r = b[::-1]; m = b.reshape(60, 100); d = {'b': b, 'col': m[:, 3]}; ids = [id(b), id(v), id(r), id(m)]"
        cell = "assert d['b'] is b; b[100] = -1; assert v[0] == -1 and r[-101] == -1 and m[1, 0] == -1; d['col'][:] = 8; assert m[5, 3] == b[503] == 8; v[1] = -2; assert b[101] == -2"
        check = "assert v[0] == -1 and b[101] == r[-102] == -2 and b[503] == 8 and d['b'] is b and np.shares_memory(d['col'], b) and ids == [id(b), id(v), id(r), id(m)]"
        self.keeps(setup, cell, check)

    @needs_numpy
    def test_view_without_its_base(self):
        """What nobody else can see is not carried."""
        setup = "import numpy as np\nv = np.zeros(10_000_000)[:10]; w = np.zeros((100, 100))[:, 5]"
        self.keeps(setup, "assert v.shape == (10,); v += 1; w += 1", "assert (v == 1).all() and (w == 1).all()\nassert SENT is None or SENT.size < 1_000_000", "vw")

    @needs_numpy
    def test_view_made_in_the_cell(self):
        self.keeps("import numpy as np\nb = np.zeros(5000); where = id(b)", "v = b[5:10]; v[0] = 1", "assert b[5] == 1 and id(b) == where; v[1] = 2; assert b[6] == 2")

    @needs_numpy
    def test_read_only_array(self):
        setup = "import numpy as np\nx = np.zeros(5000); x.flags.writeable = False; y = np.zeros(5000)"
        self.keeps(setup, "assert not x.flags.writeable; y.flags.writeable = False", "assert not x.flags.writeable and not y.flags.writeable")

    @needs_numpy
    def test_kinds_of_arrays(self):
        setup = "import numpy as np\nf = np.asfortranarray(np.arange(6000.0).reshape(60, 100)); s = np.arange(20000)[::2]; o = np.array([[1], 'x', None], dtype=object)\n"
        setup += "t = np.zeros(5000, 'M8[s]'); u = np.array(['ab', 'c']); e = np.zeros((0, 3)); z = np.float32(1.5); n = np.zeros(3000, [('a', 'i4'), ('b', 'f8')]); q = np.array(5); h = np.broadcast_to(np.zeros(5000), (2, 5000)); k = np.ma.array([1, 2], mask=[0, 1])"
        cell = "assert f.flags.f_contiguous and s[3] == 6 and o[0] == [1] and t.dtype == 'M8[s]' and e.shape == (0, 3) and type(z) is np.float32 and h.shape == (2, 5000) and k.sum() == 1\n"
        cell += "f[1, 1] = 5; s[0] = 9; o[0].append(2); t[3] = '2020-01-01'; u[0] = 'zz'; n['b'][7] = 2; q[...] = 6"
        check = "assert f[1, 1] == 5 and s[0] == 9 and o[0] == [1, 2] and str(t[3])[:4] == '2020' and u[0] == 'zz' and n['b'][7] == 2 and q == 6"
        self.keeps(setup, cell, check, "fsotunq")

    @needs_numpy
    def test_dtype_joins_nothing(self):
        setup = "import numpy as np\na = [np.zeros(3)]; b = [np.zeros(3)]; t = np.dtype('f8'); c = [np.add]; d = [np.add]; old = b, c"
        self.run_cell(setup.replace("old = b, c", "old = [id(b), id(c)]"), "a.append(1); d.append(1)", "assert old == [id(b), id(c)]")

    @needs_numpy
    def test_mapped_arrays_stay_valid(self):
        """The file is the caller's, who closes it."""
        cell = "import os, gc\nos.close(int(__import__('sys').argv[2])); gc.collect()\nassert x.sum() == 5000; x[:] = 2"
        self.run_cell("import numpy as np\nx = np.ones(5000)", cell, "assert x.sum() == 10000", way="launched")

    @needs_pandas
    def test_data_frame(self):
        setup = "import pandas as pd\nd = pd.DataFrame({'a': range(2000), 'b': 1.5, 'c': 'x'}); e = d.copy(); where = id(e)"
        self.keeps(setup, "assert d.a.sum() == 1999000; d.loc[5, 'b'] = 9", "assert d.loc[5, 'b'] == 9 and e.loc[5, 'b'] == 1.5")

    # --- surroundings ----------------------------------------------------------------------------------

    def test_environment(self):
        setup = "import os\nos.environ['PERSIST_A'] = '1'; os.environ['PERSIST_B'] = '1'"
        cell = "import os\nassert os.environ['PERSIST_A'] == '1'; os.environ['PERSIST_A'] = '2'; del os.environ['PERSIST_B']; os.environ['PERSIST_C'] = 'ü'"
        self.keeps(setup, cell, "assert os.environ['PERSIST_A'] == '2' and 'PERSIST_B' not in os.environ and os.environ['PERSIST_C'] == 'ü'")

    def test_path_and_directory(self):
        setup = "import os, sys, tempfile\nt = tempfile.mkdtemp(); open(t + '/mine_1.py', 'w').write('v = 5'); sys.path.insert(0, t); os.chdir(t); import mine_1"
        cell = "import os, sys\nassert mine_1.v == 5 and os.getcwd() == t and sys.path[0] == t; os.chdir('/'); sys.path.append('/nowhere')"
        self.keeps(setup, cell, "import shutil; shutil.rmtree(t)\nassert os.getcwd() == '/' and sys.path[-1] == '/nowhere'")

    def test_random_numbers(self):
        setup = "import random\nrandom.seed(1); a = random.random(); random.seed(1)"
        self.keeps(setup, "import random\nassert random.random() == a; c = random.getstate()", "assert random.getstate() == c", "c")

    @needs_numpy
    def test_random_numbers_of_numpy(self):
        setup = "import numpy as np\nnp.random.seed(1); a = np.random.rand(); np.random.seed(1); g = np.random.default_rng(5)"
        cell = "assert np.random.rand() == a; b = np.random.rand(); c = g.random(); np.random.seed(1); np.random.rand()"
        self.keeps(setup, cell, "assert np.random.rand() == b and g.random() != c", "bcg")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
class Launched(Ways, unittest.TestCase):
    way = "launched"

    def test_stand_in(self):
        """Whatever is done with it says why it is not there."""
        uses = "g.a|g()|g[0]|list(g)|g + 1|1 + g|len(g)|g == 1|float(g)|next(g)|bool(g)|g.__array__()|'%s' % g|hash(g)|1 in g"
        cell = "for use in %r.split('|'):\n    try:\n        eval(use)\n    except RuntimeError as e:\n        assert \"'g'\" in str(e) and 'generator' in str(e), e\n" % uses
        cell += "    else:\n        raise AssertionError(use)\nassert 'generator' in repr(g) and not hasattr(g, '_repr_html_'); c = [g]"
        told = self.run_cell("g = (i for i in 'ab')", cell, "assert next(g) == 'a' and 'c' not in globals()")
        self.assertEqual([entry[0] for entry in told["lost"]], ["c"])

    def test_too_deep_to_go(self):
        setup = "x = []; y = [1]\nfor i in range(100000): x = [x]"
        told = self.run_cell(setup, "assert y == [1] and 'nested' in repr(x)")
        self.assertEqual([entry[:3] for entry in told["sent"]], [["x", "list", "x"]])

    def test_import_fails_there(self):
        setup = "import sys, os, tempfile\nt = tempfile.mkdtemp(); p = t + '/mine_2.py'; open(p, 'w').write('class C: pass')\n"
        setup += "sys.path.insert(0, t); import mine_2; l = [mine_2]; c = mine_2.C(); x = 1; os.remove(p); import shutil; shutil.rmtree(t)"
        cell = "x += 1\ntry:\n    mine_2.C\nexcept RuntimeError as e:\n    assert 'mine_2' in str(e)\nelse:\n    raise AssertionError"
        told = self.run_cell(setup, cell, "assert x == 2 and type(c) is mine_2.C and l == [mine_2]")
        self.assertEqual({(name, kind) for name, kind, _, _ in told["received"]}, {("mine_2", "module"), ("l", "list"), ("c", "mine_2.C")})

    def test_import_fails_here(self):
        cell = "import sys, tempfile, shutil\nt = tempfile.mkdtemp(); open(t + '/mine_3.py', 'w').write('')\nsys.path.insert(0, t); import mine_3; shutil.rmtree(t); x = 2"
        told = self.run_cell("x = 1", cell, "assert x == 2 and 'mine_3' not in globals()")
        self.assertEqual([entry[:2] for entry in told["lost"]], [["mine_3", "module"]])

    def test_own_names_of_the_process(self):
        """What B had before is neither new nor sent, unless the cell binds it."""
        told = self.run_cell("", "random = 5", "assert random.getstate")
        self.assertEqual(told["changed"], [])  # the test's own import is hidden
        told = self.run_cell("traced = 1", "traced = 2")
        self.assertEqual(told["changed"], ["traced"])

    def test_launchers_variables_stay(self):
        setup = "import os\nos.environ['OMPI_X'] = 'a'; os.environ['PERSIST_D'] = 'a'"
        self.keeps(setup, "import os\nassert os.environ['OMPI_X'] == 'a' and os.environ['PERSIST_D'] == 'a'")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
class Forked(Ways, unittest.TestCase):
    way = "forked"

    def test_what_cannot_travel_is_there(self):
        self.run_cell("g = (i for i in 'ab')", "x = next(g)", "assert x == 'a' and next(g) == 'a'")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
class Files(unittest.TestCase):
    """Files that are none, or torn, or others, in this process."""

    @classmethod
    def setUpClass(cls):
        if importlib.util.find_spec("cloudpickle") is None:
            raise unittest.SkipTest("the Python of the tests has no cloudpickle")
        import child

        cls.persist = child.transfer

    def setUp(self):
        self.file = os.memfd_create("variables")
        self.addCleanup(os.close, self.file)

    def send(self):
        self.sent = self.persist.send({"x": [1], "b": b"y" * 9000, "c": bytearray(5000)}, self.file)

    def refuses(self, pattern):
        namespace = {}
        with self.assertRaisesRegex(ValueError, pattern):
            self.persist.receive(self.file, namespace)
        self.assertEqual(namespace, {})

    def test_size_and_alignment(self):
        self.send()
        self.assertEqual(os.fstat(self.file).st_size, self.sent.size)
        found = os.pread(self.file, self.sent.size, 0).find(b"y" * 9000)
        self.assertEqual(found % 4096, 0)

    def test_empty(self):
        self.refuses("too short")

    def test_foreign(self):
        os.write(self.file, b"#!/bin/sh\n" * 100)
        self.refuses("does not begin")

    def test_without_header(self):
        """The header is written last."""
        self.send()
        os.pwrite(self.file, bytes(64), 0)
        self.refuses("incomplete")

    def test_torn(self):
        self.send()
        for length in (self.sent.size - 1, self.sent.size // 2, 64):
            os.ftruncate(self.file, length)
            self.refuses("damaged|short")

    def test_every_byte_of_the_header_counts(self):
        self.send()
        header = os.pread(self.file, 40, 0)
        for place in range(40):
            os.pwrite(self.file, bytes([header[place] ^ 0x41]), place)
            self.refuses("variables")
            os.pwrite(self.file, header, 0)

    def test_index_that_points_outside(self):
        self.send()
        import zlib

        *_, offset, length = struct.unpack("<8sIIQQQ", os.pread(self.file, 40, 0))
        for old, new in ((b'"pickle": [64,', b'"pickle": [-1,'), (b'"buffers": [[', b'"buffers": [[9999999'), (b'"pickle": [64,', b'"pickle": [63,'), (b'"pickle": [64, ', b'"pickle": [64, 99999'), (b'"pickle": [64, ', b'"pickle": [64, -')):
            self.send()
            text = os.pread(self.file, length, offset).replace(old, new, 1)
            os.pwrite(self.file, text, offset)
            os.pwrite(self.file, struct.pack("<8sIIQQQ", b"SPKVARS\n", 1, zlib.crc32(text), offset + len(text), offset, len(text)), 0)
            self.refuses("damaged")

    def test_the_other_kind(self):
        self.send()
        with self.assertRaisesRegex(ValueError, "another"):
            self.persist.apply_changes(self.file, {})

    def test_older_content_is_gone(self):
        self.persist.send({"x": b"z" * 100000}, self.file)
        self.send()
        self.assertEqual(os.fstat(self.file).st_size, self.sent.size)

    def test_interrupt_is_no_loss(self):
        """One that comes; users' code may raise what is none."""
        interrupts = sys.modules[self.persist.__name__.partition(".persist")[0] + ".base.interrupts"]
        before = signal.getsignal(signal.SIGINT)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        class Interrupted:
            def __reduce__(self):
                if not self.itself:
                    signal.raise_signal(signal.SIGINT)
                raise KeyboardInterrupt("by itself")

        thing = Interrupted()
        for thing.itself in (False, True):
            with interrupts.Interrupts(threading.RLock()).users_code():
                if thing.itself:
                    (lost,) = self.persist.send({"x": thing}, self.file).lost
                    self.assertEqual((lost.name, lost.reason), ("x", "KeyboardInterrupt: by itself"))
                else:
                    self.assertRaises(KeyboardInterrupt, self.persist.send, {"x": thing}, self.file)


if __name__ == "__main__":
    unittest.main()
