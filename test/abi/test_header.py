# SPDX-License-Identifier: BSD-3-Clause
"""The installed header compiles alone in every language and standard that a host may use, with every warning on,
and the library exports the one symbol that it promises."""

import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(HERE, "..", "..", "libscorepkernel", "include")
LIBRARY = os.path.join(os.environ.get("SPK_TREE", ""), "lib", "libscorepkernel.so")

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wshadow", "-Wconversion", "-Wundef", "-fsyntax-only"]
C_STANDARDS = ("c99", "c11", "c17", "c2x")
CXX_STANDARDS = ("c++11", "c++14", "c++17", "c++20")
C_COMPILERS = ("gcc", "clang")
CXX_COMPILERS = ("g++", "clang++")

# The header twice, as the first thing in a file, and each of its macros in use.
SOURCE = """
#include <scorepkernel.h>
#include <scorepkernel.h>
int use(const struct spk_plugin *plugin, const struct spk_host *host);
int use(const struct spk_plugin *plugin, const struct spk_host *host)
{
    spk_plugin_entry_fn *entry = spk_plugin_entry;
    const char *name = SPK_PLUGIN_ENTRY;
    return SPK_HAS(plugin, destroy) && SPK_HAS(host, log) && entry(SPK_ABI) && name[0] == 's' && SPK_STATUS_ENDED == 5u &&
           SPK_STDOUT != SPK_STDERR && SPK_REPLY_OK + SPK_REPLY_ERROR + SPK_REPLY_ABORTED == 3u && SPK_LOG_ERROR == 3u;
}
"""


def compile_text(compiler, standard, suffix, text):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "host" + suffix)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        command = [compiler, f"-std={standard}", *STRICT, "-I", INCLUDE, path]
        return subprocess.run(command, capture_output=True, text=True, check=False)


class Header(unittest.TestCase):
    maxDiff = None

    def everywhere(self, compilers, standards, suffix):
        there = [compiler for compiler in compilers if shutil.which(compiler)]
        if not there:
            self.skipTest(f"none of {', '.join(compilers)} is installed")
        for compiler in there:
            for standard in standards:
                with self.subTest(compiler=compiler, standard=standard):
                    done = compile_text(compiler, standard, suffix, SOURCE)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_c(self):
        self.everywhere(C_COMPILERS, C_STANDARDS, ".c")

    def test_cxx(self):
        self.everywhere(CXX_COMPILERS, CXX_STANDARDS, ".cpp")

    def test_only_linux(self):
        compiler = next((name for name in C_COMPILERS if shutil.which(name)), None)
        if not compiler:
            self.skipTest("no C compiler is installed")
        done = compile_text(compiler, "c11", ".c", "#define _WIN32 1\n" + SOURCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is for Linux", done.stderr)

    def test_plain_types(self):
        """No type crosses the boundary whose size or layout a compiler may choose."""
        with open(os.path.join(INCLUDE, "scorepkernel.h"), encoding="utf-8") as file:
            text = file.read()
        code = []
        inside = False
        for line in text.splitlines():
            while line:
                if inside:
                    _, end, line = line.partition("*/")
                    inside = not end
                else:
                    before, begin, line = line.partition("/*")
                    code.append(before)
                    inside = bool(begin)
        words = " ".join(code).replace("(", " ").replace("*", " ").split()
        for word in ("enum", "bool", "_Bool", "long", "off_t", "time_t", "wchar_t", "float", "double"):
            self.assertNotIn(word, words)


class Symbols(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(LIBRARY):
            self.skipTest("the library is not built, or SPK_TREE does not name its tree")
        if not shutil.which("nm"):
            self.skipTest("nm is not installed")

    def test_one_symbol(self):
        listed = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
        symbols = [line.split()[-1] for line in listed.splitlines()]
        self.assertEqual(symbols, ["spk_plugin_entry"])

    def test_no_runpath_and_soname(self):
        if not shutil.which("readelf"):
            self.skipTest("readelf is not installed")
        listed = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True, check=True).stdout
        self.assertIn("Library soname: [libscorepkernel.so]", listed)
        self.assertNotIn("RUNPATH", listed)
        self.assertNotIn("RPATH", listed)


if __name__ == "__main__":
    unittest.main()
