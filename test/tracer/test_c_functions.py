#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Functions that are written in C, recorded where that is asked for: their names, their nesting, their ends."""

from __future__ import annotations

import unittest

from support import CELL, VERSION, Case


class CFunctions(Case):
    def visits(self, cell, **options):
        _, trace = self.measure(cell, c_functions=True, **options)
        return trace, trace.visits()

    def test_functions_and_methods(self):
        _, visits = self.visits(
            "import time\nkept = []\nfor i in range(5): kept.append(i)\nfor i in range(7): len(kept)\ntime.sleep(0)\n"
            "'a,b'.split(',')\nadd = kept.append\nadd(1); add(2)\ndict.fromkeys('ab')\n"
        )
        self.assertEqual(visits["builtins.list:append"], 7)
        self.assertEqual(visits["builtins:len"], 7)
        self.assertEqual(visits["time:sleep"], 1)
        self.assertEqual(visits["builtins.str:split"], 1)
        self.assertEqual(visits["builtins.dict:fromkeys"], 1)

    def test_not_unless_asked_for(self):
        _, trace = self.measure("len('abc')\n[].append(1)")
        self.assertEqual(list(trace.visits()), [CELL])

    def test_what_they_call_back(self):
        trace, visits = self.visits("def key(x): return abs(x)\nsorted([3, 1, 2], key=key)\n")
        self.assertEqual((visits["builtins:sorted"], visits["__main__:key"], visits["builtins:abs"]), (1, 3, 3))
        inner = ["+__main__:key", "+builtins:abs", "-builtins:abs", "-__main__:key"]
        self.assertEqual(trace.order(), [f"+{CELL}", "+builtins:sorted", *3 * inner, "-builtins:sorted", f"-{CELL}"])

    def test_within_themselves(self):
        _, visits = self.visits("sorted([1, 2], key=lambda x: sorted([x, x])[0])\n")
        self.assertEqual(visits["builtins:sorted"], 3)

    def test_ended_by_an_exception(self):
        trace, visits = self.visits(
            "for i in range(4):\n    try:\n        'abc'.index('x')\n    except ValueError: pass\nabs(-1)\n"
        )
        self.assertEqual((visits["builtins.str:index"], visits["builtins:abs"]), (4, 1))
        self.assertEqual(trace.order()[-3:], ["+builtins:abs", "-builtins:abs", f"-{CELL}"])

    def test_in_threads(self):
        _, visits = self.visits(
            "import threading\ndef work():\n    for _ in range(10): abs(-1)\n"
            "t = threading.Thread(target=work); t.start(); t.join()\n"
        )
        self.assertEqual((visits["builtins:abs"], visits["__main__:work"]), (10, 1))

    def test_filters(self):
        text = b"SCOREP_REGION_NAMES_BEGIN EXCLUDE builtins* SCOREP_REGION_NAMES_END"
        _, visits = self.visits("import time\nlen('abc')\n[].append(1)\ntime.sleep(0)\n", filter=text)
        self.assertEqual(visits, {CELL: 1, "time:sleep": 1})

    def test_methods_of_every_kind(self):
        """Those that know their class, as a regular expression's do."""
        _, visits = self.visits(
            "import re, types\npattern = re.compile('a')\nfor _ in range(3): pattern.search('a')\nmatch = pattern.match\n"
            "match('a')\n"
        )
        self.assertEqual((visits["re.Pattern:search"], visits["re.Pattern:match"]), (3, 1))

    def test_methods_of_subclasses(self):
        """They have the name of the class that defines them."""
        _, visits = self.visits(
            "import types\nclass Mine(list): pass\nmine = Mine()\nmine.append(1)\nadd = mine.append\nadd(2)\n"
            "types.MethodType(abs, -3)()\n"
        )
        self.assertEqual(visits["builtins.list:append"], 2)
        self.assertEqual(visits["builtins:abs"], 1 if VERSION >= (3, 11) else 0)

    def test_method_objects_nest(self):
        if VERSION < (3, 11):
            self.skipTest("this Python tells nobody of calls of method objects")
        trace, _ = self.visits(
            "import types\nwithin = types.MethodType(sorted, [3, 1])\ndef key(x):\n    within()\n    return abs(x)\n"
            "sorted([1, 2], key=key)\n"
        )
        inner = ["+__main__:key", "+builtins:sorted", "-builtins:sorted", "+builtins:abs", "-builtins:abs", "-__main__:key"]
        order = [name for name in trace.order() if "import" not in name]
        self.assertEqual(order, [f"+{CELL}", "+builtins:sorted", *2 * inner, "-builtins:sorted", f"-{CELL}"])

    def test_users_code_is_not_run(self):
        """Neither a metaclass nor what is in the place of a name."""
        (result,) = self.drive(
            "names = load('ran = []\\nclass Meta(type):\\n    def __getattribute__(self, name):\\n        ran.append(name)\\n'\n"
            "             '        return type.__getattribute__(self, name)\\nclass Odd(list, metaclass=Meta): pass\\n'\n"
            "             'odd = Odd()\\ndef work():\\n    ran.clear()\\n    odd.append(1)\\n    f = odd.append\\n    f(2)\\n'\n"
            "             '    return list(ran)', '<ipython-input-1>', __name__='__main__')\n"
            "begin(c_functions=True)\ntracer.start()\nran = names['work']()\ntracer.stop()\ntracer.end()\nreport(ran)"
        )
        self.assertEqual(result, [])

    def test_names_that_are_no_names(self):
        """A module's name is what somebody has put there."""
        _, visits = self.visits(
            "import types, time\nclass Odd:\n    def __getattr__(self, name): raise ValueError\n"
            "before = time.__name__\ntime.__name__ = Odd()\ntime.sleep(0)\ntime.__name__ = before\n"
        )
        self.assertEqual(visits["time:sleep"], 1)


if __name__ == "__main__":
    unittest.main()
