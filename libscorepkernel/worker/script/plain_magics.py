# SPDX-License-Identifier: BSD-3-Clause
"""The magics that have a plain meaning, as Python expressions. Those whose text is Python are translator.py's.
Pure."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from typing import Callable, Dict, List, NamedTuple, NoReturn, Optional, Set, Tuple

from IPython.utils.text import DollarFormatter

from . import python_names


class Variable(NamedTuple):
    """A change to the environment that the script's runner makes."""

    name: str
    value: Optional[str]  # None: it is unset
    as_shell: bool = False  # what stands in quotes, and $NAME, means what it means to a shell


class Plain(NamedTuple):
    """What a magic is in plain Python."""

    code: str
    comment: str = ""  # instead of the code where that does nothing
    is_statement: bool = False  # it has no value


class Found:
    """What comes up as a script's cells are translated."""

    def __init__(self) -> None:
        self.cell = 0  # the number of the one that is being translated
        self.os = "os"  # what the module is called in the script
        self.helpers: Set[str] = set()
        self.environment: List[Variable] = []
        self.missed: List[Tuple[str, int]] = []  # magics without a translation, and the cells that they stand in
        self.notes: List[str] = []

    def helper(self, name: str) -> str:
        self.helpers.add(name)
        return name

    def note(self, sentence: str) -> None:
        self.notes.append(f"cell {self.cell}: {sentence}")


def _expression(field: Optional[str], rest: Optional[str], conversion: Optional[str]) -> Optional[str]:
    """What stands in braces; IPython knows no formats there."""
    if field is None:
        return None
    return (f"{field}:{rest}" if rest else field).strip()


class Place(NamedTuple):
    """Where a magic stands."""

    found: Found
    names: Set[str]  # those that are bound there
    has_value: bool  # which is used
    is_top: bool  # it is no part of another statement

    def text(self, text: str) -> str:
        """The expression of a text in which IPython puts in the values of $name and {expression}, unless one of them
        cannot be had."""
        try:
            parts = [(literal, _expression(*field), field[2]) for literal, *field in DollarFormatter().parse(text)]
        except ValueError:
            return repr(text)
        values = [value for _, value, _ in parts if value is not None]
        if not all(self._has(value, text) for value in values):
            return repr(text)
        if not values:
            return repr("".join(literal for literal, _, _ in parts))
        within = not re.search(r"[\"'\\{}:]", "".join(values))  # an f-string's braces
        pattern = ""
        for literal, value, conversion in parts:
            pattern += literal.replace("{", "{{").replace("}", "}}")
            if value is not None:
                pattern += "{" + (value if within else "") + (f"!{conversion}" if conversion else "") + "}"
        return f"f{pattern!r}" if within else f"{pattern!r}.format({', '.join(values)})"

    def _has(self, value: str, text: str) -> bool:
        try:
            tree = ast.parse(value, mode="eval")
        except (SyntaxError, ValueError):
            return False
        missing = python_names.used(tree) - python_names.stored(tree) - self.names - python_names.PLAIN
        if missing and value.isidentifier() and re.search(r"(?<!\$)\{ *" + value + r" *\}", text):
            self.found.note(f"no cell gives {value} a value: {{{value}}} stays as it is, for a program or a magic.")
        return not missing

    def has_fields(self, text: str) -> bool:
        return self.text(text) != repr(text)

    def command(self, line: str) -> str:
        """The expression of a program's words."""
        if self.has_fields(line):
            return f"{self.found.helper('_shlex')}.split({self.text(line)})"
        return repr(shlex.split(line))


# --- lines -----------------------------------------------------------------------------------------------


def is_for_runner(name: str) -> bool:
    """Whether Score-P, or the bindings, read the variable as they start."""
    return name.startswith("SCOREP_") and not name.startswith(("SCOREP_JUPYTER_", "SCOREP_PYTHON_BINDINGS_"))


def set_variable(name: str, value: str, place: Place) -> Plain:
    """%env NAME=VALUE"""
    known = not place.has_fields(value)
    if is_for_runner(name) and known:
        if not place.is_top:
            place.found.note(f"the runner sets {name}, whether the script comes by there or not.")
        place.found.environment.append(Variable(name, value, as_shell=True))
        return Plain("None", f"the runner sets {name}")
    if is_for_runner(name):
        place.found.note(
            f"Score-P reads {name} as the script starts, when its value is not known: set it where the runner is "
            "started."
        )
    return Plain(f"{place.found.os}.environ[{place.text(name)}] = {place.text(value)}", is_statement=True)


def change(place: Place, name: str, *value: str) -> Plain:
    """A line of %%scorep_env."""
    environ = f"{place.found.os}.environ"
    if not is_for_runner(name):
        return Plain(f"{environ}[{name!r}] = {value[0]!r}" if value else f"{environ}.pop({name!r}, None)")
    place.found.environment.append(Variable(name, value[0] if value else None))
    return Plain("None", f"The runner {'sets' if value else 'unsets'} {name}")


def _environment(line: str, place: Place) -> Optional[Plain]:
    name, sign, value = (part.strip(" \t") for part in line.strip().partition("=" if "=" in line else " "))
    environ = f"{place.found.os}.environ"
    if re.search(r"\s", name):
        return None
    if value or sign:
        return set_variable(name, value, place)
    found = f"{environ}[{place.text(name)}]" if name else f"dict({environ})"
    if place.has_value:
        return Plain(found)
    return Plain(f"print({environ}.get({place.text(name)}))" if name else f"print({found})")


