#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Variables go to another process and come back by other marshallers than cloudpickle: by dill, by Python's own pickle,
and by modules of one's own (marshallers/). Cases are those of test_persist.py, as far as a marshaller can have them;
and what each cannot carry is named.

SPK_TREE, SPK_PERSIST_PYTHON: as there."""

import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "marshallers")]

import test_persist  # noqa: E402
from test_persist import HAS_CLOUDPICKLE, NO_CLOUDPICKLE, _has, needs_numpy  # noqa: E402

HAS_DILL = _has("dill")
NO_DILL = "this Python has no dill"

# What every marshaller has to do.
DATA = (
    "nothing assignments methods_that_change only_the_changed_travel deletion deleted_and_defined_again type_changes "
    "hidden_names order_of_a_dictionary aliases alias_is_made alias_is_ended alias_is_ended_unequally "
    "the_rest_of_a_unit_keeps_its_identity cycle tuple_alias atoms_join_nothing module_is_imported_in_the_cell generator "
    "too_deep lost_name_is_bound_again lost_name_is_deleted iterators_travel_in_their_state large_bytes "
    "array_is_bound_anew array_of_another_shape view_without_its_base kinds_of_arrays data_frame environment "
    "random_numbers"
)
# What our own has beside, and others' picklers can be given.
BESIDE = (
    "the_namespace_joins_nothing modules database new_name_for_what_cannot_travel memoryview array_in_place "
    "arrays_that_share_memory view_made_in_the_cell read_only_array"
)
# By value.
DEFINITIONS = (
    "exec_and_globals definitions_under_try attribute from_a_function alias_deep_inside function_sees_the_namespace "
    "function_is_redefined function_defaults_and_attributes closures_share_cells recursion decorators "
    "decorated_in_the_cell methods_of_objects class_identity class_attributes class_attribute_shared class_is_redefined "
    "class_of_the_cell class_features class_registry_is_not_told_again classes_that_know_each_other "
    "units_that_wait_for_each_other dataclass enum namedtuple dynamic_module reduce_raises in_a_closure"
)
FUNCTIONS = (
    "from_a_function function_sees_the_namespace function_is_redefined function_defaults_and_attributes "
    "closures_share_cells recursion class_attribute_shared class_of_the_cell dataclass"
)


class Case(unittest.TestCase):
    """One process sends to the other."""

    way = "launched"
    loses = test_persist.Ways.loses
    keeps = test_persist.Ways.keeps

    def run_cell(self, *arguments, **environment):
        environment.setdefault("PYTHONPATH", os.path.join(HERE, "marshallers"))
        return test_persist.Ways.run_cell(self, *arguments, **environment)

    def names(self, setup, cell, lost, check="", reason="."):
        """Runs a cell that loses these on the way there, and others nowhere."""
        told = self.run_cell(setup, cell, check)
        self.assertEqual(sorted(entry[0] for entry in told["sent"]), sorted(lost))
        for entry in told["sent"]:
            self.assertRegex(entry[3], reason)
        return told


def with_cases(names):
    """With those of test_persist.Ways."""

    def add(cls):
        for name in names.split():
            setattr(cls, f"test_{name}", getattr(test_persist.Ways, f"test_{name}"))
        return cls

    return add


# --- dill ------------------------------------------------------------------------------------------------


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@unittest.skipUnless(HAS_DILL, NO_DILL)
@with_cases(f"{DATA} {BESIDE} {DEFINITIONS}")
class Dill(Case):
    marshaller = "dill"

    def test_what_cloudpickle_does_not_take(self):
        setup = "import threading\nclass M: pass\nm = M(); m.lock = threading.Lock(); m.lock.acquire(); m.l = [1]"
        cell = "assert m.lock.locked() and type(m) is M; m.lock.release(); m.l.append(2)"
        self.keeps(setup, cell, "assert not m.lock.locked() and m.l == [1, 2] and type(m) is M", "m")

    def test_open_file(self):
        setup = "import tempfile\nf = tempfile.NamedTemporaryFile('w+'); f.write('abc\\n' * 3); f.flush(); g = open(f.name); g.readline()\nname = f.name; HIDDEN.add('f')"
        self.keeps(setup, "assert g.name == name and g.tell() == 4 and g.readline() == 'abc\\n'", "assert g.tell() == 8 and g.name == name")
        setup = "import tempfile\nf = open(tempfile.mkstemp()[1], 'w'); f.write('abc'); f.flush(); b = open(f.name, 'rb+')"
        cell = "f.write('def'); f.close(); assert b.read() == b'abcdef'"
        self.keeps(setup, cell, "import os; os.unlink(f.name)\nassert f.closed and b.tell() == 6")

    def test_its_name_for_the_namespace(self):
        """A function that dill pickles itself, as its module is not the notebook's."""
        self.keeps("import dill\nx = [1]\nhold = dill.dumps(lambda: x)", "import dill\nassert dill.loads(hold)() is x; x.append(2)", "assert x == [1, 2]", "x")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@unittest.skipUnless(HAS_DILL, NO_DILL)
