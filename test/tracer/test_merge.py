# SPDX-License-Identifier: BSD-3-Clause
"""One archive from those of many ranks: read back by otf2-print, which shares no code with what reads the parts."""

import errno
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, Case, Trace  # noqa: E402

# Each rank has functions in common with the others, in another order, and one of its own.
RANK = """
def f(): pass
def g(): f()
def h(): g()
def own%(rank)d(): pass
for call in ([f, g, h], [h, f, g], [g, h, f], [own%(rank)d])[%(rank)d %% 3], [own%(rank)d]: [c() for c in call]
"""
THREADS = """
import threading
def f(): pass
def work():
    for _ in range(%d): f()
threads = [threading.Thread(target=work) for _ in range(%d)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
ATTEMPT = """
def attempt(parts, into):
    try: tracer.merge(parts, into)
    except OSError as problem: report([type(problem).__name__, problem.errno, problem.filename])
    except Exception as problem: report([type(problem).__name__, str(problem)])
    else: report(None)
"""
ANCHOR, DEFINITIONS, EVENTS = "traces.otf2", "traces.def", os.path.join("traces", "0.evt")


class Parts(Case):
    def setUp(self):
        super().setUp()
        self.before = {}

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def rank(self, rank, cell=None, **options):
        """Measures it: its part is what it would be, and lies in rank-RANK."""
        (result,) = self.drive("measure(%r, 'rank-%d', **%r)" % (cell or RANK % {"rank": rank}, rank, options))
        self.assertIsNone(result["error"])
        self.before[rank] = self.trace("rank-%d" % rank)
        return self.part(rank)

    def part(self, rank, host="here", offset=0):
        return (self.path("rank-%d" % rank), rank, host, offset)

    def attempt(self, parts, into=None):
        """What it raised: None, or its type and what it says."""
        (said,) = self.drive(ATTEMPT + "attempt(%r, %r)" % (parts, into or self.directory))
        return said

    def merge(self, parts, into=None):
        self.assertIsNone(self.attempt(parts, into))
        trace = Trace(into or self.directory)
        self.assertEqual(trace.complaints, [])
        self.check_balance(trace)
        return trace

    def check_events(self, trace, offsets):
        """The ranks' events are those of the parts, as far as their offsets later."""
        for rank, offset in offsets.items():
            part = self.before[rank]
            for location, (name, count) in part.locations.items():
                self.assertEqual(trace.locations[location | rank], (name, count))
                expected = [(kind, when + offset, region) for kind, at, when, region in part.events if at == location]
                found = [(kind, when, region) for kind, at, when, region in trace.events if at == location | rank]
                self.assertEqual(found, expected)
        self.assertEqual(len(trace.locations), sum(len(self.before[rank].locations) for rank in offsets))

    def snapshot(self):
        """All that lies below the test's directory, with its content."""
        found = {}
        for where, directories, files in os.walk(self.directory):
            for name in directories:
                found[os.path.join(where, name)] = None
            for name in files:
                with open(os.path.join(where, name), "rb") as file:
                    found[os.path.join(where, name)] = file.read()
        return found

    def refused(self, parts, into=None):
        """What it raised; everything is as before."""
        before = self.snapshot()
        said = self.attempt(parts, into)
        self.assertIsNotNone(said)
        self.assertEqual(self.snapshot(), before)
        return said


