# SPDX-License-Identifier: BSD-3-Clause
"""IPython's history around a fork."""

from __future__ import annotations

import atexit
import contextlib
import sys
from typing import Any, Iterator, List

from ..base.descriptors import high_descriptors


@contextlib.contextmanager
def at_rest(shell: Any) -> Iterator[None]:
    """While the block runs, IPython's history writes nothing: a copy that was forked in the middle of a transaction
    would find a broken database, and IPython would put that aside."""
    manager = shell.history_manager
    if hasattr(manager, "_restart_thread_if_stopped"):
        # Since version 9, IPython waits before a fork for its thread, which may wait for the locks that we take.
        manager._stop_thread()
    names = ("db_input_cache_lock", "db_output_cache_lock")
    locks = [getattr(manager, name) for name in names if hasattr(manager, name)]
    with contextlib.ExitStack() as held:
        for lock in locks:
            held.enter_context(lock)
        yield


def said_of_end(why: str) -> str:
    """What the user is to know where this session has no history any more."""
    return (
        f"IPython's history is not written any more in this session, since {why}; what earlier cells wrote is kept. "
        "Restart the kernel to have it again."
    )


def renew(shell: Any) -> List[str]:
    """In a copy that goes on as the session: a history of its own. What the user is to know."""
    old = shell.history_manager
    for owner in (getattr(old, "save_thread", None), old):
        # The thread's connection can be closed by nobody else, but released; as can one that fails to close.
        with contextlib.suppress(Exception):
            owner.db.close()
        with contextlib.suppress(Exception):
            owner.db = None
    with contextlib.suppress(Exception):  # else what is done at exit would keep both for ever
        atexit.unregister(old.save_thread.stop)
        old.save_thread.history_manager = None
    try:
        with high_descriptors():
            new = type(old)(shell=shell, parent=shell)
    except Exception:
        old.enabled = False
        by_gevent = "gevent" in sys.modules
        return [said_of_end("gevent has replaced what its thread needs" if by_gevent else "it cannot be opened")]
    for name in ("input_hist_parsed", "input_hist_raw", "output_hist", "dir_hist", "output_hist_reprs"):
        setattr(new, name, getattr(old, name))
    shell.history_manager = new
    return []
