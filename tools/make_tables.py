#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the Python half of the tables that C includes, from the same rows:

    tools/make_tables.py frames libscorepkernel/wire/frames.def          worker/base/frame_numbers.py
    tools/make_tables.py directives libscorepkernel/directives/directives.def    worker/directives/table.py
    tools/make_tables.py reference libscorepkernel/directives/directives.def     docs/DIRECTIVES.md

prints it. A row is a name with names, numbers and texts between brackets, which C and Python read alike.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from typing import Any, List, NamedTuple

HEAD = "# SPDX-License-Identifier: BSD-3-Clause\n"


class Row(NamedTuple):
    """One row of a table: the name before its brackets, and what stands between them."""

    macro: str
    values: List[Any]


def rows(path: str) -> List[Row]:
    """The rows of a table, in their order. ValueError: it is not one."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)  # what C needs around the rows
    found = []
    for statement in ast.parse(text).body:
        call = getattr(statement, "value", None)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError(f"{path}:{statement.lineno}: not a row, which is NAME(...)")
        values = [value.id if isinstance(value, ast.Name) else ast.literal_eval(value) for value in call.args]
        found.append(Row(call.func.id, values))
    return found


def frames(path: str) -> str:
    """The module worker/base/frame_numbers.py."""
    lines = [
        HEAD + '"""The numbers by which the library and its worker name what they send each other. Made from '
        "libscorepkernel/wire/frames.def,",
        'which says what each frame is."""',
        "",
        "# How a request ended (SPK_REPLY_* of scorepkernel.h).",
        "OK, ERROR, ABORTED = 0, 1, 2",
        "",
    ]
    for row in rows(path):
        if row.macro in ("WORKER_FRAME", "WORKER_ENDING"):
            name, number, meaning = row.values[0], row.values[1], row.values[-1]
            lines.append(f"# {meaning}" if len(meaning) < 116 else f"# {meaning[:112].rsplit(' ', 1)[0]} ...")
            lines.append(f"{name} = {number}")
    return "\n".join(lines) + "\n"


def explanation(path: str, name: str) -> str:
    """The text of help/<name>.txt beside the table; empty: there is none."""
    if not name:
        return ""
    with open(os.path.join(os.path.dirname(path), "help", name + ".txt"), encoding="utf-8") as file:
        return file.read().strip()


def directives(path: str) -> str:
    """The module worker/directives/table.py."""
    lines = [
        HEAD + '"""The directives, for `?` and Tab. Made from libscorepkernel/directives/directives.def and the help '
        'texts beside it."""',
        "",
        "from typing import Dict, NamedTuple, Tuple",
        "",
        "",
        "class Option(NamedTuple):",
        '    """An option of a directive: its name, what it takes ("": nothing), and one sentence on it."""',
        "",
        "    name: str",
        "    value: str",
        "    summary: str",
        "",
        "",
        "class Directive(NamedTuple):",
        '    """A directive: whether it is a line or begins a cell, what may stand behind it, and what it does."""',
        "",
        "    is_line: bool",
        "    usage: str",
        "    summary: str",
        "    explanation: str",
        "    options: Tuple[Option, ...]",
        "",
        "",
        "DIRECTIVES: Dict[str, Directive] = {}",
    ]
    known = rows(path)
    for row in known:
        if row.macro == "OPTION":
            continue
        kind, name, form, _handler, text, usage, summary = row.values
        options = [other.values[1:] for other in known if other.macro == "OPTION" and other.values[0] == kind]
        lines += [
            f"DIRECTIVES[{name!r}] = Directive(",
            f"    {form in ('LINE', 'LINE_1', 'LINE_2')!r},",
            f"    {usage!r},",
            f"    {summary!r},",
            f"    {explanation(path, text)!r},",
            f"    ({''.join(f'Option({a!r}, {b!r}, {c!r}), ' for a, b, c in options)}),",
            ")",
        ]
    return "\n".join(lines) + "\n"


def reference(path: str) -> str:
    """The document docs/DIRECTIVES.md."""
    lines = [
        "# Directives",
        "",
        "What a cell can begin with, made from `libscorepkernel/directives/directives.def` by `make reference`. In the",
        "notebook, Tab completes names and options, and `%%execute_with_scorep?` shows the same text.",
        "",
        "| directive | what it does |",
        "|---|---|",
    ]
    known = [row for row in rows(path) if row.macro != "OPTION"]
    for row in known:
        _kind, name, form, _handler, _text, usage, summary = row.values
        sign = "%" if form in ("LINE", "LINE_1", "LINE_2") else "%%"
        words = f"{sign}{name} {usage}".strip().replace("|", "\\|")
        lines.append(f"| `{words}` | {summary} |")
    for text in dict.fromkeys(row.values[4] for row in known if row.values[4]):
        names = [f"`{row.values[1]}`" for row in known if row.values[4] == text]
        lines += ["", f"## {', '.join(names)}", "", explanation(path, text).replace("::\n\n    ", "    ")]
    return "\n".join(lines) + "\n"


def main() -> int:
    makers = {"frames": frames, "directives": directives, "reference": reference}
    if len(sys.argv) != 3 or sys.argv[1] not in makers:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        sys.stdout.write(makers[sys.argv[1]](sys.argv[2]))
    except (OSError, ValueError, SyntaxError) as problem:
        print(f"make_tables: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
