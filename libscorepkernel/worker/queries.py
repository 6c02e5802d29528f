# SPDX-License-Identifier: BSD-3-Clause
"""What a client asks of the session beside cells: completions, explanations, whether code is complete, history."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Iterator, List

from IPython.core.completer import Completion, provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor

from . import time_limit
from .base import frame_numbers
from .base.connection import Connection
from .base.frames import Frame
from .base.interrupts import OutOfTime
from .directives import completion

# So long users' code may take to answer a query, for which the next cell waits.
_SECONDS = 10.0
_ENDLESS = (
    "was ended, since a completion or an inspection ran code of the user's (a __repr__, a __dir__, a property) that "
    "neither ended nor let itself be interrupted"
)


class Queries:
    """Answers queries."""

    def __init__(self, connection: Connection, shell: Any) -> None:
        self._connection = connection
        self._shell = shell
        # By the frame: what answers it, with how it went and the content of the reply.
        self.handlers = {
            frame_numbers.COMPLETE: self._complete,
            frame_numbers.INSPECT: self._inspect,
            frame_numbers.IS_COMPLETE: self._is_complete,
            frame_numbers.HISTORY: self._history,
        }

    @contextlib.contextmanager
    def _users_code(self) -> Iterator[None]:
        """Users' code runs for a query. An interrupt ends the block, and so does too long a time: what has been found
        by then is the answer."""
        interrupts = self._connection.interrupts
        with contextlib.suppress(KeyboardInterrupt, OutOfTime), interrupts.users_code():
            with time_limit.Limit(_SECONDS, interrupts, lambda: self._connection.end(_ENDLESS)):
                yield

    async def _complete(self, frame: Frame) -> tuple:
        """What could stand at the cursor (complete_request)."""
        content = json.loads(frame.parts[0])
        code = content["code"]
        position = content.get("cursor_pos")
        position = len(code) if position is None else position
        found: List[Any] = []
        with self._users_code(), provisionalcompleter():
            of_directive = completion.find(code, position) or ()
            found = [Completion(one.start, one.end, one.text, type=one.meaning) for one in of_directive]
            found = found or list(rectify_completions(code, self._shell.Completer.completions(code, position)))
        start, end = (found[0].start, found[0].end) if found else (position, position)
        kinds = [{"start": c.start, "end": c.end, "text": c.text, "type": c.type} for c in found]
        return frame_numbers.OK, {
            "status": "ok",
            "matches": [c.text for c in found],
            "cursor_start": start,
            "cursor_end": end,
            "metadata": {"_jupyter_types_experimental": kinds},
        }

    async def _inspect(self, frame: Frame) -> tuple:
        """What the name at the cursor stands for (inspect_request)."""
        content = json.loads(frame.parts[0])
        position = content.get("cursor_pos")
        name = token_at_cursor(content["code"], len(content["code"]) if position is None else position)
        reply: dict = {"status": "ok", "found": False, "data": {}, "metadata": {}}
        with self._users_code(), contextlib.suppress(KeyError):
            data = self._shell.object_inspect_mime(name, detail_level=content.get("detail_level", 0))
            if not self._shell.enable_html_pager:
                data.pop("text/html", None)
            reply.update(data=data, found=True)
        return frame_numbers.OK, reply

    async def _is_complete(self, frame: Frame) -> tuple:
        """Whether the code can be run as it stands (is_complete_request)."""
        code = json.loads(frame.parts[0])["code"]
        status, indent = "unknown", None
        with self._users_code():
            status, indent = self._shell.input_transformer_manager.check_complete(code)
        reply = {"status": status}
        if status == "incomplete":
            reply["indent"] = " " * (indent or 0)
        return frame_numbers.OK, reply

    async def _history(self, frame: Frame) -> tuple:
        """Earlier cells (history_request)."""
        found = _find_history(self._shell.history_manager, json.loads(frame.parts[0]))
        return frame_numbers.OK, {"status": "ok", "history": found}


def _find_history(manager: Any, ask: dict) -> list:
    """What a history request asks for."""
    kind, raw, output = ask.get("hist_access_type", "tail"), ask.get("raw", True), ask.get("output", False)
    if kind == "tail":
        return list(manager.get_tail(ask.get("n") or 10, raw=raw, output=output, include_latest=True))
    if kind == "range":
        session, start, stop = ask.get("session", 0), ask.get("start", 1), ask.get("stop")
        found = manager.get_range(session, start, stop, raw=raw, output=output)
        # IPython calls the current session 0; the client knows it by the number that "tail" gave.
        return [(number or session, *rest) for number, *rest in found]
    wanted = {"n": ask.get("n"), "unique": ask.get("unique", False)}
    return list(manager.search(ask.get("pattern") or "*", raw=raw, output=output, **wanted))