def _directory(line: str, place: Place) -> Optional[Plain]:
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    if words and words[0] == "-q":
        words = words[1:]
    if words and words[0].startswith("-"):
        return None  # back in IPython's history, or to a bookmark
    path = " ".join(words) or "~"
    expression = place.text(path)
    if path.startswith("~") or place.has_fields(path):
        expression = f"{place.found.os}.path.expanduser({expression})"
    return Plain(f"{place.found.os}.chdir({expression})")


def _show_directory(line: str, place: Place) -> Optional[Plain]:
    code = f"{place.found.os}.getcwd()"
    return Plain(code if place.has_value else f"print({code})")


def _program(name: str) -> Callable[[str, Place], Optional[Plain]]:
    return lambda line, place: system(f"{name} {line}".strip(), place)


def system(command: str, place: Place) -> Plain:
    """!command"""
    return Plain(f"{place.found.helper('_notebook_system')}({place.text(command)})")


def output(command: str, place: Place) -> Plain:
    """lines = !command"""
    if not place.has_value:
        return system(command, place)
    return Plain(f"{place.found.helper('_notebook_output')}({place.text(command)})")


_RUN_OPTIONS = {"-i": "shared=True", "-n": "main=False", "-G": "glob=False", "-m": "module=True"}


def _run(line: str, place: Place) -> Optional[Plain]:
    rest, options = line.strip(), []
    while rest.startswith("-"):
        option, _, rest = rest.partition(" ")
        if option not in _RUN_OPTIONS:
            return None  # those of debuggers and profilers
        options.append(_RUN_OPTIONS[option])
        rest = rest.strip()
        if option == "-m":
            break
    try:
        words = shlex.split(rest)
    except ValueError:
        return None
    if not words or words[0].endswith((".ipy", ".ipynb")):
        return None
    return Plain(f"{place.found.helper('_notebook_run')}({', '.join([place.command(rest), *options])})")


_BACKENDS = ("", "inline", "widget", "notebook", "nbagg", "ipympl", "agg")


def _matplotlib(line: str, place: Place) -> Optional[Plain]:
    """Figures are drawn and not shown."""
    return Plain("__import__('matplotlib').use('Agg')") if line.strip().lower() in _BACKENDS else None


LINES: Dict[str, Callable[[str, Place], Optional[Plain]]] = {
    "env": _environment,
    "set_env": _environment,
    "cd": _directory,
    "pwd": _show_directory,
    "run": _run,
    "matplotlib": _matplotlib,
    "sx": output,
    "system": output,
    "ll": _program("ls -l"),
    **{name: _program(name) for name in ("cat", "cp", "ln", "ls", "mkdir", "mv", "rm", "rmdir")},
}


# --- cells -----------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parsed(line: str, *options: Tuple[str, dict]) -> Tuple[argparse.Namespace, List[str]]:
    """The options that IPython would find in a magic's line, and the other words. ValueError: there are others."""
    parser = _Parser(add_help=False)
    for name, details in options:
        parser.add_argument(name, **details)
    return parser.parse_known_args(shlex.split(line))


def _literal(text: str) -> str:
    """A text of many lines, as one writes it."""
    lines = text.replace("\\", "\\\\").replace("'''", r"\'\'\'")
    literal = f"'''\\\n{lines}'''"
    return literal if text.endswith("\n") and ast.literal_eval(literal) == text else repr(text)


_SWITCH: dict = {"action": "store_true"}
_VALUE: dict = {}
_PROGRAM_OPTIONS = [(name, _VALUE) for name in ("--out", "--err", "--proc")]
_PROGRAM_OPTIONS += [(name, _SWITCH) for name in ("--bg", "--no-raise-error")]
_PROGRAM_OPTION = re.compile(r"(^|(?<=\s))--((out|err|proc)(=|\s+)\S+|bg|no-raise-error)(?=\s|$)")


def _script(program: str) -> Callable[[str, str, Place], Optional[Plain]]:
    def translate(line: str, body: str, place: Place) -> Optional[Plain]:
        options, words = parsed(f"{program} {line}", *_PROGRAM_OPTIONS)
        kept = {"out": options.out, "err": options.err}
        names = [name for name in kept.values() if name]
        rest = _PROGRAM_OPTION.sub("", f"{program} {line}")
        if options.bg or not words or shlex.split(rest) != words or not all(map(str.isidentifier, names)):
            return None
        text = body if body.endswith("\n") else body + "\n"
        arguments = [place.command(rest), _literal(text), *(f"{key}=True" for key, name in kept.items() if name)]
        arguments += ["check=False"] if options.no_raise_error else []
        call = f"{place.found.helper('_notebook_program')}({', '.join(arguments)})"
        if not names:
            return Plain(call)
        targets = f"{kept['out'] or '_'}, {kept['err'] or '_'}"
        if len(names) == 1:
            targets, call = names[0], f"{call}[{1 if kept['err'] else 0}]"
        return Plain(f"{targets} = {call}", is_statement=True)

    return translate


def _write_file(line: str, body: str, place: Place) -> Optional[Plain]:
    options, words = parsed(line, ("--append", _SWITCH), ("-a", {**_SWITCH, "dest": "append"}))
    if len(words) != 1:
        return None
    path = place.text(words[0])
    if words[0].startswith("~"):
        path = f"{place.found.os}.path.expanduser({path})"
    more = ", append=True" if options.append else ""
    return Plain(f"{place.found.helper('_notebook_write')}({path}, {_literal(body)}{more})")


def _shell(line: str, body: str, place: Place) -> Optional[Plain]:
    return output(body, place)


CELLS: Dict[str, Callable[[str, str, Place], Optional[Plain]]] = {
    "script": _script(""),
    **{name: _script(name) for name in ("sh", "bash", "perl", "pypy", "python", "python2", "python3", "ruby")},
    "writefile": _write_file,
    "file": _write_file,
    "sx": _shell,
    "system": _shell,
    "!": _shell,
}
