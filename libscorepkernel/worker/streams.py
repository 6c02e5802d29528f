# SPDX-License-Identifier: BSD-3-Clause
"""sys.stdout and sys.stderr of the session."""

from __future__ import annotations

import io
from typing import Any, Iterable

from .base.connection import Connection


class OutStream(io.TextIOBase):
    """Text goes to the library line by line as it is written, and is gathered there: what a crash could take along
    is at most the beginning of a line, and nothing waits for a flush for long."""

    encoding = "UTF-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, connection: Connection, which: int, name: str) -> None:
        super().__init__()
        self._connection = connection
        self._which = which
        self.name = name
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._connection.write(self._which, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        self.write("".join(lines))

    def flush(self) -> None:
        self._connection.flush()

    def fileno(self) -> int:
        """The descriptor that child processes inherit: it is shown too."""
        return self._which

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Stays open, as the text stream above it does."""

    def reconfigure(self, **_: Any) -> None:
        """The encoding is fixed; programs that set it to UTF-8 get what they want."""


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer: bytes that are written here appear in order with the text."""

    def __init__(self, text: OutStream) -> None:
        super().__init__()
        self._text = text

    def write(self, data: Any) -> int:
        data = bytes(data)
        self._text.write(data.decode("utf-8", "replace"))
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()

    def close(self) -> None:
        """As the text stream above it."""
