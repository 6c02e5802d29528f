# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Keeps docs/ARCHITECTURE.md and its neighbours true: each file that is named in backticks exists, and each function that
is named with its file, as in `session/plugin.c:plugin_execute`, is defined there."""

from __future__ import annotations

import ast
import functools
import os
import re
import unittest
from typing import Iterator, List, NamedTuple, Optional, Set

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = ("docs/ARCHITECTURE.md", "docs/CONTRIBUTING.md", "docs/GLOSSARY.md", "docs/SECURITY.md", "README.md")
# A path is relative to one of these directories.
BASES = ("", "libscorepkernel")
# Paths that exist only after a build or a measurement, or in the user's own directories.
MADE = ("build/", "~", "/", "traces/")
SOURCE = r"[\w./-]*[\w-]+\.(?:c|h|cpp|hpp|def|py|sh|mk|md|ipynb|png)"
REFERENCE = re.compile(rf"({SOURCE})(?::([\w.]+))?")
FOLDER = re.compile(r"(?:[\w.-]+/)+|(?:libscorepkernel|shim|test|examples|worker|tracer)/[\w./-]+")


class Reference(NamedTuple):
    """A place in a document that names a file or a folder, and perhaps a function in it."""

    document: str
    line: int
    path: str
    function: Optional[str]

    def __str__(self) -> str:
        function = f":{self.function}" if self.function else ""
        return f"{self.document}:{self.line}: `{self.path}{function}`"


def references(document: str) -> Iterator[Reference]:
    """What is named in backticks outside of blocks of code."""
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("    "):
                continue
            for text in re.findall(r"`([^`]+)`", line):
                found = REFERENCE.fullmatch(text)
                if found:
                    yield Reference(document, number, found.group(1), found.group(2))
                elif FOLDER.fullmatch(text):
                    yield Reference(document, number, text, None)


def location(path: str) -> Optional[str]:
    """Where a path of the documents is; None: nowhere."""
    for base in BASES:
        full = os.path.join(ROOT, base, path)
        if os.path.exists(full):
            return full
    return None


@functools.lru_cache(maxsize=None)
def names_in(path: str) -> Set[str]:
    """The functions, and in Python also the classes and `Class.method`, that a file defines or declares."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".py"):
        return set(_python_names(ast.parse(text), ""))
    # A definition or declaration begins in the first column, and its name stands before the first parenthesis.
    heads = re.findall(r"^[A-Za-z_][^;{}()=]*?\b(~?\w+)\s*\(", text, re.M)
    return set(heads) - {"if", "for", "while", "switch", "return", "sizeof"}


def _python_names(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name
        elif isinstance(child, ast.ClassDef):
            yield prefix + child.name
            yield from _python_names(child, f"{prefix}{child.name}.")


def documents() -> List[str]:
    return [document for document in DOCUMENTS if os.path.exists(os.path.join(ROOT, document))]


class Documents(unittest.TestCase):
    def test_the_files_that_are_named_exist(self) -> None:
        wrong = [
            str(reference)
            for document in documents()
            for reference in references(document)
            if not reference.path.startswith(MADE) and "/" in reference.path and location(reference.path) is None
        ]
        self.assertEqual(wrong, [], "these documents name files that do not exist")

    def test_the_functions_that_are_named_are_defined_there(self) -> None:
        named = [one for document in documents() for one in references(document) if one.function is not None]
        self.assertGreater(len(named), 60)  # else the documents, or this test, have lost them
        wrong = []
        for reference in named:
            path = location(reference.path)
            if path is None or reference.function not in names_in(path):
                wrong.append(str(reference))
        self.assertEqual(wrong, [], "these documents name functions that their files do not define")

    def test_each_folder_of_the_library_has_a_row(self) -> None:
        with open(os.path.join(ROOT, "docs/ARCHITECTURE.md"), encoding="utf-8") as file:
            rows = set(re.findall(r"^\| `([\w/]+)` \|", file.read(), re.M))
        wanted = set()
        for base, below in (("libscorepkernel", ""), ("libscorepkernel/tracer", "tracer/"), ("shim", "shim/")):
            for name in os.listdir(os.path.join(ROOT, base)):
                if os.path.isdir(os.path.join(ROOT, base, name)) and below + name not in ("tracer", "worker"):
                    wanted.add(below + name)
        for name in os.listdir(os.path.join(ROOT, "libscorepkernel/worker")):
            if os.path.isfile(os.path.join(ROOT, "libscorepkernel/worker", name, "__init__.py")):
                wanted.add(f"worker/{name}")
        self.assertEqual(wanted - rows, set(), "docs/ARCHITECTURE.md has no row for these folders")

    def test_what_is_not_there_is_noticed(self) -> None:
        plugin = os.path.join(ROOT, "libscorepkernel/session/plugin.c")
        self.assertIn("plugin_execute", names_in(plugin))
        self.assertNotIn("session_begin", names_in(plugin))  # is only called there
        self.assertIn("decode", names_in(os.path.join(ROOT, "shim/xeus/xeus_server.cpp")))
        server = os.path.join(ROOT, "libscorepkernel/worker/cells.py")
        self.assertIn("Cells.execute", names_in(server))
        self.assertNotIn("execute", names_in(server))
        self.assertIsNone(location("session/nothing.c"))


if __name__ == "__main__":
    unittest.main()
