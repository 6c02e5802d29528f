#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Arrays over the memory of files, and over memory that others share: in another process they are on the same file, or
are named; in the session they stay the objects that they are, on their file."""

import os
import unittest

import test_persist
from test_persist import HAS_CLOUDPICKLE, NO_CLOUDPICKLE, _has

MARSHALLERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "marshallers")
SETUP = """
import mmap, os, tempfile
import numpy as np
folder = tempfile.TemporaryDirectory(); path = folder.name + '/data file'; place = folder.name
with open(path, 'wb') as f: f.write(bytes(1 << 17))
del f
def on_disk(kind='u1'): return np.fromfile(path, kind)
def gone(): folder.cleanup(); return True
"""


class Mapped:
    """Cases for all ways and marshallers."""

    marshaller = "cloudpickle"
    run_cell = test_persist.Ways.run_cell

    def keeps(self, setup, cell, check="", changed=None):
        """Runs a cell that loses nothing but the folder, which is the session's."""
        told = self.run_cell(SETUP + setup, cell, check + "\nassert gone()")
        lost = {one[0]: one for one in told["sent"] + told["received"] + told["returned"] + told["lost"]}
        lost.pop("folder", None)
        self.assertEqual(lost, {})
        if changed is not None:
            self.assertEqual(told["changed"], changed)
        return told

    def lost(self, setup, cell="", check="", name="m"):
        """Why that variable does not travel."""
        told = self.run_cell(SETUP + setup, cell, check + "\nassert gone()")
        lost = {one[0]: one for one in told["sent"] + told["received"] + told["returned"] + told["lost"]}
        self.assertIn(name, lost)
        return lost[name][3]

    def test_a_cell_writes_into_the_file(self):
        setup = "m = np.memmap(path, 'f8', 'r+', 16, (10, 20)); same = id(m)"
        cell = "assert type(m) is np.memmap and (m.shape, m.offset, m.mode) == ((10, 20), 16, 'r+')\nm[3, 4] = 7; m.flush()"
        check = "assert id(m) == same and m[3, 4] == 7 and on_disk('f8')[2 + 64] == 7\nm[0, 0] = 1; assert on_disk('f8')[2] == 1"
        self.keeps(setup, cell, check, [])

    def test_what_is_left_unflushed_is_seen(self):
        self.keeps("m = np.memmap(path, 'i4', 'r+')", "m[5] = 1; m[30000] = 2", "assert (m[5], m[30000]) == (1, 2)", [])

    def test_order_and_structure(self):
        setup = "m = np.memmap(path, [('a', 'u1'), ('b', '>i8')], 'r+', 4104, (5, 6), 'F')"
        cell = "assert m.flags.f_contiguous and m.dtype.names == ('a', 'b'); m['b'][1, 2] = 3"
        self.keeps(setup, cell, "assert m[1, 2]['b'] == 3 and m.base is m._mmap", [])

    def test_views_are_parts(self):
        setup = "m = np.memmap(path, 'i4', 'r+'); v = m[10:20:3]; r = m[::-1]; p = np.asarray(m)[7:]; t = m.reshape(256, -1).T"
        cell = "v[0] = 1; m[13] = 2; r[0] = 3; p[0] = 4; t[0, 1] = 5\nassert v[1] == 2 and m[-1] == 3 and m[7] == 4 and m[128] == 5"
        check = "assert (v[0], m[10], v[1], m[-1], r[0], m[7], m[128]) == (1, 1, 2, 3, 3, 4, 5)\nv[0] = 9; assert on_disk('i4')[10] == 9"
        self.keeps(setup, cell, check, [])

    def test_read_only(self):
        setup = "m = np.memmap(path, 'u1', 'r'); w = np.memmap(path, 'u1', 'r+'); w[3] = 1; f = w[2:]; f.flags.writeable = False"
        cell = "assert m.mode == 'r' and not m.flags.writeable and not f.flags.writeable\nw[3] = 2; assert m[3] == f[1] == 2"
        self.keeps(setup, cell, "assert m[3] == 2", [])

    def test_in_containers_which_change(self):
        setup = "m = np.memmap(path, 'u1', 'r+'); d = {'m': m, 'other': m[5:]}; same = id(m)"
        cell = "d['m'][6] = 1; d['new'] = 5; assert d['m'] is m and d['other'][1] == 1"
        check = "assert d['new'] == 5 and d['m'] is m and id(m) == same and m[6] == d['other'][1] == on_disk()[6] == 1"
        self.keeps(setup, cell, check)

    def test_arrays_over_mmap(self):
        setup = "f = open(path, 'r+b'); k = mmap.mmap(f.fileno(), 0); del f; m = np.frombuffer(k, 'u2'); v = np.ndarray(9, 'u1', k, 4)"
        told = self.run_cell(SETUP + setup, "m[3] = 513; assert v[2] == 1 and v[3] == 2", "assert (m[3], v[2], on_disk()[7]) == (513, 1, 2)\nassert gone()")
        lost = {one[0] for one in told["sent"] + told["returned"] + told["lost"]}
        self.assertEqual(lost - {"folder"}, {"k"} if self.way == "launched" and told["sent"] else set())

    def test_made_there(self):
        cell = "m = np.memmap(path, 'u1', 'r+', shape=(4096,)); m[1] = 1; n = np.memmap(place + '/new', 'f8', 'w+', shape=(8,)); n[2] = 2"
        check = "assert on_disk()[1] == 1; m[2] = 2; assert on_disk()[2] == 2 and m.filename == path\nn[3] = 3; assert list(np.fromfile(place + '/new')[2:4]) == [2, 3]"
        self.keeps("", cell, check)

    def test_deleted_and_made_again(self):
        setup = "m = np.memmap(path, 'u1', 'r+')"
        self.keeps(setup, "m = np.memmap(path, 'u1', 'r+', 4096); m[0] = 7", "assert on_disk()[4096] == m[0] == 7; m[1] = 8; assert on_disk()[4097] == 8")

    def test_a_private_mapping(self):
        setup = "m = np.memmap(path, 'u1', 'c'); v = m[4:]"
        self.keeps(setup, "assert m[0] == 0 and m.mode == 'c' and v.base is not None", "assert m.mode == 'c'; m[0] = 5; assert on_disk()[0] == 0", [])

    def test_a_private_mapping_that_the_cell_changes(self):
        setup = "m = np.memmap(path, 'u1', 'c'); v = m[4:]"
        reason = self.lost(setup, "v[0] = 5; assert m[4] == 5", "assert m[4] == 0 and on_disk()[4] == 0")
        self.assertIn("differs from its file", reason)

    def test_a_private_mapping_with_changes(self):
        setup = "m = np.memmap(path, 'u1', 'c'); m[0] = 1"
        check = "assert m[0] == 1 and on_disk()[0] == 0"
        if self.way == "launched":
            self.assertIn("differs from its file", self.lost(setup, "", check))
        else:
            self.keeps(setup, "assert m[0] == 1", check, [])
            self.assertIn("differs from its file", self.lost(setup, "m[0] = 2", check))

    def test_a_deleted_file(self):
        setup = "m = np.memmap(path, 'u1', 'r+'); d = {'v': m[5:]}; os.unlink(path)"
        if self.way == "launched":
            self.assertIn("data file, which was deleted", self.lost(setup, "", "assert m[5] == 0"))
            self.assertIn("data file, which was deleted", self.lost(setup, "", "", "d"))
        else:
            self.keeps(setup, "m[5] = 6", "assert m[5] == d['v'][0] == 6", [])

    def test_a_file_that_was_renamed(self):
        setup = "m = np.memmap(path, 'u1', 'r+'); os.rename(path, place + '/other\\n'); path = place + '/other\\n'"
        self.keeps(setup, "m[5] = 6", "assert m[5] == on_disk()[5] == 6", [])

    def test_another_file_of_that_name(self):
        setup = "m = np.memmap(path, 'u1', 'r+'); os.rename(path, path + '2'); import shutil; shutil.copy(path + '2', path)"
        self.keeps(setup, "m[5] = 6", "assert m[5] == 6 and on_disk()[5] == 0", [])

    def test_memory_without_a_file(self):
        for made in ("mmap.mmap(-1, 4096)", "multiprocessing.RawArray('d', 100)", "mmap.mmap(os.memfd_create('x'), 4096)"):
            with self.subTest(made):
                setup = "import multiprocessing; o = os.memfd_create\n"
                setup += "def memfd(n): f = o(n); os.ftruncate(f, 4096); return f\n"
                setup += "m = np.frombuffer(%s, 'u1')" % made.replace("os.memfd_create", "memfd")
                if self.way == "launched":
                    self.assertIn("has no file", self.lost(setup, "", "assert m[0] == 0"))
                else:
                    self.keeps(setup, "m[0] = 5", "assert m[0] == 5", [])

    def test_private_memory_without_a_file(self):
        setup = "m = np.frombuffer(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), 'u1')"
        self.keeps(setup, "m[0] = 5", "assert m[0] == 5", ["m"])

    def test_ctypes_over_shared_memory(self):
        setup = "import ctypes, multiprocessing\nm = multiprocessing.RawValue('i', 5); c = ctypes.c_int(2)"
        told = self.run_cell(SETUP + setup, "c.value = 3", "assert c.value == 3\nassert gone()")
        names = {one[0] for one in told["sent"] + told["returned"]}
        self.assertEqual("m" in names, self.way == "launched")
        self.assertNotIn("c", names)

    def test_shared_memory(self):
        setup = "from multiprocessing import shared_memory\ns = shared_memory.SharedMemory(create=True, size=4096)\nl = shared_memory.ShareableList([1, 2])\nm = np.ndarray(10, 'f8', s.buf)"
        check = "assert m[3] == 4 and l[0] == 5 and s.buf[0] == 9 and os.path.exists('/dev/shm/' + s.name)\ndel m; s.close(); s.unlink(); l.shm.close(); l.shm.unlink()"
        self.keeps(setup, "m[3] = 4; l[0] = 5; s.buf[0] = 9", check, [])

    def test_shared_memory_that_is_made_there(self):
        cell = "from multiprocessing import shared_memory\ns = shared_memory.SharedMemory(create=True, size=4096); s.buf[0] = 3"
        self.keeps("", cell, "assert s.buf[0] == 3 and os.path.exists('/dev/shm/' + s.name)\ns.close(); s.unlink()")

    @unittest.skipUnless(_has("h5py"), "this Python has no h5py")
    def test_hdf5(self):
        setup = "import h5py; h = h5py.File(place + '/h', 'w'); m = h.create_dataset('x', data=np.arange(4)); h.flush()"
        check = "assert m[1] == 1"
        if self.way == "launched":
            self.assertIn("pickle", self.lost(setup, "", check))
        else:
            self.keeps(setup, "", check, [])

    def test_ordinary_arrays_that_travelled_stay_ordinary(self):
        setup = "a = np.zeros(1 << 20, 'u1'); b = a[5:10]; same = id(a)"
        self.keeps(setup, "a[6] = 1; assert b[1] == 1; c = np.ones(1 << 21)", "assert id(a) == same and b[1] == 1 and c[5] == 1; c[5] = 2")

    def test_a_table_over_a_file(self):
        if not _has("pandas"):
            self.skipTest("this Python has no pandas")
        setup = "import pandas as pd; m = np.memmap(path, 'f8', 'r+', shape=(4, 5)); t = pd.DataFrame(m, copy=False)"
        self.keeps(setup, "m[1, 2] = 3; assert t.iloc[1, 2] == 3", "assert t.iloc[1, 2] == 3 and on_disk('f8')[7] == 3")


