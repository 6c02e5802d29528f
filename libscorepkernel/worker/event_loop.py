# SPDX-License-Identifier: BSD-3-Clause
"""The event loop that the session's server and users' tasks share: made, looked after, and made whole again. Users'
code can take its descriptors away, or have it watch the server's no more; nobody else could then speak to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import selectors
import signal
import time
from typing import Any, List, Optional, Tuple

from .base.descriptors import high_descriptors, identity, none_is_left, socketpair, with_reserve

Ends = Tuple[Optional[Tuple[int, int]], ...]

_WATCHED = re.compile(r"^tfd:\s*(\d+)", re.M)
_RUN = asyncio.events.Handle._run.__code__
_ASYNCIO, _PACKAGE = (os.path.dirname(os.path.abspath(path)) + os.sep for path in (asyncio.__file__, __file__))
_open, _readlink, _Selector, _monotonic = open, os.readlink, selectors.DefaultSelector, time.monotonic
_selectors: List[Any] = []  # whose descriptors users' code has put to other uses: nobody must close those


def make() -> asyncio.AbstractEventLoop:
    """A new event loop, which is the thread's current one from now on."""
    with high_descriptors():
        loop = asyncio.new_event_loop()
    with contextlib.suppress(AttributeError):  # one of another kind has a clock of its own
        loop.time = _monotonic  # type: ignore[assignment]
    asyncio.set_event_loop(loop)
    return loop


def ends(loop: Any) -> Ends:
    """Of the pair of sockets that threads wake the loop with, to be compared later."""
    return tuple(map(_identity, _pair(loop)))


def hears(loop: Any, number: int, before: Ends) -> bool:
    """Whether the loop notices that there is something to read on a descriptor, and that a thread wakes it. before:
    its ends as they were."""
    try:
        if loop.is_closed() or ends(loop) != before or loop._selector is None:
            return False
        selector, needed = loop._selector, {number, loop._ssock.fileno()}
        if not needed <= set(selector.get_map()):
            return False
        return needed <= set(map(int, _WATCHED.findall(_what_is_told_of(selector.fileno()))))
    except AttributeError:
        return True  # a loop of another kind, of which nothing can be told
    except (OSError, ValueError, TypeError) as problem:
        return none_is_left(problem)  # to look with; else its selector is closed


def _what_is_told_of(number: int) -> str:
    path = f"/proc/self/fdinfo/{number}"
    try:
        with _open(path, encoding="ascii") as file:
            return file.read()
    except OSError as problem:
        if not none_is_left(problem):
            raise
    with with_reserve(), _open(path, encoding="ascii") as file:
        return file.read()


def runs_users_code(frame: Any) -> bool:
    """Whether what runs here is a task or a callback of the user's; by the frame that a signal came to."""
    called: List[str] = []
    while frame is not None and frame.f_code is not _RUN:
        called.append(frame.f_code.co_filename)
        frame = frame.f_back
    if frame is not None and not called:
        return True  # a function in C, which is none of ours
    while called and called[-1].startswith(_ASYNCIO):
        called.pop()
    return frame is not None and bool(called) and not called[-1].startswith(_PACKAGE)


def renew(loop: Any, without: int, before: Ends, forked: bool) -> bool:
    """Give a loop descriptors of its own again, so that users' tasks on it go on; it watches this one no more. False:
    it is closed, or of another kind."""
    if loop.is_closed():
        return False
    if forked:
        # It runs in the process that forked: without this, tasks that are due in its present round would find none.
        # Since Python 3.12, a fork forgets the thread's loop, too.
        asyncio.events._set_running_loop(loop)
        asyncio.set_event_loop(loop)
    try:
        old = loop._selector
        left_out = (loop._ssock.fileno(), without)
        watched = list((old and old.get_map() or {}).values())
        with high_descriptors():
            _give_up_lost(loop, before)
            _close(old)
            loop._selector = _Selector()
            for key in watched:
                if key.fd not in left_out:
                    with contextlib.suppress(OSError, ValueError, KeyError):
                        loop._selector.register(key.fileobj, key.events, key.data)
            loop._close_self_pipe()
            _make_pair(loop)
        if loop._signal_handlers:
            signal.set_wakeup_fd(loop._csock.fileno())
    except AttributeError:
        return False
    return True


def _pair(loop: Any) -> List[Any]:
    return [getattr(loop, name, None) for name in ("_ssock", "_csock")]


def _identity(end: Any) -> Optional[Tuple[int, int]]:
    return None if end is None else identity(end.fileno())


def _give_up_lost(loop: Any, before: Ends) -> None:
    """What users' code has closed is not ours to close: its number may be another file's by now."""
    for name, end, known in zip(("_ssock", "_csock"), _pair(loop), before):
        if known is None or _identity(end) != known:
            end.detach()
            setattr(loop, name, socketpair()[0])


def _make_pair(loop: Any) -> None:
    """Make the pair of sockets by which threads wake the loop: as asyncio does, but of plain sockets."""
    loop._ssock, loop._csock = socketpair()
    for end in (loop._ssock, loop._csock):
        end.setblocking(False)
    loop._internal_fds += 1
    loop._add_reader(loop._ssock.fileno(), loop._read_from_self)


def _close(selector: Any) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if _readlink(f"/proc/self/fd/{selector.fileno()}") == "anon_inode:[eventpoll]":
            selector.close()
            return
    _selectors.append(selector)
