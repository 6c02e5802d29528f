# SPDX-License-Identifier: BSD-3-Clause
"""Which of the worker's folders may import which: checks the worker's Python against the table below.

    python3 test/lint/python_directions.py libscorepkernel/worker

Imports within functions count like those at a module's head. A folder within a folder belongs to it: between the two
only circles of modules are looked for. Prints what is wrong, and exits with 1 if anything is.
"""

import ast
import os
import sys

# Each folder of the package, "" being its top, and those that its modules may import from beside their own. The top is
# where a session is put together. It is in nobody's list, and neither is the doctor, which is a program of its own.
MAY_IMPORT = {
    "base": (),
    "persist": ("base",),
    "measure": ("base",),
    "forks": ("base",),
    "launch": ("forks", "measure", "persist", "base"),
    "script": ("measure", "base"),
    "experiments": ("measure", "base"),
    "directives": ("experiments", "script", "launch", "measure", "persist", "base"),
    "doctor": ("measure", "base"),
    "": ("directives", "experiments", "script", "launch", "forks", "measure", "persist", "base"),
}
# What is no Python: the one module that imports it.
EXTENSIONS = {"_tracer": "base.tracer"}
MOST_SOURCES = 15
PACKAGE = "spk_worker"


def sources(root):
    """The package's modules: {dotted name, "" for the package itself: path}. A folder's __init__.py has the folder's."""
    found = {}
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for file in sorted(files):
            if file.endswith(".py"):
                path = os.path.join(directory, file)
                parts = os.path.relpath(path, root)[:-3].split(os.sep)
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def folder_of(module, modules):
    """The folder of the table that a module lies in."""
    first, dot, _ = module.partition(".")
    is_folder = bool(dot) or os.path.basename(modules.get(module, "")) == "__init__.py"
    return first if is_folder else ""


def _imported(node, module, is_package):
    """The dotted names that an import statement may mean, within the package: of `from . import x`, x and its folder."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        return [name[len(PACKAGE) :].lstrip(".") for name in names if name.split(".")[0] == PACKAGE]
    if node.level:
        parts = module.split(".") if module else []
        kept = len(parts) - node.level + (1 if is_package else 0)
        base = parts[: max(kept, 0)] + (node.module.split(".") if node.module else [])
    elif node.module and node.module.split(".")[0] == PACKAGE:
        base = node.module.split(".")[1:]
    else:
        return []
    return [".".join([*base, alias.name]) for alias in node.names]


def imports(modules):
    """{module: {imported module: line}}, of modules of the package and of EXTENSIONS."""
    found = {}
    for module, path in modules.items():
        targets = found[module] = {}
        is_package = os.path.basename(path) == "__init__.py"
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read(), path)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name in _imported(node, module, is_package):
                    # A name that a module defines stands for the module.
                    target = name if name in modules or name in EXTENSIONS else name.rpartition(".")[0]
                    if target != module:
                        targets.setdefault(target, node.lineno)
    return found


def circles(graph):
    """The circles in a graph {node: nodes}: each set of nodes that reach each other, sorted."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in number:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def problems(root):
    """What is wrong with the package in that directory, in lines."""
    modules = sources(root)
    found = []
    by_directory = {}
    for path in modules.values():
        by_directory.setdefault(os.path.dirname(path), []).append(path)
    for directory, paths in sorted(by_directory.items()):
        if len(paths) > MOST_SOURCES:
            found.append(f"{directory}: {len(paths)} sources are more than {MOST_SOURCES}")
    graph = imports(modules)
    for module, targets in sorted(graph.items()):
        path, here = modules[module], folder_of(module, modules)
        if here not in MAY_IMPORT:
            found.append(f"{path}: the folder {here} is not in MAY_IMPORT of {os.path.basename(__file__)}")
            continue
        for target, line in sorted(targets.items()):
            if target in EXTENSIONS:
                if EXTENSIONS[target] != module:
                    found.append(f"{path}:{line}: only {EXTENSIONS[target]} imports {target}")
                continue
            there = folder_of(target, modules)
            if there != here and there not in MAY_IMPORT[here]:
                found.append(f"{path}:{line}: {here or 'the top'} may not import from {there or 'the top'} ({target})")
    found += ["modules that need each other: " + ", ".join(names) for names in circles(graph)]
    return found


def main():
    """The exit status."""
    found = problems(sys.argv[1])
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
