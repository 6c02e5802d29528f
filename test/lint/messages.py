# SPDX-License-Identifier: BSD-3-Clause
"""Prints every message that users can see, with its place and with what says it, sorted by file and line.

    python3 test/lint/messages.py            all of them
    python3 test/lint/messages.py session    those of files whose path has this in it

In C, that is each text in a call of a function that speaks to users (SPEAKERS), and each other text of three words or
more; in Python, each text of three words or more that is not a docstring. Placeholders are shown as they are written.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from typing import Iterator, List, NamedTuple, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("libscorepkernel", "shim")

# Functions of C by which users are spoken to. What is said by another one is found by its length.
SPEAKERS = {
    *("failure_set", "log_print", "log_set", "usage_error"),
    *("decision_done", "decision_refuse", "answers_give_error", "give_up", "end_worker", "bury", "settings_say"),
    *("job_fail", "refuse_option", "publish_failure", "fault_note", "engine_fault", "problem_set"),
    *("print_text", "printf", "fprintf", "PyErr_SetString", "PyErr_Format"),
}
WORDS = re.compile(r"[A-Za-z]{2,}(?:'[a-z]+)?")
# What is code, or speaks to programmers of the kernel: Python's start, signatures of the extension's functions.
CODE = re.compile(r"^(import |from |-I|/proc/)|\)\n--\n\n|^[A-Z]+[a-z]+[A-Z]\w*$|^O&")
TAG = re.compile(r"<[^<>]*>|</?\w[^<>]*$|^[^<>]*>")

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<char>'(?:[^'\\\n]|\\.)*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>[(){};,?:=\[\]])
      | (?P<space>\s+)
      | (?P<other>.)""",
    re.S | re.M | re.X,
)
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "0": "\0"}


class Message(NamedTuple):
    """A text that users can see."""

    path: str
    line: int
    speaker: str
    text: str

    def __str__(self) -> str:
        text = self.text.replace("\n", "\\n")
        return f"{self.path}:{self.line}: {self.speaker}: {text}"


def is_prose(text: str, words: int = 3) -> bool:
    """Whether a text has so many words, and is neither code nor only HTML."""
    shown = TAG.sub("", text)
    return len(WORDS.findall(shown)) >= words and (words == 1 or " " in shown.strip()) and not CODE.search(text)


def _unescaped(literal: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found.group(1), found.group(0)), literal[1:-1])


def _macro_texts(text: str, path: str, first: int) -> Iterator[Message]:
    """The texts of a macro's definition."""
    found = re.match(r"\s*#\s*define\s+(\w+)", text)
    literals = re.findall(r'"(?:[^"\\\n]|\\.)*"', text)
    said = "".join(map(_unescaped, literals))
    if found and is_prose(said):
        yield Message(path, first, found.group(1), said)


def _tokens(text: str) -> Iterator[Tuple[str, str, int]]:
    line = 1
    for found in TOKEN.finditer(text):
        kind, value = str(found.lastgroup), found.group()
        if kind not in ("space", "comment"):
            yield kind, value, line
        line += value.count("\n")


def c_messages(path: str, text: str) -> Iterator[Message]:
    """The messages of a file of C or C++."""
    calls: List[Optional[str]] = []  # of each open parenthesis: the function that is called
    name, literal, first = "", "", 0
    for kind, value, line in [*_tokens(text), ("end", "", 0)]:
        if kind == "string":
            first = first or line
            literal += _unescaped(value)
            continue
        if first and kind == "name" and value.isupper():  # a macro within a text
            literal += "{%s}" % value
            continue
        if first:
            speaker = next((call for call in reversed(calls) if call in SPEAKERS), None)
            if is_prose(literal) or (speaker and is_prose(re.sub(r"%[-.*\d]*[a-z]+", "", literal), 1)):
                named = speaker or next((call for call in reversed(calls) if call), None) or "text"
                if named != "_Static_assert":
                    yield Message(path, first, named, literal)
            literal, first = "", 0
        if kind == "directive":
            yield from _macro_texts(value, path, line)
        elif value == "(":
            calls.append(name)
        elif value == ")" and calls:
            calls.pop()
        elif value in (";", "{", "}"):
            calls = [] if value == ";" else calls
        name = value if kind == "name" else ""


def _python_text(node: ast.AST) -> Optional[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (
            part.value if isinstance(part, ast.Constant) else "{%s}" % ast.unparse(part.value)  # type: ignore[attr-defined]
            for part in node.values
        )
        return "".join(parts)
    return None


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _python_text(node.value) is not None:
            yield node.value


def _called(node: ast.AST) -> str:
    """The name of what is called, as an attribute or by itself."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        owner = function.value
        return f"{ast.unparse(owner)}.{function.attr}" if isinstance(owner, (ast.Name, ast.Attribute)) else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _walk(node: ast.AST, speaker: str, skipped: set, path: str) -> Iterator[Message]:
    if id(node) in skipped:
        return
    text = _python_text(node)
    if text is not None:
        if is_prose(text):
            yield Message(path, node.lineno, speaker or "text", text)  # type: ignore[attr-defined]
        return
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        speaker = f"raise {_called(node.exc)}"
    elif isinstance(node, ast.Call) and not speaker.startswith("raise"):
        speaker = _called(node) or speaker
    elif isinstance(node, ast.Return):
        speaker = "return"
    elif isinstance(node, ast.stmt):
        speaker = ""
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, speaker, skipped, path)


def python_messages(path: str, text: str) -> Iterator[Message]:
    """The messages of a file of Python."""
    tree = ast.parse(text)
    yield from _walk(tree, "", {id(node) for node in _docstrings(tree)}, path)


def messages() -> List[Message]:
    """All messages, sorted."""
    found: List[Message] = []
    for folder in FOLDERS:
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                path = os.path.join(directory, name)
                shown = os.path.relpath(path, ROOT)
                if not re.search(r"\.(c|h|cpp|hpp|def|py)$", name):
                    continue
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                found += (python_messages if name.endswith(".py") else c_messages)(shown, text)
    return sorted(found)


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print("\n".join(str(one) for one in messages() if wanted in one.path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