class Merged(Parts):
    def test_one_rank(self):
        trace = self.merge([self.rank(0)])
        self.check_events(trace, {0: 0})
        self.assertEqual(sorted(os.listdir(self.directory)), ["traces", "traces.def", "traces.otf2"])
        self.assertEqual(sorted(os.listdir(self.path("traces"))), ["0.def", "0.evt"])

    def test_two_and_four(self):
        for count in 2, 4:
            into = self.path("of-%d" % count)
            os.mkdir(into)
            trace = self.merge([self.rank(rank) for rank in range(count)], into)
            self.check_events(trace, dict.fromkeys(range(count), 0))
            self.assertEqual(sorted(os.listdir(into)), ["traces", "traces.def", "traces.otf2"])
            groups = re.findall(r'^LOCATION_GROUP +(\d+) +Name: "(.*?)" <\d+>, Type: PROCESS', trace.definitions, re.M)
            self.assertEqual(groups, [(str(rank), "rank %d" % rank) for rank in range(count)])

    def test_regions_in_common_are_one(self):
        trace = self.merge([self.rank(rank) for rank in (2, 0, 1)])
        self.check_events(trace, {0: 0, 1: 0, 2: 0})
        for name in CELL, "__main__:f", "__main__:g", "__main__:h", "__main__:own1":
            self.assertEqual(len(re.findall(r'^REGION +\d+ +Name: "%s"' % name, trace.definitions, re.M)), 1, name)
        self.assertEqual(len(re.findall(r'^STRING +\d+ +"Master thread"', trace.definitions, re.M)), 1)

    def test_same_name_on_another_line(self):
        parts = [self.rank(0, "def f(): pass\nf()"), self.rank(1, "\ndef f(): pass\nf()")]
        trace = self.merge(parts)
        self.check_events(trace, {0: 0, 1: 0})
        lines = re.findall(r'^REGION +\d+ +Name: "__main__:f".* Begin: (\d+)', trace.definitions, re.M)
        self.assertEqual(sorted(lines), ["1", "2"])

    def test_threads_and_ranks_that_are_missing(self):
        self.rank(3, THREADS % (10, 2))
        self.rank(70000, THREADS % (10, 3))
        trace = self.merge([self.part(70000), self.part(3)])
        self.check_events(trace, {3: 0, 70000: 0})
        self.assertEqual(set(trace.locations), {i << 32 | 3 for i in range(3)} | {i << 32 | 70000 for i in range(4)})

    def test_largest_rank(self):
        rank = (1 << 31) - 1
        self.rank(rank)
        self.check_events(self.merge([self.part(rank)]), {rank: 0})

    def test_many_chunks_and_flushes(self):
        parts = [self.rank(rank, THREADS % (20000 + rank, 4), memory_limit=1 << 20) for rank in range(2)]
        trace = self.merge(parts)
        self.check_events(trace, {0: 0, 1: 0})
        self.assertIn("\nBUFFER_FLUSH ", trace.text)

    def test_more_regions_than_a_chunk_of_definitions_holds(self):
        """In another order: the table that translates them is longer than one of our chunks, too."""
        cell = "def f(): pass\nfor i in %s(range(80000)): exec(f.__code__.replace(co_firstlineno=i + 1))\n"
        self.rank(0, cell % "iter")
        self.rank(1, cell % "reversed")
        trace = self.merge([self.part(0), self.part(1)])
        self.assertEqual(len(re.findall("^REGION ", trace.definitions, re.M)), 80001)
        self.check_events(trace, {0: 0, 1: 0})
        numbers = [re.findall(r'^ENTER +%d .* Region: "__main__:f" <(\d+)>' % rank, trace.text, re.M) for rank in (0, 1)]
        self.assertEqual(numbers[1], numbers[0][::-1])

    def test_rank_without_events(self):
        self.drive("begin('rank-1')\nreport(tracer.end())")
        self.before[1] = self.trace("rank-1")
        self.rank(0)
        self.check_events(self.merge([self.part(0), self.part(1)]), {0: 0, 1: 0})

    def test_hosts_are_nodes(self):
        for rank in range(4):
            self.rank(rank)
        hosts = ["here", "there", "here", "größer"]
        trace = self.merge([self.part(rank, hosts[rank]) for rank in range(4)])
        nodes = re.findall(r'^SYSTEM_TREE_NODE +\d+ +Name: "(.*?)" <\d+>, Class: "node" <\d+>, Parent: "machine', trace.definitions, re.M)
        self.assertEqual(nodes, ["here", "there", "größer"])
        parents = re.findall(r'^LOCATION_GROUP .* Parent: "node::(.*?)"', trace.definitions, re.M)
        self.assertEqual(parents, hosts)

    def test_the_whole_can_be_merged_no_further(self):
        """It has numbers that no part has, and other definitions: said so, not guessed."""
        self.rank(0)
        self.rank(1)
        os.mkdir(self.path("whole"))
        self.merge([self.part(0), self.part(1)], self.path("whole"))
        kind, text = self.refused([(self.path("whole"), 0, "here", 0)])
        self.assertEqual(kind, "ValueError")
        self.assertIn("not an archive that the built-in tracer wrote", text)

    def test_as_any_sequence_and_again(self):
        self.rank(0)
        driver = ATTEMPT + "attempt((tuple(p) for p in [%r]), %r)\nattempt([%r], %r)\nmeasure('def f(): pass\\nf()', '2')"
        part = self.part(0)
        first, second, result = self.drive(driver % (part, self.directory, part, self.directory))
        self.assertIsNone(first)
        self.assertEqual(second, ["FileNotFoundError", errno.ENOENT, part[0]])
        self.assertIsNone(result["error"])


