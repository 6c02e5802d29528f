# SPDX-License-Identifier: BSD-3-Clause
"""A notebook's cells in plain Python. IPython turns its own syntax into calls of its shell; those are found in the
syntax tree, wherever they stand, and replaced in the text. The rest of a cell stays as it was written. Pure."""

from __future__ import annotations

import __future__
import ast
import inspect
import re
import warnings
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, NoReturn, Optional, Set, Tuple

from . import plain_magics, python_names
from .plain_magics import Place, Plain

_CALLS = ("system", "getoutput", "run_line_magic", "run_cell_magic", "magic")
# Where strings have expressions in them, older versions of Python do not know where those stand.
_FORMATTED = tuple(getattr(ast, name) for name in ("JoinedStr", "TemplateStr") if hasattr(ast, name))

# Magics whose text is Python: the options that stand before it, as getopt has them, and what becomes of the magic.
_ONCE = "runs once in the script."
_TIMEIT = "n:r:tcp:qov:"
_PROFILED = "runs in the script without that profiler: Score-P is one."
_CODE_LINES = {"time": ("", ""), "timeit": (_TIMEIT, _ONCE), "prun": ("D:l:rs:T:q", _PROFILED)}
_CODE_CELLS = {
    **_CODE_LINES,
    "debug": ("b:", "runs in the script without the debugger."),
    "memit": ("r:t:i:co", _ONCE),
}
_PROFILERS = ("pyinstrument", "scalene", "snakeviz")  # their lines are no code


class Untranslatable(ValueError):
    """A cell cannot be part of a script; the text says which, why, and what to do."""


def untranslatable(number: int, why: str) -> NoReturn:
    raise Untranslatable(
        f"Nothing was written: cell {number} cannot be compiled as Python: {why}. Correct the cell and run it again, "
        f"or take it out with %scorep_unmark {number}; then run %%end_writefile again. The marked cells are kept."
    )


def explained(problem: BaseException) -> str:
    """Why code cannot be compiled."""
    line = getattr(problem, "text", None)
    why = getattr(problem, "msg", None) or str(problem) or type(problem).__name__
    return f"{why}, in `{line.strip()[:100]}`" if isinstance(line, str) and line.strip() else why


def quietly(compiled: Callable, *arguments: Any, **options: Any) -> Any:
    """Warnings about the code are for those who run it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compiled(*arguments, **options)


class _Edit(NamedTuple):
    start: int  # in bytes, as the syntax tree counts
    end: int
    text: str


class _Text:
    """A cell's text, and what is to be changed in it."""

    def __init__(self, code: str) -> None:
        self._bytes = code.encode()
        self._lines = [0]
        for line in self._bytes.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.edits: List[_Edit] = []

    def place(self, node: Any) -> Tuple[int, int]:
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def before(self, node: Any) -> str:
        """What stands in its line before it."""
        return self._bytes[self._lines[node.lineno - 1] :][: node.col_offset].decode()

    def ends_line(self, node: Any) -> bool:
        rest = self._bytes[self.place(node)[1] : self._lines[node.end_lineno] - 1].strip()
        return not rest or rest.startswith(b"#")

    def replace(self, node: Any, text: str) -> None:
        self.edits.append(_Edit(*self.place(node), text))

    def edited(self) -> str:
        result = self._bytes
        for edit in sorted(self.edits, reverse=True):
            result = result[: edit.start] + edit.text.encode() + result[edit.end :]
        return result.decode()


def indented(code: str, prefix: str = "    ") -> str:
    """Code in a block. Lines that begin within a text stay as they are."""
    inside: Set[int] = set()
    pending: List[ast.AST] = [quietly(ast.parse, code)]
    while pending:
        node: Any = pending.pop()
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
        if is_text or isinstance(node, _FORMATTED):
            inside.update(range(node.lineno + 1, node.end_lineno + 1))
        else:
            pending += ast.iter_child_nodes(node)
    lines = enumerate(code.split("\n"), 1)
    return "\n".join(prefix + line if line.strip() and number not in inside else line for number, line in lines)