@unittest.skipUnless(HAS_CLOUDPICKLE and _has("numpy"), NO_CLOUDPICKLE + ", or no NumPy")
class Launched(Mapped, unittest.TestCase):
    """By cloudpickle, in a launched process."""

    way = "launched"

    def test_the_file_is_not_there(self):
        # As on another machine, where the launched process finds no such file: it is moved away once it is pickled.
        setup = "here = os.getpid()\nclass Mover:\n    def __reduce__(self):\n"
        setup += "        if os.getpid() == here and os.path.exists(path): os.rename(path, path + '-gone')\n        return str, ()\n"
        setup += "z = Mover(); m = np.memmap(path, 'u1', 'r+')"
        told = self.run_cell(SETUP + setup, "", "assert m[0] == 0; assert gone()")
        reasons = [one[3] for one in told["received"] if one[0] == "m"]
        self.assertEqual(len(reasons), 1, told)
        self.assertRegex(reasons[0], "No such file or directory: '.*/data file'")


@unittest.skipUnless(HAS_CLOUDPICKLE and _has("numpy"), NO_CLOUDPICKLE + ", or no NumPy")
class Forked(Mapped, unittest.TestCase):
    """The same in a forked child."""

    way = "forked"


class ByPickle(Launched):
    """The same by Python's own pickler."""

    marshaller = "pickle"


@unittest.skipUnless(_has("dill"), "this Python has no dill")
class ByDill(Launched):
    """The same by dill."""

    marshaller = "dill"


@unittest.skipUnless(HAS_CLOUDPICKLE and _has("numpy"), NO_CLOUDPICKLE + ", or no NumPy")
class ByAnother(unittest.TestCase):
    """A module of the user's choice would copy it."""

    def test_it_is_named(self):
        for setup in ("m = np.memmap(path, 'u1', 'r+')", "m = np.frombuffer(mmap.mmap(-1, 4096), 'u1')"):
            job = Launched()
            job.marshaller = "own_bytes"
            told = test_persist.Ways.run_cell(job, SETUP + setup, "", "assert m[0] == 0 and gone()", PYTHONPATH=MARSHALLERS)
            reasons = [one[3] for one in told["sent"] if one[0] == "m"]
            self.assertRegex(reasons[0], "MARSHALLER=cloudpickle")


if __name__ == "__main__":
    unittest.main()