@with_cases(f"{BESIDE} aliases kinds_of_arrays class_identity function_is_redefined")
class DillForked(Case):
    marshaller = "dill"
    way = "forked"


# --- pickle ----------------------------------------------------------------------------------------------


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@with_cases(f"{DATA} {BESIDE}")
class Plain(Case):
    marshaller = "pickle"

    def test_definitions(self):
        """As with cloudpickle."""
        setup = "def f(): return 1\nclass C: pass\nc = [C()]; k = lambda: 1; x = [1]; m = C().__init__\nclass E(C): pass\n"
        cell = "x.append(f() + k()); c[0].n = E()"
        check = "assert x == [1, 2] and f() == 1 and type(c[0]) is C and isinstance(c[0].n, C) and type(c[0].n) is E"
        self.keeps(setup, cell, check)

    def test_a_definition_of_the_cell(self):
        """By its name, what is here would be found."""
        setup = "def f(): return 1\nclass C: v = 1\nx = 1"
        cell = "def f(): return 2\nclass C: v = 2\nx = [C(), f]"
        self.keeps(setup, cell, "assert f() == 2 and C.v == 2 and type(x[0]) is C and x[1] is f")

    def test_importable_definitions(self):
        setup = "import collections, functools, bisect\nf = bisect.bisect; g = collections.OrderedDict.fromkeys; k = functools.partial(max, 3); C = collections.Counter; c = C('aab'); t = type(None); u = [int]"
        self.keeps(setup, "assert f is bisect.bisect and k(1) == 3 and c['a'] == 2 and type(c) is C and t is type(None); c['z'] = 1", "assert c['z'] == 1", "c")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@with_cases(f"{BESIDE} assignments aliases kinds_of_arrays lost_name_is_bound_again")
class PlainForked(Case):
    marshaller = "pickle"
    way = "forked"

    def test_what_is_here_stays(self):
        """What cannot travel and did not change is no loss: it is here."""
        setup = "def f(): return 1\nclass C: pass\nc = C(); d = C()"
        self.keeps(setup, "assert f() == 1 and type(c) is C; x = 1", "assert f() == 1 and type(c) is C", "x")
        self.keeps(setup, "c.v = 1", "assert c.v == 1 and type(c) is C", "c")