class Clocks(Parts):
    def clock(self, trace):
        found = re.search(r"^CLOCK_PROPERTIES .*Seconds: (\d+), Global Offset: (\d+), Length: (\d+), Date: (.*)$", trace.definitions, re.M)
        return int(found[1]), int(found[2]), int(found[3]), found[4]

    def test_covers_all_ranks(self):
        self.rank(1)
        self.rank(0)
        (_, first, _, date), (_, last, length, _) = (self.clock(self.before[rank]) for rank in (1, 0))
        trace = self.merge([self.part(0), self.part(1)])
        self.assertEqual(self.clock(trace), (10**9, first, last + length - first, date))

    def test_offsets(self):
        """The times of events, also of the first and the last, in every thread; and who is the earliest."""
        for rank in range(3):
            self.rank(rank, THREADS % (5, rank))
        clocks = [self.clock(self.before[rank]) for rank in range(3)]
        offsets = {0: 7 * 10**9 + 1, 1: 0, 2: 1 - clocks[2][1]}
        trace = self.merge([self.part(rank, "host-%d" % rank, offset) for rank, offset in offsets.items()])
        self.check_events(trace, offsets)
        end = max(clocks[rank][1] + clocks[rank][2] + offset for rank, offset in offsets.items())
        self.assertEqual(self.clock(trace), (10**9, 1, end - 1, clocks[2][3]))
        anchor = self.path(ANCHOR)
        said = subprocess.check_output(["otf2-print", "-C", anchor], text=True)
        self.assertEqual(set(re.findall(r"^CLOCK_OFFSET +(\d+)", said, re.M)), {str(location) for location in trace.locations if location % 2**32 != 1})

    def test_offset_before_zero(self):
        self.rank(0)
        kind, text = self.refused([self.part(0, offset=-self.clock(self.before[0])[1] - 1)])
        self.assertEqual(kind, "ValueError")
        self.assertIn("clock offset", text)
        for offset in (1 << 62, -(1 << 62)):
            self.assertEqual(self.refused([self.part(0, offset=offset)])[0], "ValueError")


