"""Checks what the C files include of each other (see docs/ARCHITECTURE.md, "Folders and directions").

    python3 test/lint/c_directions.py          nothing is printed, and the exit code is 0, where all is well
    python3 test/lint/c_directions.py --show   the numbers, too: sources of each folder, and the arrows between folders

A folder may include its own files and those of the folders beside its name below; no files include each other in a
circle, but for a module that is kept in several files around one header; a folder holds at most FOLDER_MAX sources.
"""

from __future__ import annotations

import collections
import os
import re
import sys
from typing import Dict, List, Set

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER_MAX = 15
LIBRARY = "libscorepkernel/"

DIRECTIONS = {
    "include": "",
    "base": "include",
    "wire": "base include",
    "directives": "base include",
    "profile": "base include",
    "scorep": "base include",
    "report": "profile base include",
    "report/views": "report base include",
    "html": "report base include",
    "process": "wire base include",
    "keeper": "wire base include",
    "ranks": "process wire base include",
    "session": "report directives process wire base include",
    "tracer/record": "base include",
    "tracer/otf2": "tracer/record base include",
    "tracer/python": "tracer/otf2 tracer/record scorep base include",
    "tracer/sampling": "tracer/record wire base include",
    "tracer/reading": "tracer/otf2 base include",
    "tracer/module": "tracer/reading tracer/sampling tracer/python tracer/otf2 tracer/record scorep profile base include",
    "shim/common": "base include",
    "shim/setup": "shim/common base include",
    "shim/xeus": "shim/common base include",
    "shim/host": "shim/xeus shim/common base include",
    "shim": "shim/host shim/setup shim/common include",
}
# The host is a program of its own, which links these of the library's modules and no others.
HOST_LINKS = {"base/json_bridge.h", "base/json_bridge.hpp", "base/utf8_cut.h"}


class Tree:
    """The sources below root: their folders, and who includes whom."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.includes: Dict[str, List[str]] = {}
        for start in ("libscorepkernel", "shim"):
            for directory, _, names in os.walk(os.path.join(root, start)):
                for name in names:
                    if re.search(r"\.(c|h|cpp|hpp|def)$", name):
                        path = os.path.relpath(os.path.join(directory, name), root)
                        self.includes[path] = self._read(path)

    def _read(self, path: str) -> List[str]:
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return re.findall(r'^\s*#\s*include\s+"([^"]+)"', file.read(), re.M)

    def resolve(self, name: str) -> str | None:
        """The file that an include names, relative to the root; None: there is no such file."""
        for directory in (LIBRARY, LIBRARY + "include/", ""):
            if directory + name in self.includes:
                return directory + name
        return None


def folder(path: str) -> str:
    """The folder of a file, as DIRECTIONS names it."""
    directory = os.path.dirname(path)
    return directory[len(LIBRARY) :] if directory.startswith(LIBRARY) else directory


def wrong_directions(tree: Tree) -> List[str]:
    """A line for each include that its folder may not have."""
    found = []
    for path, names in sorted(tree.includes.items()):
        here = folder(path)
        if here not in DIRECTIONS:
            found.append(f"{path}: the folder {here or '.'} has no row in DIRECTIONS of {os.path.basename(__file__)}")
            continue
        for name in names:
            target = tree.resolve(name)
            if target is None:
                found.append(f'{path}: "{name}" is not named by its folder, or is not there')
            elif folder(target) != here and folder(target) not in DIRECTIONS[here].split():
                found.append(f'{path}: {here} may not include "{name}": only its own files and {DIRECTIONS[here]}')
            elif here.startswith("shim") and folder(target) == "base" and name not in HOST_LINKS:
                found.append(f'{path}: the host links {", ".join(sorted(HOST_LINKS))} of the library, not "{name}"')
    return found


def modules(tree: Tree) -> Dict[str, Set[str]]:
    """What each module includes: a header and its sources are one module, and one that is kept in several files
    has their names begin with its own ("engine", "engine_load"), or has a private header ("job_state.h")."""
    stems = {os.path.splitext(path)[0] for path in tree.includes}

    def module(path: str) -> str:
        stem = os.path.splitext(path)[0]
        return re.sub(r"_(private|state)$", "", stem)

    graph: Dict[str, Set[str]] = {module(stem): set() for stem in stems}
    for path, names in tree.includes.items():
        for name in names:
            target = tree.resolve(name)
            if target is not None and module(target) != module(path):
                graph[module(path)].add(module(target))
    return graph


def circles(graph: Dict[str, Set[str]]) -> List[List[str]]:
    """Groups of modules that include each other (Tarjan's strongly connected components), without single ones."""
    index: Dict[str, int] = {}
    low: Dict[str, int] = {}
    stack: List[str] = []
    found: List[List[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def is_one_module(group: List[str]) -> bool:
    """Whether the names of all begin with the shortest: one module in several files."""
    shortest = min(group, key=len)
    return all(name == shortest or name.startswith(shortest + "_") for name in group)


def sources(tree: Tree) -> Dict[str, int]:
    """How many sources each folder holds."""
    return dict(collections.Counter(folder(path) for path in tree.includes if path.endswith((".c", ".cpp"))))


def complaints(tree: Tree) -> List[str]:
    """All that is wrong, a line each."""
    found = wrong_directions(tree)
    found += ["a circle of files: " + ", ".join(group) for group in circles(modules(tree)) if not is_one_module(group)]
    found += [
        f"{name}: {count} sources, and a folder holds at most {FOLDER_MAX}"
        for name, count in sorted(sources(tree).items())
        if count > FOLDER_MAX
    ]
    return found


def main() -> int:
    tree = Tree(ROOT)
    found = complaints(tree)
    for line in found:
        print(line, file=sys.stderr)
    if "--show" in sys.argv[1:]:
        for name, count in sorted(sources(tree).items()):
            print(f"{count:3} {name}")
        arrows = collections.Counter(
            (folder(path), folder(target))
            for path, names in tree.includes.items()
            for target in map(tree.resolve, names)
            if target is not None and folder(target) != folder(path)
        )
        for (here, there), count in sorted(arrows.items()):
            print(f"{count:3} {here} -> {there}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
