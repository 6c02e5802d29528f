# SPDX-License-Identifier: BSD-3-Clause
"""The report of an experiment as one HTML file, which needs no script, no network and nothing beside it. The report in
it is that under the cell, and is made by a program of ours; what stands around it is written here."""

from __future__ import annotations

import html
import os
from typing import Any

from ..base import places, programs
from . import kept

# How a page begins, which tells it from other files of that name.
BEGIN = b"<!DOCTYPE html><!-- By %scorep_export -->\n"
_SECONDS = 60
_SOURCE_MAX = 1 << 20  # characters of the cell that are shown
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #1f2328;
       background: #fff; }
h1 { font-size: 1.4em; margin-bottom: 0; }
h2 { font-size: 1.1em; margin-top: 1.5em; }
pre { background: #f2f3f5; padding: 0.8em; overflow: auto; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.92em; }
table { border-collapse: collapse; }
th, td { padding: 0.15em 0.7em; text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; margin: 0.4em 0; }
@media (prefers-color-scheme: dark) { body { color: #e4e6e9; background: #16181c; } pre { background: #23262c; } }
"""
# Nothing but inline styles has an effect, whatever has got into the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class NoPage(ValueError):
    """It could not be made; the text says why, and what to do."""


def made(experiment: kept.Experiment, measurement: bytes) -> bytes:
    """The page. measurement: the report as JSON, as the library takes it. NoPage."""
    shown, problem = programs.run_filter([places.HTML_PROGRAM], _SECONDS, measurement)
    if problem and not os.path.exists(places.HTML_PROGRAM):
        raise NoPage(f"{places.HTML_PROGRAM} is missing, which makes the page. Install the kernel again.")
    if problem:
        raise NoPage(
            f"{places.HTML_PROGRAM} could not make the page: {problem}. Measure the cell again, if its report was "
            "changed."
        )
    title = _escaped(_title(experiment))
    head = (
        f'<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
    )
    body = f"<body><h1>{title}</h1><p>{_escaped(_told(experiment))}</p>\n"
    end = f"\n<h2>The cell</h2><pre><code>{_source(experiment)}</code></pre></body></html>\n"
    return b"".join([BEGIN, head.encode(), body.encode(), shown, end.encode()])


def _title(experiment: kept.Experiment) -> str:
    number, notebook = _said(experiment, "execution_count"), os.path.basename(_said(experiment, "notebook"))
    cell = f"Cell {number}" if number else "Measured cell"
    return f"{cell} of {notebook}" if notebook else cell


def _told(experiment: kept.Experiment) -> str:
    """When and where it was measured, and how it ended."""
    host, status = _said(experiment, "host"), _said(experiment, "status")
    parts = [kept.age(experiment), f"on {host}" if host else "", status if status != "ok" else ""]
    return " · ".join(filter(None, parts))


def _said(experiment: kept.Experiment, name: str) -> str:
    """What the record says; empty where it says nothing that is shown."""
    value: Any = experiment.record.get(name)
    return str(value) if isinstance(value, (str, int)) else ""


def _source(experiment: kept.Experiment) -> str:
    source = kept.source(experiment)
    rest = "" if len(source) <= _SOURCE_MAX else "\n... and more: see cell.py in the experiment."
    return _escaped(source[:_SOURCE_MAX] + rest)


def _escaped(text: str) -> str:
    """For HTML; a character that cannot be seen, or has what follows read in another order, is written out."""
    return html.escape("".join(map(_visible, text)))


def _visible(character: str) -> str:
    is_seen = character.isprintable() or character in "\n\t"
    return character if is_seen else character.encode("unicode_escape").decode("ascii")