class Files(Parts):
    def test_other_files_are_left(self):
        self.rank(0)
        self.rank(1)
        for path in (self.path("rank-0", "scorepkernel.json"), self.path("rank-1", "traces", "0.marker")):
            open(path, "w").close()
        self.merge([self.part(0), self.part(1)])
        self.assertEqual(os.listdir(self.path("rank-0")), ["scorepkernel.json"])
        self.assertEqual(os.listdir(self.path("rank-1")), ["traces"])
        self.assertEqual(os.listdir(self.path("rank-1", "traces")), ["0.marker"])

    def test_events_are_not_copied(self):
        self.rank(0)
        before = os.stat(self.path("rank-0", EVENTS)).st_ino
        self.merge([self.part(0)])
        self.assertEqual(os.stat(self.path(EVENTS)).st_ino, before)

    def test_another_file_system(self):
        if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(self.directory).st_dev:
            self.skipTest("there is no second file system to write to")
        into = tempfile.mkdtemp(prefix="tracer-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, into, ignore_errors=True)
        self.rank(0, THREADS % (20000, 2))
        self.rank(1)
        self.check_events(self.merge([self.part(0), self.part(1)], into), {0: 0, 1: 0})
        self.assertEqual(os.listdir(self.directory), [])

    def test_name_that_is_not_utf8(self):
        path = self.path("x\udcff")
        self.drive("os.mkdir(%r)\nmeasure('def f(): pass\\nf()', 'x\\udcff')" % path)
        (said,) = self.drive(ATTEMPT + "attempt([(%r, 0, 'here', 0)], DIRECTORY)" % path)
        self.assertIsNone(said)
        (said,) = self.drive(ATTEMPT + "os.mkdir(DIRECTORY + '/2'); attempt([(%r, 0, 'here', 0)], DIRECTORY + '/2')" % path)
        self.assertEqual(said[1], errno.ENOENT)

    def test_the_umask_holds(self):
        self.rank(0)
        driver = ATTEMPT + "os.umask(0o027)\nattempt([%r], DIRECTORY)" % (self.part(0),)
        self.assertEqual(self.drive(driver), [None])
        modes = [stat.S_IMODE(os.stat(self.path(name)).st_mode) for name in ("traces", DEFINITIONS, ANCHOR)]
        self.assertEqual([mode & 0o027 for mode in modes], [0, 0, 0])


class Refused(Parts):
    def damage(self, name, change):
        with open(self.path("rank-1", name), "rb") as file:
            before = file.read()
        with open(self.path("rank-1", name), "wb") as file:
            file.write(change(before))
        return before

    def pair(self):
        self.rank(0)
        self.rank(1)
        return [self.part(0), self.part(1)]

    def check_damaged(self, name, parts):
        kind, text = self.refused(parts)
        self.assertEqual(kind, "ValueError", name)
        self.assertIn(self.path("rank-1"), text)

    def test_missing(self):
        parts = self.pair()
        for name in (EVENTS, "traces", DEFINITIONS, ANCHOR):
            path = self.path("rank-1", name)
            (os.remove if os.path.isfile(path) else shutil.rmtree)(path)
            kind, code, filename = self.refused(parts)
            self.assertEqual((kind, code), ("FileNotFoundError", errno.ENOENT))
            self.assertTrue(filename.startswith(path), filename)
        os.rmdir(self.path("rank-1"))
        self.assertEqual(self.refused(parts), ["FileNotFoundError", errno.ENOENT, self.path("rank-1")])

    def test_torn(self):
        """At many lengths, but for the anchor file: its end is not needed."""
        parts = self.pair()
        for name, step in ((ANCHOR, 13), (DEFINITIONS, 97), (EVENTS, 61)):
            size = os.path.getsize(self.path("rank-1", name))
            for length in range(0, size if name != ANCHOR else 48, step):
                before = self.damage(name, lambda content: content[:length])
                self.check_damaged((name, length), parts)
                self.damage(name, lambda _: before)
        self.merge(parts)

    def test_rubbish(self):
        parts = self.pair()
        rng = random.Random(1)
        for name in (ANCHOR, DEFINITIONS, EVENTS):
            for length in (1, 100, 1 << 20):
                before = self.damage(name, lambda _: bytes(rng.randrange(256) for _ in range(length)))
                self.check_damaged((name, length), parts)
                self.damage(name, lambda _: before)
            before = self.damage(name, lambda content: bytes(len(content)))
            self.check_damaged(name, parts)
            self.damage(name, lambda _: before)

    def test_events_that_lack_a_chunk(self):
        self.rank(0)
        self.rank(1, "def f(): pass\nfor _ in range(30000): f()")
        chunk = 256 << 10
        before = self.damage(EVENTS, lambda content: content[:chunk] + content[2 * chunk :])
        self.check_damaged(EVENTS, [self.part(0), self.part(1)])
        self.damage(EVENTS, lambda _: before[:chunk])
        self.check_damaged(EVENTS, [self.part(0), self.part(1)])
        self.damage(EVENTS, lambda _: before + bytes(5))
        self.check_damaged(EVENTS, [self.part(0), self.part(1)])

    def test_definitions_that_were_changed(self):
        """Neither a crash nor an endless loop, whatever the bytes are: refused, or merged with another name."""
        self.rank(1, THREADS % (2, 2))
        with open(self.path("rank-1", DEFINITIONS), "rb") as file:
            content = file.read()
        driver = ATTEMPT + """
import random, shutil
rng = random.Random(1)
part, content = os.path.join(DIRECTORY, "rank-1"), %r
for i in range(1500):
    copy, into = os.path.join(DIRECTORY, "copy"), os.path.join(DIRECTORY, "into")
    shutil.copytree(part, copy); os.mkdir(into)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))): changed[rng.randrange(len(changed))] = rng.choice((0, 127, 255, rng.randrange(256)))
    with open(os.path.join(copy, "traces.def"), "wb") as file: file.write(changed)
    attempt([(copy, 0, "here", 0)], into)
    shutil.rmtree(copy, ignore_errors=True); shutil.rmtree(into)
"""
        said = self.drive(driver % content)
        self.assertEqual({what and what[0] for what in said}, {None, "ValueError"})

    def test_not_ours(self):
        parts = self.pair()
        self.damage(ANCHOR, lambda content: content.replace(b"libscorepkernel", b"somebody else's"))
        self.assertIn("not an archive that the built-in tracer wrote", self.refused(parts)[1])

    def test_no_files(self):
        parts = self.pair()
        shutil.rmtree(self.path("rank-1"))
        os.mkdir(self.path("rank-1"))
        self.assertEqual(self.refused(parts)[:2], ["FileNotFoundError", errno.ENOENT])
        os.mkdir(self.path("rank-1", ANCHOR))
        self.assertEqual(self.refused(parts)[0], "ValueError")
        os.rmdir(self.path("rank-1", ANCHOR))
        os.rmdir(self.path("rank-1"))
        open(self.path("rank-1"), "w").close()
        self.assertEqual(self.refused(parts)[:2], ["NotADirectoryError", errno.ENOTDIR])

    def test_a_pipe_is_not_waited_for(self):
        parts = self.pair()
        os.remove(self.path("rank-1", EVENTS))
        os.mkfifo(self.path("rank-1", EVENTS))
        (said,) = self.drive(ATTEMPT + "attempt(%r, DIRECTORY)" % parts)
        self.assertEqual(said[0], "ValueError")

    def test_same_rank_and_same_directory(self):
        first, second = self.pair()
        self.assertIn("same rank", self.refused([first, (second[0], 0, "here", 0)])[1])
        os.symlink(first[0], self.path("link"))
        self.assertIn("another rank's archive", self.refused([first, (self.path("link"), 1, "here", 0)])[1])

    def test_arguments(self):
        part = self.rank(0)
        for parts in ([], [part[:1] + (-1,) + part[2:]], [part[:1] + (1 << 31,) + part[2:]], [part[:2] + ("", 0)], [part[:2] + ("a\0b", 0)], [("a\0b",) + part[1:]]):
            self.assertEqual(self.refused(parts)[0], "ValueError", parts)
        for parts in ([part[:3]], [list(part)], [None], None, [part[:2] + (7, 0)], [part, part[:1] + ("1",) + part[2:]]):
            self.assertEqual(self.refused(parts)[0], "TypeError", parts)
        self.assertEqual(self.refused([part[:1] + (1 << 70,) + part[2:]])[0], "OverflowError")
        self.merge([part])

    def test_an_archive_is_there(self):
        parts = self.pair()
        for name in (ANCHOR, DEFINITIONS, "traces"):
            open(self.path(name), "w").close()
            self.assertEqual(self.refused(parts), ["FileExistsError", errno.EEXIST, self.path(name)])
            os.remove(self.path(name))
        self.assertEqual(self.refused(parts, parts[0][0])[:2], ["FileExistsError", errno.EEXIST])

    def test_nowhere(self):
        parts = self.pair()
        self.assertEqual(self.refused(parts, self.path("none")), ["FileNotFoundError", errno.ENOENT, self.path("none")])
        self.assertEqual(self.refused(parts, self.path("rank-0", ANCHOR))[0], "NotADirectoryError")
        self.assertEqual(self.refused(parts, "/" + "x" * 5000)[:2], ["OSError", errno.ENAMETOOLONG])

    def test_while_measuring(self):
        part = self.rank(0)
        driver = ATTEMPT + "begin('2')\nrun('def f(): pass\\nf()')\nattempt([%r], DIRECTORY)\nreport(tracer.end())" % (part,)
        said, result = self.drive(driver)
        self.assertEqual(said[0], "RuntimeError")
        self.assertIsNone(result["error"])
        self.trace("2")


class Exhausted(Parts):
    def disk(self, *options):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system takes root")
        directory = tempfile.mkdtemp(prefix="tracer-disk-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        mount = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", directory]
        if subprocess.run(mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no permission to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", directory], check=False)
        return directory

    def test_full_disk(self):
        """For the definitions, and for a copy of the events."""
        self.rank(0, THREADS % (20000, 1))
        for free in range(0, 257, 32):
            into = self.disk("size=%dk" % (free + 4))
            kind, code, filename = self.refused([self.part(0)], into)
            self.assertEqual((kind, code), ("OSError", errno.ENOSPC))
            self.assertTrue(filename.startswith(into))
            self.assertEqual(os.listdir(into), [])
        self.merge([self.part(0)])

    def test_read_only(self):
        self.rank(0)
        into = self.disk("ro")
        self.assertEqual(self.refused([self.part(0)], into)[:2], ["OSError", errno.EROFS])

    def test_no_permission(self):
        self.rank(0)
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        for name in ("rank-0", os.path.join("rank-0", "traces")):
            os.chmod(self.path(name), 0o555)
            said = self.refused([self.part(0)])
            os.chmod(self.path(name), 0o755)
            self.assertEqual(said, ["PermissionError", errno.EACCES, self.path(name)])

    def test_limits(self):
        """On the size of files and on descriptors: each for itself, from too little to enough."""
        for rank in range(2):
            self.rank(rank)
        driver = ATTEMPT + """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limited(what, limit):
    before = resource.getrlimit(what)
    resource.setrlimit(what, (limit, before[1]))
    try: tracer.merge(%r, DIRECTORY)
    except OSError as problem: found = problem.errno
    finally: resource.setrlimit(what, before)
    report([found, sorted(os.listdir(DIRECTORY)), len(os.listdir("/proc/self/fd"))])
for size in range(0, 500, 50): limited(resource.RLIMIT_FSIZE, size)
for count in range(0, 4): limited(resource.RLIMIT_NOFILE, count)
attempt(%r, DIRECTORY)
""" % ([self.part(0), self.part(1)], [self.part(0), self.part(1)])
        *limited, last = self.drive(driver)
        self.assertIsNone(last)
        self.assertEqual({code for code, _, _ in limited}, {errno.EFBIG, errno.EMFILE})
        self.assertEqual({tuple(names) for _, names, _ in limited}, {("rank-0", "rank-1")})
        self.assertEqual(len({count for _, _, count in limited}), 1)
        self.check_events(self.trace("."), {0: 0, 1: 0})

    def test_no_descriptor_is_left(self):
        self.rank(0)
        driver = ATTEMPT + """
import shutil
part = os.path.join(DIRECTORY, "rank-0")
for i in range(20):
    copy, into = os.path.join(DIRECTORY, "copy"), os.path.join(DIRECTORY, "into")
    shutil.copytree(part, copy); os.mkdir(into)
    if i %% 2: os.truncate(os.path.join(copy, %r), 30)
    attempt([(copy, 0, "here", 5)], into)
    shutil.rmtree(copy, ignore_errors=True); shutil.rmtree(into)
    report(len(os.listdir("/proc/self/fd")))
""" % EVENTS
        said = self.drive(driver)
        self.assertEqual(len(set(said[1::2])), 1)
        self.assertEqual({what and what[0] for what in said[::2]}, {None, "ValueError"})


if __name__ == "__main__":
    unittest.main()