# --- a module of one's own -------------------------------------------------------------------------------


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@with_cases(DATA)
class OwnFiles(Case):
    """dump and load, which keep what they write in several files."""

    marshaller = "own_files"

    def test_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as directory:
            self.run_cell("x = [1]; y = {2}; g = (i for i in x)", "x.append(2)", "assert x == [1, 2]", TMPDIR=directory)
            self.assertEqual(os.listdir(directory), [])
            self.run_cell("x = [1]; y = {2}", "x.append(2)", "assert x == [1, 2]", SCOREP_JUPYTER_PERSISTENCE_DIR=directory, TMPDIR="/dev/shm")
            self.assertEqual(os.listdir(directory), [])

    def test_modules_travel_as_ever(self):
        self.keeps("import json, os.path as p; m = json", "assert m is json and p.join; import xml.dom", "import sys; assert xml is sys.modules['xml']", ["xml"])

    def test_what_it_takes_by_name_is_named(self):
        setup = "def f(): return 1\nclass C: pass\nc = C(); x = [1]; k = [f]"
        told = self.names(setup, "x.append(2)", "fCck", "assert x == [1, 2] and f() == 1", "own_files takes functions and classes of the notebook by their names only")
        self.assertTrue(all("MARSHALLER=cloudpickle" in entry[3] for entry in told["sent"]))

    def test_a_definition_of_the_cell_is_not_an_older_one_of_its_name(self):
        told = self.run_cell("def f(): return 1\nold = f; HIDDEN.add('old'); x = 1", "def f(): return 2\nx = [f]", "assert old is f and x == 1")
        self.assertEqual(sorted(entry[0] for entry in told["lost"]), ["f", "x"])

    def test_the_namespace_is_not_copied(self):
        self.names("g = globals(); x = [1]; y = {'g': g, 'x': 1}", "x.append(2)", "gy", "assert x == [1, 2]", "namespace")

    def test_open_files_stay(self):
        self.names("f = open('/dev/null', 'w'); g = [open('/dev/null', 'rb')]; x = 1", "x = 2", "fg", "assert x == 2", "open file")

    @needs_numpy
    def test_arrays(self):
        setup = "import numpy as np\nx = np.zeros(5000); y = [x, x]; s = np.zeros(5000); v = s[3:5]; k = np.ones(3)"
        cell = "assert y[0] is x is y[1]; x[1] = 2; assert 'share' in repr(s); k = k + 1"
        self.names(setup, cell, "sv", "assert y[0] is x is y[1] and x[1] == 2 and v.base is s and k[0] == 2", "arrays that share memory")

    def test_two_at_once(self):
        """Ranks of a machine read the same, each for itself."""
        if importlib.util.find_spec("cloudpickle") is None:
            self.skipTest("the Python of the tests has no cloudpickle")
        import child

        self.assertTrue(child.transfer)
        from spk_worker.persist.picklers import foreign

        one = foreign.Foreign("own_files")
        packed = one.dump([[1], "x"])
        found, begin = [], threading.Barrier(4)

        def load():
            begin.wait()
            for _ in range(20):
                found.append(one.load(packed.data, packed.buffers))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [[[1], "x"]] * 80)

    def test_a_directory_that_others_can_write(self):
        if importlib.util.find_spec("cloudpickle") is None:
            self.skipTest("the Python of the tests has no cloudpickle")
        import child

        self.assertTrue(child.transfer)
        from spk_worker.persist.picklers import foreign

        one = foreign.Foreign("own_files")
        packed = one.dump([1])
        directory = os.path.dirname(packed.buffers[0].tobytes().decode().split("\t")[1].strip())
        self.assertFalse(os.path.exists(directory))
        os.mkdir(directory)
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o777)
        with self.assertRaisesRegex(PermissionError, "own"):
            one.load(packed.data, packed.buffers)
        self.assertEqual(os.listdir(directory), [])

    def test_modules_that_are_none(self):
        if importlib.util.find_spec("cloudpickle") is None:
            self.skipTest("the Python of the tests has no cloudpickle")
        import child

        self.assertTrue(child.transfer)
        from spk_worker.persist.picklers import marshallers

        self.assertRaisesRegex(ImportError, "no_such", marshallers.of, "no_such.module")
        self.assertRaisesRegex(AttributeError, "neither dump and load nor dumps and loads", marshallers.of, "os.path")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@with_cases("assignments aliases alias_is_made lost_name_is_deleted large_bytes cycle environment")
class OwnFilesForked(Case):
    marshaller = "own_files"
    way = "forked"

    def test_what_is_here_stays(self):
        setup = "def f(): return 1\nclass C: pass\nc = C(); g = (i for i in 'ab'); y = [g, 1]"
        self.keeps(setup, "assert f() == 1 and type(c) is C; x = 1", "assert f() == 1 and type(c) is C and next(g) == 'a'", "x")


@unittest.skipUnless(HAS_CLOUDPICKLE, NO_CLOUDPICKLE)
@unittest.skipUnless(HAS_DILL, NO_DILL)
@with_cases(f"assignments aliases cycle large_bytes generator {FUNCTIONS}")
class OwnBytes(Case):
    """dumps and loads, by what takes functions and classes by value: whole units are consistent in themselves."""

    marshaller = "own_bytes"

    def test_class_comes_back_as_another_for_all(self):
        setup = "class C: v = 1\nc = C(); d = [c]; other = [1]; old = other"
        self.keeps(setup, "assert type(c) is C and d[0] is c; C.v = 2; c.n = C()", "assert type(c) is type(c.n) is C and d[0] is c and c.v == 2 and other is old")


if __name__ == "__main__":
    unittest.main()
