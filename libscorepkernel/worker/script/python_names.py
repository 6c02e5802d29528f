# SPDX-License-Identifier: BSD-3-Clause
"""Which names code binds, and which it needs: for scripts that are written out of cells. Pure."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from typing import Any, Iterable, Iterator, List, Set

# What IPython adds to the built-in names of a notebook, and what it keeps among its variables.
_BUILT_IN = {"display", "get_ipython", "__IPYTHON__"}
_OF_IPYTHON = re.compile(r"get_ipython|display|__IPYTHON__|In|Out|_{1,3}|_i{1,3}|_i?\d+|_[iod]h|_exit_code|__session__")
# Those of a script; __file__ is one of a script's only.
_OF_MODULES = {"__name__", "__file__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__", "__cached__"}
_OF_MODULES |= {"__annotations__", "__class__", "__module__", "__qualname__", "__debug__"}
# At once, as users' code may change them.
PLAIN = frozenset(set(dir(builtins)) - _BUILT_IN | _OF_MODULES | {"exit", "quit", "copyright", "credits", "license"})

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def is_of_ipython(name: str) -> bool:
    """Whether a name is one that IPython gives to notebooks."""
    return _OF_IPYTHON.fullmatch(name) is not None


def _declared(scope: ast.AST) -> Set[str]:
    """What functions bind for the whole module."""
    return {name for node in ast.walk(scope) if isinstance(node, ast.Global) for name in node.names}


def _assigned_within(comprehension: ast.AST) -> Set[str]:
    """(name := value) is outside of it."""
    targets = (node.target for node in ast.walk(comprehension) if isinstance(node, ast.NamedExpr))
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _binds(node: Any) -> Set[str]:
    """The names that one node binds, or unbinds."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names} - {"*"}
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, ast.alias):
        return set()
    # A definition, an `except` clause, or a pattern of `match`.
    return {name for name in (getattr(node, "name", None), getattr(node, "rest", None)) if isinstance(name, str)}


def bound(nodes: Iterable[ast.AST]) -> Set[str]:
    """The names that statements bind in their own scope. Without recursion, as what is long is deep, too."""
    names: Set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        names |= _binds(node)
        if isinstance(node, SCOPES):
            names |= _declared(node)
        elif isinstance(node, COMPREHENSIONS):
            names |= _assigned_within(node)
        else:
            pending += ast.iter_child_nodes(node)
    return names


def bound_by(function: ast.AST) -> Set[str]:
    """The names that are a function's, or a lambda's, own."""
    arguments = getattr(function, "args", None)
    names = {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)} if arguments else set()
    body = getattr(function, "body", [])
    return names | bound(body if isinstance(body, list) else [body])


def used(node: ast.AST) -> Set[str]:
    """The names whose values are taken, anywhere."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}


def stored(node: ast.AST) -> Set[str]:
    """The names that get a value, anywhere in an expression."""
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)}
    return names | {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}


def takes_ipython(tree: ast.AST) -> bool:
    """Whether get_ipython is imported, and used: outside of IPython it returns nothing."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    ours = (node for node in imports if (node.module or "").partition(".")[0] == "IPython")
    return any(alias.name == "get_ipython" for node in ours for alias in node.names) and "get_ipython" in used(tree)


def imports_unknown(tree: ast.AST) -> bool:
    """Whether names may come about that cannot be seen."""
    stars = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(alias.name == "*" for node in stars for alias in node.names) or bool({"exec", "globals"} & used(tree))


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def undefined(code: str) -> Set[str]:
    """The names of module level that a script uses and never binds."""
    top = symtable.symtable(code, "<script>", "exec")
    names, needed = set(PLAIN), set()
    for table in _tables(top):
        for symbol in table.get_symbols():
            is_module_s = table is top or symbol.is_global()
            if is_module_s and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                names.add(symbol.get_name())
            if is_module_s and symbol.is_referenced():
                needed.add(symbol.get_name())
    return needed - names


def bound_to(tree: ast.AST, function: str) -> Set[str]:
    """The names that are assigned what a function of that name returns."""
    found: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(getattr(node.value, "func", None), "id", "") == function:
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return found


def attributes_of(names: Set[str], tree: ast.AST, attributes: Iterable[str]) -> List[str]:
    """Where such an attribute is taken of one of the names, as it is written."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in attributes)
    return sorted({ast.unparse(node) for node in nodes if getattr(node.value, "id", "") in names})


def _is_environ(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) == "environ"


def variables_set(tree: ast.AST) -> List[str]:
    """The environment variables that Python code changes, where their names are written out."""
    found: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and _is_environ(node.value):
            found.update(_texts([node.slice]))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name == "putenv" or (name in ("update", "setdefault", "pop") and _is_environ(node.func.value)):
                found.update(_texts(node.args), (keyword.arg for keyword in node.keywords if keyword.arg))
    return sorted(found)


def _texts(nodes: Iterable[ast.AST]) -> Set[str]:
    inner = (node for outer in nodes for node in ast.walk(outer))
    return {node.value for node in inner if isinstance(node, ast.Constant) and isinstance(node.value, str)}