def _call(node: ast.AST) -> Optional[Tuple[str, List[Optional[str]]]]:
    """("system", ["ls"]) of `get_ipython().system("ls")`, None for what is no literal; None: it is something else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return None
    shell = node.func.value
    if not isinstance(shell, ast.Call) or getattr(shell.func, "id", "") != "get_ipython":
        return None
    if node.func.attr not in _CALLS:
        return None
    values = [getattr(argument, "value", None) for argument in node.args]
    arguments = [value if isinstance(value, str) else None for value in values]
    if node.func.attr == "magic" and len(arguments) == 1 and arguments[0]:
        return "run_line_magic", list(arguments[0].lstrip("%").partition(" ")[::2])
    return node.func.attr, arguments


def _shown(kind: str, arguments: List[str]) -> str:
    """As it would be written in a notebook, in one line."""
    name, line = arguments[0], " ".join(arguments[1:2])
    if name in ("pinfo", "pinfo2", "psearch"):
        text = line + ("??" if name == "pinfo2" else "?")
    elif kind == "run_line_magic":
        text = f"%{name} {line}"
    else:
        text = f"%%{name} {line}" if kind == "run_cell_magic" else f"!{name}"
    return " ".join(text.split())


def _after_options(line: str, letters: str) -> Optional[str]:
    """What follows the options; None: there are others."""
    rest = line.strip()
    while re.match(r"-\w", rest):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        for at, letter in enumerate(word[1:], 2):
            if letter not in letters.replace(":", ""):
                return None
            if f"{letter}:" in letters:
                rest = rest if word[at:] else rest.partition(" ")[2].lstrip()
                break
    return rest


class Translator:
    """Translates the cells of one script, in their order."""

    def __init__(self, transform: Callable[[str], str], sources: Iterable[str]) -> None:
        self.found = plain_magics.Found()
        self.futures: List[str] = []
        self.imports_unknown = False
        self._transform = transform
        self._known: Dict[str, str] = {}
        self._names: Set[str] = set()
        names: Set[str] = set()
        for source in sources:
            names |= self._learn(source)
        self._names = names

    def cell(self, number: int, source: str) -> str:
        """Raises Untranslatable."""
        self.found.cell = number
        try:
            code = self._code(source, self._names).rstrip()
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compiled = quietly(compile, code, "<cell>", "exec", flags=flags, dont_inherit=True)
            return self._awaited(code) if compiled.co_flags & inspect.CO_COROUTINE else code
        except RecursionError:
            untranslatable(number, "it is nested too deeply")
        except (SyntaxError, ValueError, MemoryError) as problem:
            untranslatable(number, explained(problem))

    def _awaited(self, code: str) -> str:
        """A cell with await at its top level becomes a function, which binds its names for the script."""
        names = sorted(python_names.bound(quietly(ast.parse, code).body))
        name = f"_notebook_cell_{self.found.cell}"
        head = [f"async def {name}():", *([f"    global {', '.join(names)}"] if names else [])]
        return "\n".join([*head, indented(code), f"{self.found.helper('_notebook_await')}({name}())"])

    # --- text -------------------------------------------------------------------------------------------

    def _transformed(self, source: str) -> str:
        """As IPython has it. In write mode no cell has run: a name of theirs that is a magic's, too, is the cell's."""
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        first = re.match(r"\s*(\w+)", source)
        if first and first.group(1) in self._names:
            try:
                quietly(ast.parse, source)
                return source
            except (SyntaxError, ValueError):
                pass
        if source not in self._known:
            try:
                self._known[source] = quietly(self._transform, source)
            except SyntaxError:
                raise
            except Exception as problem:  # a transformer of the user's
                raise ValueError(f"IPython cannot read it: {problem}") from None
        return self._known[source]

    def _learn(self, source: str) -> Set[str]:
        """The names that a cell binds, as far as it can be read."""
        try:
            tree = quietly(ast.parse, self._transformed(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()
        self.imports_unknown = self.imports_unknown or python_names.imports_unknown(tree)
        if any(name == "os" for name in python_names.bound(tree.body)) and not _imports_os(tree):
            self.found.os = self.found.helper("_os")
        magic = _cell_magic(tree)
        if magic is None:
            return python_names.bound(tree.body).union(*map(self._learn, self._code_of_lines(tree)))
        name, line, body = magic
        if name in _CODE_CELLS or name in _PROFILERS or name == "capture":
            return self._learn(body) | {word for word in line.split() if name == "capture" and word[0] != "-"}
        return set(re.findall(r"--(?:out|err)[= ]+(\w+)", line))

    def _code_of_lines(self, tree: ast.AST) -> Iterator[str]:
        """The code that stands behind magics such as %time."""
        for node in ast.walk(tree):
            kind, arguments = _call(node) or ("", [])
            name, line, *_ = [*arguments, "", ""]
            if kind == "run_line_magic" and name in _CODE_LINES:
                yield _after_options(line or "", _CODE_LINES[name][0]) or ""
            self.imports_unknown = self.imports_unknown or name == "run"

    def _code(self, source: str, names: Set[str]) -> str:
        code = self._transformed(source)
        tree = quietly(ast.parse, code)
        magic = _cell_magic(tree)
        if magic is not None:
            return self._cell(*magic, Place(self.found, names, False, True))
        for name in filter(plain_magics.is_for_runner, python_names.variables_set(tree)):
            self.found.note(f"Score-P reads {name} as the script starts, and not here. Change it with %%scorep_env.")
        text = _Text(code)
        place = Place(self.found, names, False, True)
        pending: List[Tuple[ast.AST, Place]] = [(statement, place) for statement in reversed(tree.body)]
        while pending:
            pending += reversed(list(self._visited(*pending.pop(), text)))
        return text.edited()

    def _visited(self, node: Any, place: Place, text: _Text) -> Iterator[Tuple[ast.AST, Place]]:
        """Translates a node of the syntax tree, or names those in it that are to be visited."""
        if isinstance(node, _FORMATTED):
            return
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self._move(node, text)
            return
        call: Any = node.value if isinstance(node, ast.Expr) else node
        names, children = place.names, ast.iter_child_nodes(node)
        if _call(call) is not None:
            replaced = self._replace(node, call, text, place._replace(has_value=call is node))
            children = iter(() if replaced else call.args)
        elif isinstance(node, python_names.SCOPES):
            names = names | python_names.bound_by(node)
        elif isinstance(node, python_names.COMPREHENSIONS):
            names = names | python_names.stored(node)
        for child in children:
            yield child, Place(self.found, names, True, False)

    def _move(self, node: ast.ImportFrom, text: _Text) -> None:
        """`from __future__ import` must come first in a file."""
        unknown = [alias.name for alias in node.names if alias.name not in __future__.all_feature_names]
        if unknown:
            raise SyntaxError(f"future feature {unknown[0]} is not defined")
        line = ast.unparse(node)
        self.futures += [line] if line not in self.futures else []
        text.replace(node, f"pass  # {line}: it begins the script" if text.ends_line(node) else "pass")

    # --- magics -----------------------------------------------------------------------------------------

    def _replace(self, node: ast.AST, call: Any, text: _Text, place: Place) -> bool:
        """False: it can only stay, as what is to be done is known when the script runs."""
        kind, arguments = _call(call) or ("", [])
        given = [argument for argument in arguments if argument is not None]
        if len(given) < len(arguments) or not given:
            helper = {"system": "_notebook_system", "getoutput": "_notebook_output"}.get(kind)
            if helper and len(arguments) == 1:
                text.replace(call.func, self.found.helper(helper))
            return False
        plain, shown = self._plain(kind, given, place), _shown(kind, given)
        ends_line = text.ends_line(node)
        is_alone = not place.has_value and ends_line and not text.before(node).strip()
        fits = plain is not None and (is_alone or "\n" not in plain.code)
        if plain is None or not fits or (plain.is_statement and place.has_value):
            self.found.missed.append((shown, self.found.cell))
            comment = f"  # not translated: {shown}" if ends_line else ""
            text.replace(node, ("pass" if is_alone else "None") + comment)
        elif plain.comment and is_alone:
            text.replace(node, f"pass  # {shown}: {plain.comment}")
        else:
            text.replace(node, indented(plain.code, text.before(node)).lstrip() if is_alone else plain.code)
        return True

    def _plain(self, kind: str, arguments: List[str], place: Place) -> Optional[Plain]:
        name, line, *rest = [*arguments, ""]
        if kind in ("system", "getoutput"):
            return (plain_magics.system if kind == "system" else plain_magics.output)(name, place)
        try:
            if kind == "run_cell_magic":
                translate = plain_magics.CELLS.get(name)
                return translate(line, rest[0], place) if translate else None
            if name in _CODE_LINES:
                return self._code_line(name, line, place)
            return plain_magics.LINES[name](line, place) if name in plain_magics.LINES else None
        except ValueError:  # words that cannot be told apart
            return None

    def _code_line(self, name: str, line: str, place: Place) -> Optional[Plain]:
        """%time and its like."""
        letters, note = _CODE_LINES[name]
        code = _after_options(re.sub(r"^\s*--no-raise-error\b", "", line) if name == "time" else line, letters)
        if code is None or (place.has_value and note):
            return None
        text = self._code(code, place.names).strip()
        if place.has_value:
            return Plain(f"({text})") if _is_expression(text) else None
        if note:
            self.found.note(f"%{name} {note}")
        return Plain(text or "pass", is_statement=True)

    def _cell(self, name: str, line: str, body: str, place: Place) -> str:
        """A cell under a magic."""
        head = f"# {_shown('run_cell_magic', [name, line])}\n"
        if name in _CODE_CELLS or name in _PROFILERS:
            return head + self._code_cell(name, line, body, place)
        if name == "capture":
            return head + self._captured(line, body, place)
        plain = self._plain("run_cell_magic", [name, line, body], place)
        if plain is not None:
            return head + plain.code
        self.found.missed.append((_shown("run_cell_magic", [name, line]), self.found.cell))
        lines = ["not translated:", *f"%%{name} {line}\n{body}".rstrip().split("\n")]
        return "\n".join(f"# {text}".rstrip() for text in lines)

    def _code_cell(self, name: str, line: str, body: str, place: Place) -> str:
        letters, note = _CODE_CELLS.get(name, ("", _PROFILED))
        setup = "" if name in _PROFILERS else _after_options(line, letters)
        if setup is None or (setup and name == "time"):
            self.found.note(f"what stands in the line of %%{name} is left out.")
            setup = ""
        if note:
            self.found.note(f"%%{name}: its code {note}")
        parts = [self._code(text, place.names).rstrip() for text in (setup, body)]
        return "\n".join(part for part in parts if part)

    def _captured(self, line: str, body: str, place: Place) -> str:
        switch = {"action": "store_true"}
        options = [(f"--no-{what}", switch) for what in ("stdout", "stderr", "display")]
        given, words = plain_magics.parsed(line, *options)
        arguments = [f"{key}=False" for key, no in (("out", given.no_stdout), ("err", given.no_stderr)) if no]
        block = f"with {self.found.helper('_notebook_capture')}({', '.join(arguments)})"
        target = f" as {words[0]}" if words else ""
        code = self._code(body, place.names).rstrip()
        return f"{block}{target}:\n{indented(code)}" + ("" if _does_something(code) else "\n    pass")


def _imports_os(tree: ast.AST) -> bool:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return any(alias.name.partition(".")[0] == "os" and not alias.asname for node in imports for alias in node.names)


def _cell_magic(tree: ast.Module) -> Optional[Tuple[str, str, str]]:
    """Name, line and body, where one magic is all of a cell."""
    statement = tree.body[0] if len(tree.body) == 1 else None
    found = _call(statement.value) if isinstance(statement, ast.Expr) else None
    if found is None or found[0] != "run_cell_magic" or len(found[1]) != 3:
        return None
    name, line, body = (argument or "" for argument in found[1])
    return name, line, body


def _is_expression(code: str) -> bool:
    try:
        return bool(quietly(ast.parse, code, mode="eval"))
    except SyntaxError:
        return False


def _does_something(code: str) -> bool:
    return not all(isinstance(statement, ast.Pass) for statement in quietly(ast.parse, code).body)


def uninstrumented(code: str) -> str:
    """A cell that is not to be recorded, whoever records."""
    return f"with _scorep_instrumenter.disable():\n{indented(code)}" if _does_something(code) else code
